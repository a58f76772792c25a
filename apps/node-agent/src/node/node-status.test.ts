import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nodeLabels, nodeStatus } from './node-status.ts'
import type { Inventory, Usage } from './system-facts.ts'

const INVENTORY: Inventory = {
  hostname: 'pi-1',
  machineId: 'm',
  systemUuid: 's',
  bootId: 'b',
  kernelVersion: '6.12',
  osImage: 'Debian',
  architecture: 'arm64',
  cpuCount: 4,
  memoryBytes: 1024 * 2 ** 20,
  diskBytes: 32 * 2 ** 30,
  diskType: 'sd',
  model: 'Raspberry Pi 4 Model B Rev 1.4',
  pageSizeBytes: 4096,
}
const USAGE: Usage = {
  atMs: 0,
  cpuMillis: 100,
  windowMs: 1000,
  memoryBytes: 0,
  memoryAvailableBytes: 500 * 2 ** 20,
  diskAvailableBytes: 10 * 2 ** 30,
  inodesAvailable: 1e6,
  processes: 100,
  addresses: ['192.0.2.1', '192.0.2.2'],
}
const SETTINGS = { nodeName: 'pi-1', version: '0.1.0', labels: {} }
const PODMAN = { name: 'podman', ready: true, version: '4.3.1' }
const NOW = '2026-01-01T00:00:00Z'

const cases = [
  { name: 'a healthy node is Ready', usage: {}, ready: 'True' },
  {
    name: 'no runtime is not Ready, and says what to do',
    runtime: { ...PODMAN, ready: false, reason: 'podman is not installed' },
    ready: 'False',
    message: /container runtime is not ready: podman is not installed/,
  },
  { name: 'no address is not Ready', usage: { addresses: [] }, ready: 'False', message: /no IPv4 address/ },
  { name: 'what is short is told', found: { pressures: ['DiskPressure'] }, pressed: ['DiskPressure'] },
  {
    name: 'what else was found is told',
    found: { conditions: [{ type: 'ClockWrong', status: 'True' as const }] },
    pressed: ['ClockWrong'],
  },
]
for (const { name, usage = {}, found, runtime, ready = 'True', message, pressed = [] } of cases) {
  test(name, () => {
    const { conditions = [] } = nodeStatus(INVENTORY, { ...USAGE, ...usage }, SETTINGS, runtime ?? PODMAN, undefined, NOW, found)
    const readyCondition = conditions.find(({ type }) => type === 'Ready')
    assert.equal(readyCondition?.status, ready)
    if (message) assert.match(readyCondition?.message ?? '', message)
    assert.deepEqual(
      conditions.filter(({ type, status }) => type !== 'Ready' && status === 'True').map(({ type }) => type),
      pressed,
    )
  })
}

const boards = [
  { name: '512 MiB', memoryMiB: 512, cpuCount: 4, allocatable: ['3900m', '373555Ki'] },
  { name: '1 GiB', memoryMiB: 1024, cpuCount: 4, allocatable: ['3900m', '798720Ki'] },
  { name: '8 GiB', memoryMiB: 8192, cpuCount: 4, allocatable: ['3900m', '7942144Ki'] },
  { name: 'one slow core', memoryMiB: 512, cpuCount: 1, allocatable: ['950m', '373555Ki'] },
]
for (const { name, memoryMiB, cpuCount, allocatable: expected } of boards)
  test(`room is kept for the system and the agent by size of the board: ${name}`, () => {
    const inventory = { ...INVENTORY, memoryBytes: memoryMiB * 2 ** 20, cpuCount }
    const { capacity, allocatable } = nodeStatus(inventory, USAGE, SETTINGS, PODMAN, undefined, NOW)
    assert.equal(capacity?.['memory'], `${memoryMiB * 1024}Ki`)
    assert.deepEqual([allocatable?.['cpu'], allocatable?.['memory']], expected)
  })

test('what an operator keeps for the system is kept', () => {
  const reserve = { cpuMillis: 1000, memoryBytes: 2 ** 29, evictionMemoryBytes: 0, diskBytes: 2 ** 30 }
  const { allocatable } = nodeStatus(INVENTORY, USAGE, SETTINGS, PODMAN, undefined, NOW, { reserve })
  assert.deepEqual(
    [allocatable?.['cpu'], allocatable?.['memory'], allocatable?.['ephemeral-storage']],
    ['3000m', `${2 ** 19}Ki`, `${31 * 2 ** 20}Ki`],
  )
})

test('--node-ip wins over the default route, --label over what was found', () => {
  const { addresses } = nodeStatus(INVENTORY, USAGE, { ...SETTINGS, nodeIp: '198.51.100.9' }, PODMAN, undefined, NOW)
  assert.equal(addresses?.[0]?.address, '198.51.100.9')
  assert.equal(nodeLabels(INVENTORY, SETTINGS)['disktype'], 'sd')
  assert.equal(nodeLabels(INVENTORY, { ...SETTINGS, labels: { disktype: 'ssd' } })['disktype'], 'ssd')
  assert.equal(nodeLabels(INVENTORY, SETTINGS)['bramble.dev/model'], 'Raspberry-Pi-4-Model-B-Rev-1.4')
})
