import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pod } from '@bramble/api/types/pod'
import { aContainer, aPod, aScript, PodWorld } from './pods-harness.ts'
import { staticPods } from './static-pods/static-pod.ts'

const deaf = aScript('main', "trap '' TERM; sleep infinity")
const ordinary = aPod('web', { containers: [deaf], terminationGracePeriodSeconds: 300 })
const quick = aPod('quick', { containers: [aContainer('main', { lifecycle: { preStop: { sleep: { seconds: 2 } } } })] })
const critical = aPod('dns', { containers: [aContainer('main')], priority: 2_000_001_000 })
const [own] = staticPods(
  { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'own' }, spec: { containers: [aContainer('main')] } },
  { nodeName: 'pi-1', path: '/m', seen: '2026-01-01T00:00:00Z' },
) as [Pod]

test('ordinary pods end first and within their period, then those that others need', async () => {
  const world = new PodWorld(1, false, true)
  world.reconciler.assignStatic([own])
  await world.assign(ordinary, quick, critical)
  const done = world.reconciler.shutDown(20_000, 10_000, new AbortController().signal)
  await world.pass(3_000)
  const names = (): readonly string[] => [world.running('web'), world.running('quick'), world.running('dns')].map((all) => all.join())
  assert.deepEqual(names(), ['main', '', 'main'])
  await world.pass(16_000)
  assert.deepEqual([names(), world.runtime.running(own.metadata.uid).length], [['main', '', 'main'], 1])
  await world.pass(3_000)
  assert.deepEqual([names(), world.runtime.running(own.metadata.uid).length], [['', '', ''], 0])
  assert.deepEqual(await done, [])
  for (const name of ['web', 'quick', 'dns']) {
    const { phase, reason, message, conditions } = world.status(name)!
    assert.deepEqual([phase, reason, message], ['Failed', 'Terminated', 'Pod was terminated in response to imminent node shutdown.'])
    const disrupted = conditions?.find(({ type }) => type === 'DisruptionTarget')
    assert.deepEqual([disrupted?.status, disrupted?.reason], ['True', 'TerminationByKubelet'])
    assert.equal(conditions?.find(({ type }) => type === 'Ready')?.status, 'False')
  }
})

test('no pod is taken in any more', async () => {
  const world = new PodWorld()
  await world.assign(critical)
  const done = world.reconciler.shutDown(1_000, 1_000, new AbortController().signal)
  await world.assign(critical, aPod('late'))
  await world.pass(10_000)
  await done
  assert.deepEqual(world.running('late'), [])
  const { phase, reason, message } = world.status('late')!
  assert.deepEqual([phase, reason, message], ['Failed', 'NodeShutdown', 'Pod was rejected: Pod was rejected as the node is shutting down.'])
  assert.ok(world.events().includes('NodeShutdown: Pod was rejected as the node is shutting down.'))
})

test('what does not end is named', async () => {
  const world = new PodWorld()
  await world.assign(ordinary)
  world.runtime.failNext('stopContainer', new Error('stuck'), 1_000)
  const done = world.reconciler.shutDown(5_000, 5_000, new AbortController().signal)
  await world.pass(60_000)
  assert.deepEqual(await done, ['default/web'])
})

test('a node that runs nothing is done at once', async () => {
  const world = new PodWorld()
  await world.assign()
  const done = world.reconciler.shutDown(3_600_000, 3_600_000, new AbortController().signal)
  await world.pass(1)
  assert.deepEqual(await done, [])
})
