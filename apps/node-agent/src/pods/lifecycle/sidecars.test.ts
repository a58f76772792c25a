import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Container } from '@bramble/api/types/pod'
import { aContainer, aPod, aScript, deleted, PodWorld } from '../pods-harness.ts'
import { stopsAfter } from './stop-order.ts'

const sidecar = (name: string, change: Partial<Container> = {}): Container => aContainer(name, { restartPolicy: 'Always', ...change })
const initStatus = (world: PodWorld, name: string) => world.status('web')?.initContainerStatuses?.find((status) => status.name === name)

test('sidecars stop after the containers proper, the last one first', () => {
  const pod = aPod('web', {
    initContainers: [sidecar('a'), aContainer('init'), sidecar('b')],
    containers: [aContainer('x'), aContainer('y')],
  })
  assert.deepEqual(
    ['a', 'init', 'b', 'x'].map((name) => stopsAfter(pod, name)),
    [['x', 'y', 'b'], [], ['x', 'y'], []],
  )
})

test('the next container starts when the startup probe of a sidecar has answered well', async () => {
  const world = new PodWorld()
  world.dialer.answers.set('/started', 503)
  const startupProbe = { httpGet: { port: 80, path: '/started' }, periodSeconds: 2, failureThreshold: 30 }
  await world.assign(aPod('web', { initContainers: [sidecar('mesh', { startupProbe }), aScript('init', 'sleep 1')] }))
  await world.pass(5_000)
  assert.deepEqual(world.running('web'), ['mesh'])
  assert.equal(world.status('web')?.phase, 'Pending')
  assert.equal(
    world.status('web')?.conditions?.find(({ type }) => type === 'Initialized')?.message,
    'containers with incomplete status: [mesh init]',
  )
  world.dialer.answers.clear()
  await world.pass(3_500)
  assert.deepEqual(world.running('web'), ['main', 'mesh'])
  assert.equal(initStatus(world, 'mesh')?.started, true)
})

test('the postStart hook of a sidecar holds up what comes after it', async () => {
  const world = new PodWorld()
  await world.assign(aPod('web', { initContainers: [sidecar('mesh', { lifecycle: { postStart: { sleep: { seconds: 3 } } } })] }))
  assert.deepEqual(world.running('web'), ['mesh'])
  await world.pass(3_100)
  assert.deepEqual(world.running('web'), ['main', 'mesh'])
})

test('a sidecar is started again whatever the policy of the pod, and nothing else for its sake', async () => {
  const world = new PodWorld()
  await world.assign(aPod('web', { restartPolicy: 'Never', initContainers: [sidecar('mesh'), aScript('init', 'true')] }))
  await world.pass(100)
  const main = world.containerId('web')
  world.runtime.crash(world.containerId('web', 'mesh'), 0)
  await world.pass(100)
  assert.deepEqual(world.running('web'), ['main', 'mesh'])
  assert.deepEqual(
    [world.containerId('web'), initStatus(world, 'mesh')?.restartCount, initStatus(world, 'init')?.restartCount],
    [main, 1, 0],
  )
})

test('a job is done when its container is; then its sidecars end, and only then the pod is Succeeded', async () => {
  const world = new PodWorld()
  await world.assign(
    aPod('web', {
      restartPolicy: 'OnFailure',
      initContainers: [aContainer('slow', { ...aScript('slow', "trap '' TERM; sleep infinity"), restartPolicy: 'Always' })],
      containers: [aScript('main', 'sleep 5')],
      terminationGracePeriodSeconds: 4,
    }),
  )
  await world.pass(6_000)
  assert.deepEqual([world.running('web'), world.status('web')?.phase], [['slow'], 'Running'])
  await world.pass(4_000)
  assert.deepEqual([world.running('web'), world.status('web')?.phase], [[], 'Succeeded'])
  assert.equal(initStatus(world, 'slow')?.state?.terminated?.exitCode, 137)
})

test('containers proper end first, then sidecars in reverse order, all within one grace period', async () => {
  const world = new PodWorld()
  const deaf = "trap '' TERM; sleep infinity"
  const pod = aPod('web', {
    initContainers: [sidecar('first'), aScript('second', deaf, { restartPolicy: 'Always' })],
    containers: [aContainer('main', { lifecycle: { preStop: { sleep: { seconds: 5 } } } })],
  })
  await world.assign(pod)
  await world.assign(deleted(pod, 20))
  await world.pass(4_900)
  assert.deepEqual(world.running('web'), ['first', 'main', 'second'])
  await world.pass(200)
  assert.deepEqual(world.running('web'), ['first', 'second'], 'main took five seconds to say goodbye')
  await world.pass(14_700)
  assert.deepEqual(world.running('web'), ['first', 'second'], 'second does not listen')
  await world.pass(2_500)
  assert.equal(world.isGone('web'), true)
})

test('preStop hooks of sidecars run at once, beside those of the others', async () => {
  const world = new PodWorld()
  const preStop = { exec: { command: ['sh', '-c', 'echo bye'] } }
  const pod = aPod('web', {
    initContainers: [sidecar('mesh', { lifecycle: { preStop } })],
    containers: [aScript('main', "trap '' TERM; sleep infinity")],
  })
  await world.assign(pod)
  await world.assign(deleted(pod, 20))
  await world.pass(100)
  assert.deepEqual(world.runtime.execs, ['sh -c echo bye'])
  assert.deepEqual(world.running('web'), ['main', 'mesh'])
})

