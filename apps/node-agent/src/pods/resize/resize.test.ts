import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Container, Pod, PodSpec, ResourceList } from '@bramble/api/types/pod'
import { RuntimeError } from '../../runtime/runtime.ts'
import { aContainer, aPod, deleted, PodWorld } from '../pods-harness.ts'

const sized = (requests: ResourceList, limits: ResourceList, change: Partial<Container> = {}): Container =>
  aContainer('main', { resources: { requests, limits }, ...change })
const restartFor = (resourceName: string): Partial<Container> => ({ resizePolicy: [{ resourceName, restartPolicy: 'RestartContainer' }] })
const web = (generation: number, container: Container, spec: Partial<PodSpec> = {}): Pod =>
  aPod('web', { containers: [container], ...spec }, { generation })

const conditionOf = (world: PodWorld, type: string, name = 'web') =>
  world.status(name)?.conditions?.find((condition) => condition.type === type)
const statusOf = (world: PodWorld) => world.status('web')?.containerStatuses?.[0]
const small = sized({ cpu: '250m', memory: '64Mi' }, { cpu: '500m', memory: '64Mi' })
const large = sized({ cpu: '500m', memory: '128Mi' }, { cpu: '1', memory: '128Mi' })

test('a pod says what was set aside for it and what applies', async () => {
  const world = new PodWorld()
  await world.assign(web(1, small))
  assert.deepEqual(statusOf(world)?.allocatedResources, { cpu: '250m', memory: '64Mi' })
  assert.deepEqual(statusOf(world)?.resources, { requests: { cpu: '250m', memory: '64Mi' }, limits: { cpu: '500m', memory: '64Mi' } })
})

test('growing: the pod first, then its container, memory before cpu; shrinking the other way round', async () => {
  const world = new PodWorld()
  await world.assign(web(1, small))
  const id = world.containerId('web')
  await world.assign(web(2, large))
  assert.deepEqual(world.runtime.updates, ['pod cpu=500m cpuLimit=1000m memory=128Mi', 'main memory=128Mi', 'main cpu=500m cpuLimit=1000m'])
  world.runtime.updates.length = 0
  await world.assign(web(3, small))
  assert.deepEqual(world.runtime.updates, ['main memory=64Mi', 'main cpu=250m cpuLimit=500m', 'pod cpu=250m cpuLimit=500m memory=64Mi'])
  assert.equal(world.containerId('web'), id, 'nothing was restarted')
  assert.equal(statusOf(world)?.restartCount, 0)
  assert.equal(world.status('web')?.observedGeneration, 3)
  assert.equal(conditionOf(world, 'PodResizeInProgress'), undefined)
  const summary =
    '{"containers":[{"name":"main","resources":{"requests":{"cpu":"500m","memory":"128Mi"},"limits":{"cpu":"1","memory":"128Mi"}}}],"generation":2}'
  for (const event of [`ResizeStarted: Pod resize started: ${summary}`, `ResizeCompleted: Pod resize completed: ${summary}`])
    assert.ok(world.events().includes(event), event)
})

test('one grows while another shrinks: the pod has room for both meanwhile', async () => {
  const world = new PodWorld()
  const of = (memory: string, cpu: string): Container => sized({}, { memory, cpu })
  await world.assign(web(1, of('64Mi', '1')))
  await world.assign(web(2, of('128Mi', '500m')))
  assert.deepEqual(world.runtime.updates, [
    'pod cpu=1000m cpuLimit=1000m memory=128Mi',
    'main memory=128Mi',
    'main cpu=500m cpuLimit=500m',
    'pod cpu=500m cpuLimit=500m memory=128Mi',
  ])
})

test('where the policy says so the container starts anew with what it shall have, at once', async () => {
  const world = new PodWorld()
  await world.assign(web(1, { ...small, ...restartFor('memory') }))
  const id = world.containerId('web')
  await world.assign(web(2, { ...large, ...restartFor('memory') }))
  await world.pass(100)
  assert.notEqual(world.containerId('web'), id)
  assert.equal(world.runtime.configOf(world.containerId('web'))?.resources.memoryLimitBytes, 128 * 2 ** 20)
  assert.ok(world.events().includes('Killing: Container main resize requires restart'))
  assert.deepEqual([statusOf(world)?.restartCount, statusOf(world)?.state?.running !== undefined], [1, true])
  assert.equal(conditionOf(world, 'PodResizeInProgress'), undefined)
  assert.deepEqual(world.runtime.updates, ['pod cpu=500m cpuLimit=1000m memory=128Mi'])
})

test('a resource that needs no restart changes in place though another would need one', async () => {
  const world = new PodWorld()
  await world.assign(web(1, { ...small, ...restartFor('memory') }))
  const id = world.containerId('web')
  await world.assign(web(2, { ...sized({ cpu: '100m', memory: '64Mi' }, { cpu: '500m', memory: '64Mi' }), ...restartFor('memory') }))
  await world.pass(100)
  assert.equal(world.containerId('web'), id)
})

test('a container that ends for its resize is no pod that is done', async () => {
  const world = new PodWorld()
  await world.assign(web(1, { ...small, ...restartFor('cpu') }, { restartPolicy: 'Never' }))
  await world.assign(web(2, { ...large, ...restartFor('cpu') }, { restartPolicy: 'Never' }))
  await world.pass(100)
  assert.deepEqual([world.status('web')?.phase, world.running('web')], ['Running', ['main']])
})

