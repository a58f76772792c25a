import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EphemeralContainer, Pod } from '@bramble/api/types/pod'
import { aContainer, aPod, aScript, deleted, PodWorld } from '../pods-harness.ts'

const looking = (change: Partial<EphemeralContainer> = {}): EphemeralContainer => ({ ...aContainer('debugger'), ...change })
const withLook = (pod: Pod, container: EphemeralContainer): Pod => ({
  ...aPod('web', { ...pod.spec, ephemeralContainers: [...(pod.spec.ephemeralContainers ?? []), container] }),
  ...(pod.status && { status: pod.status }),
})
const statusOf = (world: PodWorld) => world.status('web')?.ephemeralContainerStatuses?.[0]

test('an ephemeral container starts when it is added, beside what runs', async () => {
  const world = new PodWorld()
  const pod = aPod('web')
  await world.assign(pod)
  const id = world.containerId('web')
  await world.assign(withLook(pod, looking({ targetContainerName: 'main', stdin: true, tty: true })))
  assert.deepEqual(world.running('web'), ['debugger', 'main'])
  assert.equal(world.containerId('web'), id)
  const config = world.runtime.configOf(world.containerId('web', 'debugger'))
  assert.deepEqual([config?.processesOf, config?.tty, config?.stdin], [id, true, true])
  assert.equal(statusOf(world)?.state?.running !== undefined, true)
  assert.deepEqual([statusOf(world)?.ready, statusOf(world)?.started], [false, undefined])
  assert.equal(world.status('web')?.conditions?.find(({ type }) => type === 'Ready')?.status, 'True')
  assert.ok(world.reconciler.containers('uid-web')?.some(({ name, attempts }) => name === 'debugger' && attempts.length === 1))
})

test('it does not start again, whatever the policy of the pod, and not with the next agent or after a reboot', async () => {
  const world = new PodWorld()
  const pod = aPod('web')
  await world.assign(pod)
  const looked = withLook(pod, { ...looking(), ...aScript('debugger', 'exit 3') })
  await world.assign(looked)
  await world.pass(60_000)
  assert.deepEqual([world.running('web'), statusOf(world)?.state?.terminated?.exitCode, statusOf(world)?.restartCount], [['main'], 3, 0])
  const known = { ...looked, status: world.status('web')! }
  await world.killAgent()
  world.runtime.reboot()
  world.startAgent()
  await world.assign(known)
  await world.pass(60_000)
  await world.killAgent()
  world.startAgent()
  await world.assign(known)
  await world.pass(60_000)
  assert.deepEqual(world.running('web'), ['main'])
  assert.equal(statusOf(world)?.state?.terminated?.exitCode, 3)
})

test('after the sandbox was made anew it does not come again', async () => {
  const world = new PodWorld()
  const pod = aPod('web')
  await world.assign(pod)
  await world.assign(withLook(pod, looking()))
  world.runtime.reboot()
  await world.pass(600_000)
  assert.deepEqual(world.running('web'), ['main'])
  assert.deepEqual([statusOf(world)?.state?.terminated?.exitCode, statusOf(world)?.ready], [137, false])
})

test('one whose target does not run waits for it', async () => {
  const world = new PodWorld()
  const pod = aPod('web', { initContainers: [aScript('init', 'sleep 5')] })
  await world.assign(pod)
  await world.assign(withLook(pod, looking({ targetContainerName: 'main' })))
  await world.pass(1_000)
  assert.deepEqual([world.running('web'), statusOf(world)?.state?.waiting?.reason], [['init'], 'PodInitializing'])
  await world.pass(5_000)
  assert.deepEqual(world.running('web'), ['debugger', 'main'])
})

test('without a target it starts though the pod is not initialized: it may be there to see why', async () => {
  const world = new PodWorld()
  const pod = aPod('web', { initContainers: [aScript('init', 'sleep 500')] })
  await world.assign(pod)
  await world.assign(withLook(pod, looking()))
  assert.deepEqual(world.running('web'), ['debugger', 'init'])
})

test('it keeps no job from being done, and ends with it', async () => {
  const world = new PodWorld()
  const pod = aPod('web', { restartPolicy: 'Never' })
  await world.assign(pod)
  await world.assign(withLook(pod, looking()))
  world.runtime.crash(world.containerId('web'), 0)
  await world.pass(1_000)
  assert.deepEqual([world.running('web'), world.status('web')?.phase], [[], 'Succeeded'])
})

test('it leaves with its pod', async () => {
  const world = new PodWorld()
  const pod = aPod('web')
  await world.assign(pod)
  const looked = withLook(pod, looking())
  await world.assign(looked)
  await world.assign(deleted(looked))
  await world.pass(100)
  assert.equal(world.isGone('web'), true)
})
