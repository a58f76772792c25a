import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { PodResources } from '../runtime.ts'
import {
  type CgroupVersion,
  classSettings,
  cpuMillis,
  cpuQuotaUs,
  cpuShares,
  ociResources,
  oomKillsIn,
  podSettings,
  systemdProperties,
} from './settings.ts'

const limited: PodResources = { qosClass: 'Burstable', cpuRequestMillis: 250, cpuLimitMillis: 500, memoryLimitBytes: 64 << 20 }
const unlimited: PodResources = { qosClass: 'Burstable', cpuRequestMillis: 250 }
const bestEffort: PodResources = { qosClass: 'BestEffort', cpuRequestMillis: 0 }

describe('what is written into the cgroup of a pod', () => {
  const cases: readonly {
    readonly name: string
    readonly version: CgroupVersion
    readonly pod: PodResources
    readonly files: Readonly<Record<string, string>>
    readonly systemd: readonly string[]
  }[] = [
    {
      name: 'limits, cgroup v1',
      version: 1,
      pod: limited,
      files: {
        'cpu/cpu.shares': '256',
        'cpu/cpu.cfs_period_us': '100000',
        'cpu/cpu.cfs_quota_us': '50000',
        'memory/memory.limit_in_bytes': '67108864',
      },
      systemd: ['CPUShares=256', 'CPUQuota=50%', 'MemoryLimit=67108864'],
    },
    {
      name: 'limits, cgroup v2',
      version: 2,
      pod: limited,
      files: { 'cpu/cpu.weight': '10', 'cpu/cpu.max': '50000 100000', 'memory/memory.max': '67108864' },
      systemd: ['CPUWeight=10', 'CPUQuota=50%', 'MemoryMax=67108864'],
    },
    {
      name: 'processes, cgroup v1',
      version: 1,
      pod: { ...bestEffort, pidsLimit: 512 },
      files: {
        'cpu/cpu.shares': '2',
        'cpu/cpu.cfs_period_us': '100000',
        'cpu/cpu.cfs_quota_us': '-1',
        'memory/memory.limit_in_bytes': '-1',
        'pids/pids.max': '512',
      },
      systemd: ['CPUShares=2', 'CPUQuota=', 'MemoryLimit=infinity', 'TasksMax=512'],
    },
    {
      name: 'processes, cgroup v2',
      version: 2,
      pod: { ...bestEffort, pidsLimit: 512 },
      files: { 'cpu/cpu.weight': '1', 'cpu/cpu.max': 'max 100000', 'memory/memory.max': 'max', 'pids/pids.max': '512' },
      systemd: ['CPUWeight=1', 'CPUQuota=', 'MemoryMax=infinity', 'TasksMax=512'],
    },
    {
      name: 'no limits, cgroup v1: earlier ones are taken away',
      version: 1,
      pod: unlimited,
      files: {
        'cpu/cpu.shares': '256',
        'cpu/cpu.cfs_period_us': '100000',
        'cpu/cpu.cfs_quota_us': '-1',
        'memory/memory.limit_in_bytes': '-1',
      },
      systemd: ['CPUShares=256', 'CPUQuota=', 'MemoryLimit=infinity'],
    },
    {
      name: 'no limits, cgroup v2: earlier ones are taken away',
      version: 2,
      pod: unlimited,
      files: { 'cpu/cpu.weight': '10', 'cpu/cpu.max': 'max 100000', 'memory/memory.max': 'max' },
      systemd: ['CPUWeight=10', 'CPUQuota=', 'MemoryMax=infinity'],
    },
    {
      name: 'nothing asked for: the smallest share, cgroup v2',
      version: 2,
      pod: bestEffort,
      files: { 'cpu/cpu.weight': '1', 'cpu/cpu.max': 'max 100000', 'memory/memory.max': 'max' },
      systemd: ['CPUWeight=1', 'CPUQuota=', 'MemoryMax=infinity'],
    },
  ]
  for (const { name, version, pod, files, systemd } of cases)
    it(name, () => {
      const settings = podSettings(version, pod)
      assert.deepEqual(Object.fromEntries(settings.map(({ controller, file, content }) => [`${controller}/${file}`, content])), files)
      assert.deepEqual(systemdProperties(settings), systemd)
    })

  it('a fraction of a per cent stays', () =>
    assert.ok(systemdProperties(podSettings(2, { ...limited, cpuLimitMillis: 255 })).includes('CPUQuota=25.5%')))

  for (const [version, burstable, least] of [
    [1, 'cpu.shares=1024', 'cpu.shares=2'],
    [2, 'cpu.weight=39', 'cpu.weight=1'],
  ] as const)
    it(`classes share the CPU by what their pods ask for, cgroup v${version}`, () => {
      const told = (...args: Parameters<typeof classSettings>): string =>
        classSettings(...args)
          .map(({ file, content }) => `${file}=${content}`)
          .join()
      assert.equal(told(version, 'Burstable', 1000), burstable)
      assert.equal(told(version, 'Burstable', 0), least)
      assert.equal(told(version, 'BestEffort', 1000), least)
    })
})

describe('CPU in the words of the kernel', () => {
  it('shares tell exactly what was asked for', () => {
    for (let millis = 2; millis <= 64_000; millis++) assert.equal(cpuMillis(cpuShares(millis)), millis)
  })
  it('a quota is at least a millisecond', () => assert.deepEqual([1, 10, 250, 4000].map(cpuQuotaUs), [1000, 1000, 25_000, 400_000]))
  it('of a change only what is given is told', () => {
    assert.deepEqual(ociResources({ memoryLimitBytes: 5 }), { memory: { limit: 5, swap: 5 } })
    assert.deepEqual(ociResources({ cpuRequestMillis: 100 }), { cpu: { shares: 102 } })
    assert.deepEqual(ociResources({ cpuLimitMillis: 100 }), { cpu: { quota: 10_000, period: 100_000 } })
  })
})

describe('how often memory ran out', () => {
  for (const [name, text, want] of [
    ['cgroup v1', 'oom_kill_disable 0\nunder_oom 0\noom_kill 3\n', 3],
    ['cgroup v1 before kernel 4.13, which does not count', 'oom_kill_disable 0\nunder_oom 0\n', undefined],
    ['cgroup v2', 'low 0\nhigh 0\nmax 12\noom 2\noom_kill 1\noom_group_kill 0\n', 1],
    ['cgroup v2, never', 'low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\noom_group_kill 0\n', 0],
    ['gone already', '', undefined],
  ] as const)
    it(name, () => assert.equal(oomKillsIn(text), want))
})
