import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seeded } from '@bramble/reconcile/sim/seeded'
import {
  allocate,
  type Asking,
  closedFiles,
  type Device,
  type DeviceFile,
  deviceCounts,
  devicesWanted,
  groupsFor,
  type Held,
} from './plan.ts'

const aFile = (path: string, groupId = 20, mode = 0o660): DeviceFile => ({
  hostPath: path,
  containerPath: path,
  number: '4:64',
  groupId,
  mode,
})
const aDevice = (className: string, id: string, more: Partial<Device> = {}): Device => ({
  className,
  id,
  permissions: 'rw',
  sharedBy: 1,
  files: [aFile(id)],
  ...more,
})
const asking = (container: string, wanted: Record<string, number>, successorOf: string[] = [], podUid = 'pod'): Asking => ({
  podUid,
  container,
  wanted: new Map(Object.entries(wanted)),
  successorOf,
})
const holders = (held: Record<string, Record<string, Held>>) =>
  new Map(Object.entries(held).map(([uid, containers]) => [uid, new Map(Object.entries(containers))]))

test('a node reports what is there, and what should be', () => {
  const devices = [aDevice('gpio', '/dev/gpio', { sharedBy: 8 }), aDevice('serial', '/a'), aDevice('serial', '/b', { files: [] })]
  assert.deepEqual(deviceCounts(['gpio', 'serial', 'webcam'], devices), {
    'bramble.dev/gpio': { capacity: 8, allocatable: 8 },
    'bramble.dev/serial': { capacity: 2, allocatable: 1 },
    'bramble.dev/webcam': { capacity: 0, allocatable: 0 },
  })
})

test('what a container asks for are its limits of our names', () =>
  assert.deepEqual([...devicesWanted({ cpu: '1', 'bramble.dev/serial': '2', 'bramble.dev/none': 0, 'other.dev/x': 1 })], [['serial', 2]]))

const TWO = [aDevice('serial', '/a'), aDevice('serial', '/b')]
for (const [sentence, devices, held, ask, expected] of [
  ['a free one', TWO, { other: { main: { serial: ['/a'] } } }, asking('main', { serial: 1 }), { held: { serial: ['/b'] } }],
  ['two different ones', TWO, {}, asking('main', { serial: 2 }), { held: { serial: ['/a', '/b'] } }],
  [
    'two of what others may have as well',
    [aDevice('gpio', '/x', { sharedBy: 2 }), aDevice('gpio', '/y', { sharedBy: 2 })],
    {},
    asking('main', { gpio: 2 }),
    { held: { gpio: ['/x', '/y'] } },
  ],
  ['the same as before', TWO, { pod: { main: { serial: ['/b'] } } }, asking('main', { serial: 1 }), { held: { serial: ['/b'] } }],
  [
    'what an init container had',
    TWO,
    { pod: { init: { serial: ['/b'] } } },
    asking('main', { serial: 1 }, ['init']),
    { held: { serial: ['/b'] } },
  ],
  ['not what a sidecar has', TWO, { pod: { side: { serial: ['/a'] } } }, asking('main', { serial: 1 }), { held: { serial: ['/b'] } }],
  [
    'none that is free',
    TWO,
    { other: { main: { serial: ['/a', '/b'] } } },
    asking('main', { serial: 1 }),
    {
      refusal:
        'Allocate failed due to requested number of devices unavailable for bramble.dev/serial. Requested: 1, Available: 0, which is unexpected',
    },
  ],
  [
    'none that is there',
    [aDevice('serial', '/a', { files: [] })],
    {},
    asking('main', { serial: 1 }),
    {
      refusal:
        'Allocate failed due to requested number of devices unavailable for bramble.dev/serial. Requested: 1, Available: 0, which is unexpected',
    },
  ],
  [
    'the one it had is gone',
    [aDevice('serial', '/a', { files: [] }), aDevice('serial', '/b')],
    { pod: { main: { serial: ['/a'] } } },
    asking('main', { serial: 1 }),
    { refusal: 'previously allocated devices are no longer healthy; cannot allocate unhealthy device /a of bramble.dev/serial' },
  ],
] as const)
  test(`a container gets ${sentence}`, () => assert.deepEqual(allocate(devices, holders(held), ask), expected))

test('whatever is asked for: no device is given to more containers than may have it, none that is not there, and none without need refused', () => {
  for (let seed = 1; seed <= 300; seed++) {
    const random = seeded(seed)
    const devices = Array.from({ length: 1 + Math.floor(random() * 4) }, (_, index) =>
      aDevice('x', `d${index}`, { sharedBy: 1 + Math.floor(random() * 3), ...(random() < 0.2 && { files: [] }) }),
    )
    const room = devices.filter(({ files }) => files.length > 0).reduce((sum, { sharedBy }) => sum + sharedBy, 0)
    const all = new Map<string, Map<string, Held>>()
    let given = 0
    for (let pod = 0; pod < 8; pod++) {
      const count = 1 + Math.floor(random() * 3)
      const result = allocate(devices, all, asking('main', { x: count }, [], `p${pod}`))
      assert.equal('held' in result, given + count <= room, `SEED=${seed}`)
      if (!('held' in result)) continue
      given += count
      all.set(`p${pod}`, new Map([['main', result.held]]))
    }
    const ids = [...all.values()].flatMap((containers) => [...containers.values()]).flatMap((held) => held['x'] ?? [])
    for (const device of devices) {
      const holdersOf = ids.filter((id) => id === device.id).length
      assert.ok(holdersOf <= (device.files.length > 0 ? device.sharedBy : 0), `SEED=${seed}`)
    }
  }
})

for (const [sentence, file, permissions, groups, closed] of [
  ['of a group', aFile('/x', 20, 0o660), 'rw', [20], 0],
  ['for everybody', aFile('/x', 20, 0o666), 'rw', [], 0],
  ['for everybody to read', aFile('/x', 20, 0o664), 'r', [], 0],
  ['for a group to write', aFile('/x', 20, 0o664), 'rw', [20], 0],
  ['of root’s group', aFile('/x', 0, 0o660), 'rw', [], 1],
  ['of root alone', aFile('/x', 20, 0o600), 'rw', [], 1],
] as const)
  test(`a file ${sentence}, to use it ${permissions}`, () => {
    assert.deepEqual(groupsFor([file], permissions), groups)
    assert.equal(closedFiles([file], permissions).length, closed)
  })
