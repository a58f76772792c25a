import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type CgroupUsage, cgroupUsage } from './cgroup-usage.ts'

const V1 = {
  'cpuacct/cpuacct.usage': '2500000000\n',
  'cpuacct/cpuacct.stat': 'user 200\nsystem 40\n',
  'cpu/cpu.stat': 'nr_periods 100\nnr_throttled 7\nthrottled_time 350000000\nnr_bursts 0\nburst_time 0\n',
  'cpu/cpu.shares': '256\n',
  'cpu/cpu.cfs_period_us': '100000\n',
  'cpu/cpu.cfs_quota_us': '50000\n',
  'memory/memory.usage_in_bytes': '50331648\n',
  'memory/memory.max_usage_in_bytes': '60000000\n',
  'memory/memory.limit_in_bytes': '67108864\n',
  'memory/memory.failcnt': '3\n',
  'memory/memory.oom_control': 'oom_kill_disable 0\nunder_oom 0\noom_kill 1\n',
  'memory/memory.stat':
    'cache 1\nrss 2\ninactive_file 3\nhierarchical_memory_limit 67108864\ntotal_cache 12582912\ntotal_rss 33554432\ntotal_mapped_file 4096\ntotal_swap 8192\ntotal_pgfault 900\ntotal_pgmajfault 9\ntotal_inactive_file 8388608\n',
  'pids/pids.current': '5\n',
  'pids/pids.max': 'max\n',
  'blkio/blkio.throttle.io_service_bytes_recursive': '8:0 Read 4096\n8:0 Write 8192\n8:0 Sync 0\n8:0 Total 12288\nTotal 12288\n',
  'blkio/blkio.throttle.io_serviced_recursive': '8:0 Read 1\n8:0 Write 2\n8:0 Total 3\nTotal 3\n',
}

const V2 = {
  'cpu.stat':
    'usage_usec 2500000\nuser_usec 2000000\nsystem_usec 400000\nnice_usec 0\nnr_periods 100\nnr_throttled 7\nthrottled_usec 350000\n',
  'cpu.weight': '10\n',
  'cpu.max': '50000 100000\n',
  'memory.current': '50331648\n',
  'memory.peak': '60000000\n',
  'memory.max': '67108864\n',
  'memory.swap.current': '8192\n',
  'memory.events': 'low 0\nhigh 0\nmax 3\noom 1\noom_kill 1\noom_group_kill 0\n',
  'memory.stat': 'anon 33554432\nfile 12582912\nfile_mapped 4096\ninactive_file 8388608\npgfault 900\npgmajfault 9\n',
  'pids.current': '5\n',
  'pids.max': 'max\n',
  'io.stat': '8:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=0 dios=0\n',
}

const SAME: CgroupUsage = {
  cpu: {
    usageNs: 2_500_000_000,
    userNs: 2_000_000_000,
    systemNs: 400_000_000,
    throttling: { periods: 100, throttledPeriods: 7, throttledNs: 350_000_000 },
  },
  memory: {
    usageBytes: 48 << 20,
    workingSetBytes: 40 << 20,
    rssBytes: 32 << 20,
    cacheBytes: 12 << 20,
    mappedFileBytes: 4096,
    swapBytes: 8192,
    maxUsageBytes: 60_000_000,
    failures: 3,
    oomKills: 1,
    pageFaults: 900,
    majorPageFaults: 9,
  },
  tasks: 5,
  io: [{ device: '8:0', readBytes: 4096, writeBytes: 8192, reads: 1, writes: 2 }],
  limits: { cpuShares: 256, cpuPeriodUs: 100_000, cpuQuotaUs: 50_000, memoryBytes: 64 << 20 },
}

const v1 = (texts: Readonly<Record<string, string>>): CgroupUsage =>
  cgroupUsage(1, (controller, file) => texts[`${controller}/${file}`] ?? '')
const v2 = (texts: Readonly<Record<string, string>>): CgroupUsage => cgroupUsage(2, (_, file) => texts[file] ?? '')

describe('what a cgroup uses', () => {
  it('is the same with either version', () => {
    assert.deepEqual(v1(V1), SAME)
    // a weight is coarser than shares: 237 of them are 10, as cAdvisor shows it
    assert.deepEqual(v2(V2), { ...SAME, limits: { ...SAME.limits, cpuShares: 237 } })
  })

  const cases: readonly (readonly [name: string, usage: CgroupUsage, want: CgroupUsage])[] = [
    ['of a cgroup that is gone is nothing, v1', v1({}), { io: [], limits: {} }],
    ['of a cgroup that is gone is nothing, v2', v2({}), { io: [], limits: {} }],
    [
      'has no limits where none are set, v1',
      v1({ 'cpu/cpu.cfs_quota_us': '-1\n', 'cpu/cpu.cfs_period_us': '100000\n', 'memory/memory.limit_in_bytes': '9223372036854771712\n' }),
      { io: [], limits: { cpuPeriodUs: 100_000 } },
    ],
    [
      'has no limits where none are set, v2',
      v2({ 'cpu.max': 'max 100000\n', 'memory.max': 'max\n' }),
      { io: [], limits: { cpuPeriodUs: 100_000 } },
    ],
    [
      'tells of throttling only where there is a quota',
      v1({ 'cpuacct/cpuacct.usage': '5\n', 'cpu/cpu.stat': 'nr_periods 0\nnr_throttled 0\nthrottled_time 0\n' }),
      { cpu: { usageNs: 5, userNs: 0, systemNs: 0 }, io: [], limits: {} },
    ],
    [
      'tells of the processor where the kernel does not count memory, as Raspberry Pi OS comes',
      v2({ 'cpu.stat': 'usage_usec 7\nuser_usec 4\nsystem_usec 3\n', 'pids.current': '1\n' }),
      { cpu: { usageNs: 7000, userNs: 4000, systemNs: 3000 }, tasks: 1, io: [], limits: {} },
    ],
  ]
  for (const [name, usage, want] of cases) it(name, () => assert.deepEqual(usage, want))

  it('has a working set that is never below nothing: both figures are read one after the other', () =>
    assert.equal(v2({ 'memory.current': '4096\n', 'memory.stat': 'inactive_file 8192\n' }).memory?.workingSetBytes, 0))

  it('counts what each disk was asked for, v1 and v2', () => {
    const disks = [
      { device: '8:0', readBytes: 1, writeBytes: 2, reads: 3, writes: 4 },
      { device: '179:0', readBytes: 5, writeBytes: 0, reads: 6, writes: 0 },
    ]
    const bytes = '8:0 Read 1\n8:0 Write 2\n179:0 Read 5\n179:0 Write 0\n'
    const serviced = '8:0 Read 3\n8:0 Write 4\n179:0 Read 6\n179:0 Write 0\n'
    assert.deepEqual(
      v1({
        'blkio/blkio.throttle.io_service_bytes_recursive': bytes,
        'blkio/blkio.throttle.io_serviced_recursive': serviced,
      }).io,
      disks,
    )
    assert.deepEqual(v2({ 'io.stat': '8:0 rbytes=1 wbytes=2 rios=3 wios=4\n179:0 rbytes=5 wbytes=0 rios=6 wios=0\n' }).io, disks)
  })
})
