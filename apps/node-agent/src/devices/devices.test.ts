import assert from 'node:assert/strict'
import { test } from 'node:test'
import { simEnv } from '@bramble/reconcile/sim/sim-env'
import type { ContainerState, SandboxState } from '../runtime/runtime.ts'
import { classOfFlag } from './device-class.ts'
import { Devices, DEVICES_ANNOTATION } from './devices.ts'
import type { Asking, Device, DeviceFile } from './plan.ts'

const signal = new AbortController().signal

test('the node reports what is plugged in, and who waits is woken when that changes', async () => {
  const node = await aNode(['/dev/a', '/dev/b'])
  assert.deepEqual(node.devices.counts(), { 'bramble.dev/serial': { capacity: 2, allocatable: 2 } })
  const changes = node.changes()
  node.unplug('/dev/b')
  await node.pass(20_000)
  assert.deepEqual(node.devices.counts(), { 'bramble.dev/serial': { capacity: 2, allocatable: 1 } })
  assert.equal(node.changes(), changes + 1)
  await node.pass(60_000)
  assert.equal(node.changes(), changes + 1, 'nothing new')
})

test('a container gets a device with its group; the next one gets another, the third waits with kubelet’s words', async () => {
  const node = await aNode(['/dev/a', '/dev/b'])
  assert.deepEqual(await node.take('p1'), {
    devices: [{ hostPath: '/dev/a', containerPath: '/dev/a', permissions: 'rw' }],
    groups: [20],
    closedPaths: [],
    annotations: { [DEVICES_ANNOTATION]: '{"serial":["/dev/a"]}' },
  })
  assert.equal((await node.take('p2')).devices[0]?.hostPath, '/dev/b')
  const words =
    'Allocate failed due to requested number of devices unavailable for bramble.dev/serial. Requested: 1, Available: 0, which is unexpected'
  await assert.rejects(node.take('p3'), { reason: 'UnexpectedAdmissionError', message: words })
  assert.equal(node.devices.refusal('p3', [node.asking]), words)
  node.active.delete('p1')
  assert.equal(node.devices.refusal('p3', [node.asking]), undefined)
  assert.equal((await node.take('p3')).devices[0]?.hostPath, '/dev/a', 'of a pod that has ended')
  assert.equal((await node.take('p2')).devices[0]?.hostPath, '/dev/b', 'its own again')
})

test('a pod whose containers together ask for too much is refused', async () => {
  const node = await aNode(['/dev/a'])
  assert.equal(node.devices.refusal('p1', [node.asking, { ...node.asking, container: 'init' }])?.includes('Available: 0'), true)
  const inits = [
    { ...node.asking, container: 'init' },
    { ...node.asking, successorOf: ['init'] },
  ]
  assert.equal(node.devices.refusal('p1', inits), undefined, 'one after the other')
})

test('an agent that starts anew finds on containers what they have', async () => {
  const state = (name: string, annotations: Record<string, string>, more: Partial<ContainerState> = {}): ContainerState => ({
    id: name,
    name,
    attempt: 0,
    state: 'running',
    image: '',
    imageReference: '',
    createdAtMs: 0,
    logPath: '',
    annotations,
    ...more,
  })
  const node = await aNode(
    ['/dev/a', '/dev/b', '/dev/c'],
    [
      state('crashed', { [DEVICES_ANNOTATION]: '{"serial":["/dev/a"]}' }, { state: 'exited' }),
      state('init', { 'bramble.dev/devices-of-init': '{"serial":["/dev/b"]}' }, { state: 'exited' }),
      state('odd', { [DEVICES_ANNOTATION]: '{' }),
    ],
  )
  node.active.add('old')
  assert.equal((await node.take('p1')).devices[0]?.hostPath, '/dev/b', 'an init container that is over has none')
  assert.equal((await node.take('p2')).devices[0]?.hostPath, '/dev/c')
  await assert.rejects(node.take('p3'), { reason: 'UnexpectedAdmissionError' })
})

test('who has a device hears when it is lost and when it is back; the container gets it again, and nothing else meanwhile', async () => {
  const node = await aNode(['/dev/a', '/dev/b'])
  await node.take('p1')
  node.unplug('/dev/a')
  await node.pass(60_000)
  assert.deepEqual(node.told, ['p1 DeviceLost: Device serial (/dev/a) is gone'])
  await assert.rejects(node.take('p1'), { message: /no longer healthy; cannot allocate unhealthy device \/dev\/a of bramble.dev\/serial/ })
  node.plug('/dev/a', '188:7')
  await node.pass(60_000)
  assert.deepEqual(node.told.slice(1), [
    'p1 DeviceReturned: Device serial (/dev/a) is back; a container has it again when it was restarted',
  ])
  assert.equal((await node.take('p1')).devices[0]?.hostPath, '/dev/a')
  node.plug('/dev/a', '188:8')
  await node.pass(60_000)
  assert.equal(node.told.length, 3, 'it came back under another number so fast that nobody saw it go')
})

test('a container that asks for nothing waits for nothing', async () => {
  const node = await aNode([])
  const idle = new Devices({ ...node.parts, scan: () => assert.fail('looked') })
  assert.deepEqual(await idle.take({ ...node.asking, podUid: 'p', wanted: new Map() }, false, signal), {
    devices: [],
    groups: [],
    closedPaths: [],
    annotations: {},
  })
})

async function aNode(paths: readonly string[], containers: readonly ContainerState[] = []) {
  const env = simEnv()
  const there = new Map(paths.map((path) => [path, '188:1']))
  const active = new Set(['p1', 'p2', 'p3', ...(containers.length > 0 ? ['old'] : [])])
  const told: string[] = []
  let changes = 0
  const file = (path: string, number: string): DeviceFile => ({ hostPath: path, containerPath: path, number, groupId: 20, mode: 0o660 })
  const scan = async (): Promise<readonly Device[]> =>
    paths.map((id) => {
      const number = there.get(id)
      return { className: 'serial', id, permissions: 'rw', sharedBy: 1, files: number === undefined ? [] : [file(id, number)] }
    })
  const parts = {
    env,
    classes: async () => [classOfFlag('serial=/dev/a')],
    scan,
    runtime: {
      observe: async (): Promise<readonly SandboxState[]> => [
        { id: 's', podUid: 'old', namespace: 'default', name: 'old', ready: true, createdAtMs: 0, containers },
      ],
    },
    isActive: (uid: string) => active.has(uid),
    tell: (uid: string, _type: string, reason: string, message: string) => void told.push(`${uid} ${reason}: ${message}`),
    changed: () => void changes++,
  }
  const devices = new Devices(parts)
  void devices.run(signal)
  await env.clock.advance(1_000)
  const asking: Omit<Asking, 'podUid'> = { container: 'main', wanted: new Map([['serial', 1]]), successorOf: [] }
  return {
    parts,
    devices,
    asking,
    active,
    told,
    changes: () => changes,
    pass: (ms: number) => env.clock.advance(ms),
    unplug: (path: string) => there.delete(path),
    plug: (path: string, number: string) => there.set(path, number),
    take: (podUid: string) => devices.take({ podUid, ...asking }, false, signal),
  }
}
