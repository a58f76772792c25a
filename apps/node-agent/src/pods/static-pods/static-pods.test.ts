import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pod, PodSpec } from '@bramble/api/types/pod'
import { aContainer, aPod, PodWorld } from '../pods-harness.ts'
import { staticPods } from './static-pod.ts'

const place = { nodeName: 'pi-1', path: '/m/web.yaml', seen: '2026-01-01T00:00:00Z' }
const aStatic = (spec: Partial<PodSpec> = {}): Pod =>
  staticPods({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web' }, spec: { containers: [aContainer('main')], ...spec } }, place)[0]!

const aWorld = (): PodWorld => new PodWorld(1, false, true)
const running = (world: PodWorld, pod: Pod): number => world.runtime.running(pod.metadata.uid).length
/** What the API would have made of the last mirror that it was told of. */
function mirrorOf(world: PodWorld, uid: string): Pod {
  const report = world.reports.findLast(({ type }) => type === 'mirror-pod')
  assert.ok(report?.type === 'mirror-pod')
  return { ...report.pod, metadata: { ...report.pod.metadata, uid, resourceVersion: uid } }
}

test('static pods run before anything was assigned, and nothing is told to stop before both are known', async () => {
  const world = aWorld()
  world.reconciler.assignStatic([aStatic()])
  await world.pass(600_000)
  assert.equal(running(world, aStatic()), 1)
  await world.assign(aPod('other'))
  await world.killAgent()
  world.startAgent()
  await world.assign(aPod('other'))
  await world.pass(600_000)
  assert.equal(running(world, aStatic()), 1, 'its manifest may not have been read yet')
  world.reconciler.assignStatic([])
  await world.pass(60_000)
  assert.equal(running(world, aStatic()), 0)
  assert.deepEqual(world.running('other'), ['main'])
})

test('the API is told of a mirror, and of its state under the uid that the API gave it', async () => {
  const world = aWorld()
  world.reconciler.assignStatic([aStatic()])
  await world.assign()
  assert.equal(
    world.reports.some(({ type }) => type === 'pod-status'),
    false,
    'nobody knows the pod yet',
  )
  const mirror = mirrorOf(world, 'm1')
  assert.deepEqual(
    [mirror.metadata.annotations?.['kubernetes.io/config.mirror'], mirror.metadata.name],
    [aStatic().metadata.uid, 'web-pi-1'],
  )
  await world.assign(mirror)
  const told = world.reports.findLast(({ type }) => type === 'pod-status')
  assert.ok(told?.type === 'pod-status')
  assert.deepEqual([told.uid, told.status.phase], ['m1', 'Running'])
  assert.equal(running(world, aStatic()), 1)
  assert.equal((await world.runtime.observe()).length, 1, 'the mirror itself never runs')
  assert.equal(world.reconciler.containers('m1')?.[0]?.attempts.length, 1, 'its log is found by the uid of the mirror')
  assert.equal(world.reconciler.seen('m1')?.pod.metadata.uid, aStatic().metadata.uid)
})

test('a mirror that is deleted is let go and made again; its pod does not notice', async () => {
  const world = aWorld()
  world.reconciler.assignStatic([aStatic()])
  await world.assign()
  const mirror = mirrorOf(world, 'm1')
  await world.assign(mirror)
  const [container] = world.runtime.running(aStatic().metadata.uid)
  const before = world.reports.length
  await world.assign({ ...mirror, metadata: { ...mirror.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } })
  assert.ok(world.reports.slice(before).some((report) => report.type === 'pod-gone' && report.uid === 'm1'))
  await world.assign()
  assert.ok(world.reports.slice(before).some(({ type }) => type === 'mirror-pod'))
  await world.assign(mirrorOf(world, 'm2'))
  const told = world.reports.findLast(({ type }) => type === 'pod-status')
  assert.ok(told?.type === 'pod-status' && told.uid === 'm2')
  assert.equal(world.runtime.running(aStatic().metadata.uid)[0]?.id, container?.id)
})

test('a changed manifest replaces the pod: the new one starts when the old one is gone', async () => {
  const world = aWorld()
  const deaf = { command: ['sh', '-c', "trap '' TERM; sleep infinity"] }
  const [before, after] = [aStatic({ containers: [aContainer('main', deaf)], terminationGracePeriodSeconds: 10 }), aStatic()]
  world.reconciler.assignStatic([before])
  await world.assign()
  await world.assign(mirrorOf(world, 'm1'))
  world.reconciler.assignStatic([after])
  await world.pass(9_000)
  assert.deepEqual([running(world, before), running(world, after)], [1, 0])
  await world.pass(2_000)
  assert.deepEqual([running(world, before), running(world, after)], [0, 1])
  const told = world.reports.findLast(({ type }) => type === 'mirror-pod')
  assert.ok(told?.type === 'mirror-pod' && told.pod.metadata.uid === after.metadata.uid)
})

test('a mirror without a pod is taken away', async () => {
  const world = aWorld()
  world.reconciler.assignStatic([aStatic()])
  await world.assign()
  const mirror = mirrorOf(world, 'm1')
  await world.assign(mirror)
  const before = world.reports.length
  world.reconciler.assignStatic([])
  await world.pass(60_000)
  assert.ok(world.reports.slice(before).some((report) => report.type === 'pod-gone' && report.uid === 'm1'))
  assert.deepEqual(await world.runtime.observe(), [])
})

test('what has ended in the API and runs again gets a new mirror', async () => {
  const world = aWorld()
  world.reconciler.assignStatic([aStatic()])
  await world.assign()
  const before = world.reports.length
  await world.assign({ ...mirrorOf(world, 'm1'), status: { phase: 'Failed' } })
  const told = world.reports.slice(before)
  assert.ok(told.some((report) => report.type === 'pod-gone' && report.uid === 'm1'))
  assert.equal(
    told.some(({ type }) => type === 'pod-status'),
    false,
  )
  assert.equal(running(world, aStatic()), 1)
})
