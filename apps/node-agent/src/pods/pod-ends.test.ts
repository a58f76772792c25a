import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RuntimeError } from '../runtime/runtime.ts'
import { aContainer, aPod, aScript, deleted, PodWorld } from './pods-harness.ts'

const mainOf = (world: PodWorld, name: string) => world.status(name)?.containerStatuses?.[0]
const conditionOf = (world: PodWorld, name: string, type: string) => world.status(name)?.conditions?.find((each) => each.type === type)

test('what was said of a pod that is done stays, though nothing of it is left on the node', async () => {
  const world = new PodWorld()
  const pod = aPod('job', { restartPolicy: 'Never', containers: [aScript('main', 'exit 3'), aScript('other', 'true')] })
  await world.assign(pod)
  await world.pass(1_000)
  const told = world.status('job')!
  await world.killAgent()
  for (const { id } of await world.runtime.observe()) await world.runtime.removeSandbox(id)
  world.startAgent()
  await world.assign({ ...pod, status: told })
  await world.pass(1_000)
  const again = world.status('job')!
  assert.deepEqual([again.phase, again.podIP, again.containerStatuses], ['Failed', told.podIP, told.containerStatuses])
  assert.deepEqual(await world.runtime.observe(), [])
})

test('a container that was running when its pod failed and cannot be found any more has ended somehow', async () => {
  const world = new PodWorld()
  const pod = aPod('web')
  await world.assign(pod)
  const told = world.status('web')!
  await world.killAgent()
  for (const { id } of await world.runtime.observe()) await world.runtime.removeSandbox(id)
  world.startAgent()
  await world.assign({ ...pod, status: { ...told, phase: 'Failed', reason: 'Evicted' } })
  await world.pass(1_000)
  const end = mainOf(world, 'web')?.state?.terminated
  assert.deepEqual(
    [end?.exitCode, end?.reason, end?.message],
    [137, 'ContainerStatusUnknown', 'The container could not be located when the pod was terminated'],
  )
  assert.deepEqual([world.status('web')?.phase, world.status('web')?.reason], ['Failed', 'Evicted'])
})

test('restarts are counted on, and the last end is told, by an agent that finds nothing but what was said', async () => {
  const world = new PodWorld()
  const pod = aPod('web')
  await world.assign(pod)
  world.runtime.crash(world.containerId('web'), 5)
  await world.pass(100)
  const told = world.status('web')!
  assert.equal(mainOf(world, 'web')?.restartCount, 1)
  await world.killAgent()
  for (const { id } of await world.runtime.observe()) await world.runtime.removeSandbox(id)
  world.startAgent()
  await world.assign({ ...pod, status: told })
  await world.pass(1_000)
  assert.deepEqual([mainOf(world, 'web')?.restartCount, mainOf(world, 'web')?.state?.running !== undefined], [2, true])
})

test('a pod whose time is over before it ever ran has failed as well', async () => {
  const world = new PodWorld()
  world.runtime.failNext('runSandbox', new RuntimeError('CreatePodSandboxError', 'no address'), 1_000)
  await world.assign(aPod('job', { activeDeadlineSeconds: 60 }))
  await world.pass(59_000)
  assert.equal(world.status('job')?.phase, 'Pending')
  await world.pass(2_000)
  assert.deepEqual([world.status('job')?.phase, world.status('job')?.reason], ['Failed', 'DeadlineExceeded'])
  assert.ok(world.events().includes('DeadlineExceeded: Pod was active on the node longer than the specified deadline'))
  assert.equal(mainOf(world, 'job')?.state?.waiting?.reason, 'ContainerCreating')
})

test('a pod that is evicted ends within what it is given, and is Failed when the last container has ended', async () => {
  const world = new PodWorld()
  await world.assign(aPod('web', { containers: [aScript('main', "trap '' TERM; sleep infinity"), aContainer('other')] }))
  world.reconciler.evict('uid-web', { reason: 'Evicted', message: 'The node was low on resource: memory.', graceMs: 5_000 })
  await world.pass(1_000)
  assert.deepEqual([world.running('web'), world.status('web')?.phase, world.status('web')?.reason], [['main'], 'Running', undefined])
  assert.equal(conditionOf(world, 'web', 'DisruptionTarget')?.reason, 'TerminationByKubelet')
  await world.pass(5_000)
  assert.deepEqual([world.running('web'), world.status('web')?.phase, world.status('web')?.reason], [[], 'Failed', 'Evicted'])
  assert.equal(conditionOf(world, 'web', 'PodReadyToStartContainers')?.status, 'False')
  await world.assign(deleted(aPod('web')))
  await world.pass(100)
  assert.equal(world.isGone('web'), true)
})

test('an eviction takes no longer than the pod itself allows', async () => {
  const world = new PodWorld()
  await world.assign(aPod('web', { containers: [aScript('main', "trap '' TERM; sleep infinity")], terminationGracePeriodSeconds: 3 }))
  world.reconciler.evict('uid-web', { reason: 'Evicted', message: 'm', graceMs: 60_000 })
  await world.pass(3_200)
  assert.equal(world.status('web')?.phase, 'Failed')
})

test('a hostname that the kernel cannot hold keeps the pod from starting, and an Event says so', async () => {
  const world = new PodWorld()
  await world.assign(aPod('a'.repeat(50), { subdomain: 'db', setHostnameAsFQDN: true }))
  await world.pass(1_000)
  assert.ok(
    world.events().some((event) => /^FailedCreatePodSandBox: .*FQDN .* is too long \(64 is the max/.test(event)),
    world.events().join('\n'),
  )
})

test('conditions tell of which generation they speak; volumes show where they are mounted', async () => {
  const world = new PodWorld()
  const volumeMounts = [
    { name: 'v', mountPath: '/v', readOnly: true },
    { name: 'v', mountPath: '/w' },
  ]
  const pod = aPod('web', { volumes: [{ name: 'v', emptyDir: {} }], containers: [aContainer('main', { volumeMounts })] }, { generation: 4 })
  await world.assign(pod)
  assert.deepEqual([conditionOf(world, 'web', 'Ready')?.observedGeneration, world.status('web')?.observedGeneration], [4, 4])
  assert.deepEqual(mainOf(world, 'web')?.volumeMounts, [
    { name: 'v', mountPath: '/v', readOnly: true, recursiveReadOnly: 'Disabled' },
    { name: 'v', mountPath: '/w' },
  ])
})

test('an evicted pod leaves nothing that takes room, and what was said of it stays', async () => {
  const world = new PodWorld()
  await world.assign(aPod('web', { volumes: [{ name: 'x', emptyDir: {} }] }))
  world.reconciler.evict('uid-web', { reason: 'Evicted', message: 'full', graceMs: 0 })
  await world.pass(2_000)
  const { phase, reason, containerStatuses } = world.status('web')!
  assert.deepEqual([phase, reason, containerStatuses?.[0]?.state?.terminated?.exitCode !== undefined], ['Failed', 'Evicted', true])
  assert.deepEqual(await world.runtime.observe(), [])
  assert.ok(world.files.emptied.has('uid-web'))
})

test('a pod that runs keeps its emptyDir volumes; one that is done does not', async () => {
  const world = new PodWorld()
  await world.assign(aPod('web'), aPod('job', { restartPolicy: 'Never', containers: [aScript('main', 'true')] }))
  await world.pass(2_000)
  assert.deepEqual([...world.files.emptied], ['uid-job'])
  assert.equal((await world.runtime.observe()).length, 2)
})