test('when the sandbox is made anew the whole pod begins anew', async () => {
  const world = new PodWorld()
  const pod = aPod('web', { initContainers: [sidecar('mesh'), aScript('init', 'sleep 2')] })
  await world.assign(pod)
  await world.pass(3_000)
  world.runtime.reboot()
  await world.killAgent()
  world.startAgent()
  await world.assign(pod)
  await world.pass(100)
  assert.deepEqual(world.running('web'), ['init', 'mesh'])
  await world.pass(3_000)
  assert.deepEqual(world.running('web'), ['main', 'mesh'])
  assert.deepEqual([initStatus(world, 'init')?.restartCount, initStatus(world, 'mesh')?.restartCount], [1, 1])
})

const rules: readonly { readonly name: string; readonly container: Partial<Container>; readonly exit: number; readonly runs: boolean }[] = [
  { name: 'its own policy wins over that of the pod', container: { restartPolicy: 'Never' }, exit: 1, runs: false },
  { name: 'OnFailure of its own: not after 0', container: { restartPolicy: 'OnFailure' }, exit: 0, runs: false },
  { name: 'OnFailure of its own: after 2', container: { restartPolicy: 'OnFailure' }, exit: 2, runs: true },
  {
    name: 'a rule that names the exit code restarts what never restarts',
    container: { restartPolicy: 'Never', restartPolicyRules: [{ action: 'Restart', exitCodes: { operator: 'In', values: [42] } }] },
    exit: 42,
    runs: true,
  },
  {
    name: 'a rule that names another does not',
    container: { restartPolicy: 'Never', restartPolicyRules: [{ action: 'Restart', exitCodes: { operator: 'In', values: [42] } }] },
    exit: 1,
    runs: false,
  },
  {
    name: 'a rule may name what it is not for',
    container: { restartPolicy: 'Never', restartPolicyRules: [{ action: 'Restart', exitCodes: { operator: 'NotIn', values: [0] } }] },
    exit: 9,
    runs: true,
  },
]
for (const { name, container, exit, runs } of rules)
  test(`restart policy of a container: ${name}`, async () => {
    const world = new PodWorld()
    await world.assign(aPod('web', { containers: [aContainer('main', container), aContainer('other')] }))
    world.runtime.crash(world.containerId('web'), exit)
    await world.pass(100)
    assert.deepEqual(world.running('web'), runs ? ['main', 'other'] : ['other'])
  })

const restartAll: Partial<Container> = {
  restartPolicy: 'Never',
  restartPolicyRules: [{ action: 'RestartAllContainers', exitCodes: { operator: 'In', values: [42] } }],
}

test('a container may make the whole pod begin anew, in the same sandbox', async () => {
  const world = new PodWorld()
  await world.assign(
    aPod('web', {
      restartPolicy: 'Never',
      initContainers: [sidecar('mesh'), aScript('init', 'sleep 1')],
      containers: [aContainer('main', restartAll), aContainer('other')],
    }),
  )
  await world.pass(2_000)
  const [before] = await world.runtime.observe('uid-web')
  world.runtime.crash(world.containerId('web'), 42)
  await world.pass(100)
  assert.deepEqual(world.running('web'), ['init', 'mesh'])
  await world.pass(2_000)
  assert.deepEqual(world.running('web'), ['main', 'mesh', 'other'])
  const [after] = await world.runtime.observe('uid-web')
  assert.deepEqual([after?.id, after?.ip], [before?.id, before?.ip])
  const { containerStatuses = [], initContainerStatuses = [] } = world.status('web')!
  assert.deepEqual(
    [...initContainerStatuses, ...containerStatuses].map(({ name, restartCount, lastState }) => [
      name,
      restartCount,
      lastState?.terminated?.exitCode,
    ]),
    [
      ['mesh', 1, 143],
      ['init', 1, 0],
      ['main', 1, 42],
      ['other', 1, 143],
    ],
  )
  const told = world.reports.flatMap((report) => (report.type === 'pod-status' ? (report.status.conditions ?? []) : []))
  assert.ok(told.some(({ type, status }) => type === 'AllContainersRestarting' && status === 'True'))
  assert.equal(
    world.status('web')!.conditions?.some(({ type }) => type === 'AllContainersRestarting'),
    false,
  )
})

test('again and again it takes its time', async () => {
  const world = new PodWorld()
  await world.assign(aPod('web', { containers: [aScript('main', 'exit 42', restartAll), aContainer('other')] }))
  await world.pass(9_000)
  const status = () => world.status('web')?.containerStatuses?.[0]
  assert.deepEqual([status()?.restartCount, status()?.state?.waiting?.reason], [1, 'CrashLoopBackOff'])
  await world.pass(3_000)
  assert.equal(status()?.restartCount, 2)
})

test('an agent that dies in the middle of it: the next one goes on', async () => {
  for (let afterMs = 0; afterMs < 1_500; afterMs += 100) {
    const world = new PodWorld(1, true)
    const pod = aPod('web', {
      restartPolicy: 'Never',
      initContainers: [sidecar('mesh')],
      containers: [aContainer('main', restartAll), aContainer('other')],
    })
    await world.assign(pod)
    await world.pass(5_000)
    const known = { ...pod, status: world.status('web')! }
    world.runtime.crash(world.containerId('web'), 42)
    await world.pass(afterMs)
    await world.killAgent()
    world.startAgent()
    await world.assign(known)
    await world.pass(60_000)
    assert.deepEqual(world.running('web'), ['main', 'mesh', 'other'], `after ${afterMs} ms`)
    assert.equal(world.status('web')?.phase, 'Running')
  }
})