test('more than the node has is Infeasible, more than is left is Deferred until somebody goes', async () => {
  const world = new PodWorld() // 3900m and 2 GiB
  const other = aPod('other', { containers: [sized({ cpu: '3' }, {})] })
  await world.assign(web(1, sized({ cpu: '500m' }, {})), other)
  await world.assign(web(2, sized({ cpu: '5' }, {})), other)
  const pending = conditionOf(world, 'PodResizePending')
  assert.deepEqual(
    [pending?.status, pending?.reason, pending?.message, pending?.observedGeneration],
    ['True', 'Infeasible', "Node didn't have enough capacity: cpu, requested: 5000, capacity: 3900", 2],
  )
  assert.deepEqual(statusOf(world)?.allocatedResources, { cpu: '500m' })
  await world.assign(web(3, sized({ cpu: '1' }, {})), other)
  assert.deepEqual(
    [conditionOf(world, 'PodResizePending')?.reason, conditionOf(world, 'PodResizePending')?.message],
    ['Deferred', "Node didn't have enough resource: cpu, requested: 1000, used: 3000, capacity: 3900"],
  )
  assert.ok(world.events().some((event) => event.startsWith('ResizeDeferred: Pod resize Deferred: {"containers":[')))
  assert.ok(world.events().some((event) => event.startsWith('ResizeInfeasible: Pod resize Infeasible: {"containers":[')))
  await world.assign(web(3, sized({ cpu: '1' }, {})), deleted(other, 0))
  await world.pass(3_000)
  assert.equal(conditionOf(world, 'PodResizePending'), undefined)
  assert.deepEqual(statusOf(world)?.allocatedResources, { cpu: '1' })
  assert.ok(world.runtime.updates.includes('main cpu=1000m'))
})

test('of those that wait the important one is asked first', async () => {
  const world = new PodWorld()
  const of = (name: string, cpu: string, priority: number): Pod => aPod(name, { containers: [sized({ cpu }, {})], priority })
  const big = aPod('big', { containers: [sized({ cpu: '3' }, {})] })
  await world.assign(of('low', '100m', 0), of('high', '100m', 1_000), big)
  await world.assign(of('low', '3', 0), of('high', '3', 1_000), big)
  await world.assign(of('low', '3', 0), of('high', '3', 1_000))
  await world.pass(3_000)
  assert.deepEqual(
    [conditionOf(world, 'PodResizePending', 'low')?.reason, conditionOf(world, 'PodResizePending', 'high')],
    ['Deferred', undefined],
  )
})

test("the kernel's refusal shows as an error and is tried again; the pod does not shrink below its container meanwhile", async () => {
  const world = new PodWorld()
  await world.assign(web(1, large))
  world.runtime.failNext('updateContainer', new RuntimeError('ResizeError', 'memory limit is below what is in use'), 3)
  await world.assign(web(2, small))
  const condition = conditionOf(world, 'PodResizeInProgress')
  assert.deepEqual([condition?.status, condition?.reason, condition?.message], ['True', 'Error', 'memory limit is below what is in use'])
  assert.equal(statusOf(world)?.resources?.limits?.['memory'], '128Mi', 'what applies')
  assert.equal(statusOf(world)?.allocatedResources?.['memory'], '64Mi', 'what is set aside')
  assert.ok(!world.runtime.updates.includes('pod cpu=250m cpuLimit=500m memory=64Mi'))
  await world.pass(60_000)
  assert.equal(conditionOf(world, 'PodResizeInProgress'), undefined)
  assert.equal(world.runtime.updates.at(-1), 'pod cpu=250m cpuLimit=500m memory=64Mi')
  assert.ok(world.events().some((event) => event.startsWith('ResizeError: Pod resize error: ')))
})

test('an agent that dies in the middle: the next one brings it to its end', async () => {
  for (const operation of ['updateContainer', 'updateSandbox'] as const)
    for (let good = 0; good < 3; good++) {
      const world = new PodWorld(1, true)
      const before = web(1, small)
      await world.assign(before)
      await world.pass(1_000)
      const status = world.status('web')!
      world.runtime.failNext(operation, new RuntimeError('ResizeError', 'broken'), good)
      await world.assign({ ...web(2, large), status })
      await world.killAgent()
      world.startAgent()
      await world.assign({ ...web(2, large), status })
      await world.pass(60_000)
      assert.equal(world.runtime.running('uid-web')[0]?.resources?.memoryLimitBytes, 128 * 2 ** 20)
      assert.deepEqual(statusOf(world)?.resources?.limits, { cpu: '1', memory: '128Mi' })
      assert.equal(statusOf(world)?.restartCount, 0)
      assert.equal(conditionOf(world, 'PodResizeInProgress'), undefined)
      const told = world.reports.length
      const asked = world.runtime.updates.length
      await world.pass(600_000)
      assert.deepEqual([world.reports.length, world.runtime.updates.length], [told, asked], 'settled')
    }
})

test('an agent that was away during the wish grants it when it is back, from what it said last', async () => {
  const world = new PodWorld()
  await world.assign(web(1, small))
  const status = world.status('web')!
  await world.killAgent()
  world.startAgent()
  await world.assign({ ...web(2, sized({ cpu: '5', memory: '64Mi' }, {})), status })
  await world.pass(1_000)
  assert.equal(conditionOf(world, 'PodResizePending')?.reason, 'Infeasible')
  assert.deepEqual(statusOf(world)?.allocatedResources, { cpu: '250m', memory: '64Mi' })
})

test('sidecars grow as well', async () => {
  const world = new PodWorld()
  const pod = (memory: string): Pod =>
    aPod('web', { initContainers: [aContainer('mesh', { restartPolicy: 'Always', resources: { limits: { memory } } })] })
  await world.assign(pod('64Mi'))
  await world.assign(pod('96Mi'))
  assert.ok(world.runtime.updates.includes('mesh memory=96Mi'))
})
