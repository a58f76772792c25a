import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Container } from '@bramble/api/types/pod'
import { aContainer, aPod, aScript, deleted, PodWorld } from '../pods-harness.ts'

const sh = (script: string) => ({ exec: { command: ['sh', '-c', script] } })
const statusOf = (world: PodWorld, name = 'main') => {
  const { containerStatuses = [], initContainerStatuses = [] } = world.status('web') ?? {}
  return [...containerStatuses, ...initContainerStatuses].find((status) => status.name === name)
}
const withHook = (postStart: NonNullable<Container['lifecycle']>['postStart'], change: Partial<Container> = {}): Container =>
  aContainer('main', { lifecycle: { postStart }, ...change })

test('a container is not running for people until its postStart hook is done, and the next one starts after it', async () => {
  const world = new PodWorld()
  await world.assign(aPod('web', { containers: [withHook(sh('sleep 5')), aContainer('second')] }))
  assert.deepEqual(world.running('web'), ['main'])
  assert.deepEqual(
    [statusOf(world)?.state?.waiting?.reason, statusOf(world)?.started, statusOf(world)?.ready],
    ['ContainerCreating', false, false],
  )
  assert.equal(world.status('web')?.phase, 'Pending')
  await world.pass(5_100)
  assert.deepEqual(world.running('web'), ['main', 'second'])
  assert.deepEqual([statusOf(world)?.state?.running !== undefined, statusOf(world)?.started, statusOf(world)?.ready], [true, true, true])
  assert.deepEqual(world.runtime.execs, ['sh -c sleep 5'])
})

test('one that cannot start holds up nobody, though it has a hook', async () => {
  const world = new PodWorld()
  await world.assign(aPod('web', { containers: [withHook(sh('true'), { image: 'localhost/missing:1' }), aContainer('second')] }))
  await world.pass(1_000)
  assert.deepEqual(world.running('web'), ['second'])
})

const failures: readonly {
  readonly name: string
  readonly hook: NonNullable<Container['lifecycle']>['postStart']
  readonly says: RegExp
}[] = [
  {
    name: 'a command that fails',
    hook: sh('echo secret; exit 3'),
    says: /^Exec lifecycle hook \(\[sh -c echo secret; exit 3\]\) for Container "main" in Pod "web_default\(uid-web\)" failed - error: command 'sh -c .*' exited with 3: secret\n, message: "secret\\n"$/,
  },
  {
    name: 'a server that is not there',
    hook: { httpGet: { port: 80, path: 'hook', host: 'closed' } },
    says: /^HTTP lifecycle hook \(hook\) for Container "main" in Pod .* failed - error: dial tcp closed:80: connect: connection refused$/,
  },
  { name: 'a handler that Kubernetes does not run', hook: { tcpSocket: { port: 80 } }, says: /^Cannot run handler: invalid handler: / },
]
for (const { name, hook, says } of failures)
  test(`postStart: ${name} ends the container, which starts again with back-off`, async () => {
    const world = new PodWorld()
    world.dialer.closed.add('closed')
    await world.assign(aPod('web', { containers: [withHook(hook)] }))
    await world.pass(1_000)
    assert.equal(statusOf(world)?.state?.waiting?.reason, 'CrashLoopBackOff')
    assert.equal(statusOf(world)?.restartCount, 1, 'the first restart comes at once')
    assert.deepEqual(world.running('web'), [])
    for (const event of ['FailedPostStartHook: PostStartHook failed', 'Killing: FailedPostStartHook'])
      assert.ok(world.events().includes(event), event)
    assert.ok(!world.events().some((event) => event.includes('secret')))
    await world.pass(11_000)
    assert.equal(statusOf(world)?.restartCount, 2)
    const told = world.reports.flatMap((report) =>
      report.type === 'pod-status' ? [report.status.containerStatuses?.[0]?.state?.waiting?.message ?? ''] : [],
    )
    assert.ok(
      told.some((message) => says.test(message)),
      told.join('\n'),
    )
  })

test('the answer of a web server to a hook does not matter', async () => {
  const world = new PodWorld()
  world.dialer.answers.set('/hook', 500)
  await world.assign(aPod('web', { containers: [withHook({ httpGet: { port: 80, path: '/hook' } })] }))
  await world.pass(100)
  assert.equal(statusOf(world)?.ready, true)
})

test('probes begin when the hook is done', async () => {
  const world = new PodWorld()
  world.dialer.answers.set('/live', 500)
  const livenessProbe = { httpGet: { port: 80, path: '/live' }, periodSeconds: 1, failureThreshold: 1 }
  await world.assign(aPod('web', { containers: [withHook({ sleep: { seconds: 30 } }, { livenessProbe })] }))
  await world.pass(29_000)
  assert.equal(
    world.events().some((event) => event.startsWith('Unhealthy')),
    false,
  )
  await world.pass(2_000)
  assert.ok(world.events().includes('Unhealthy: Liveness probe failed: HTTP probe failed with statuscode: 500'))
})

test('an agent that takes a container over does not repeat a hook that is done; one that was cut off comes again', async () => {
  for (const [passMs, runs] of [
    [6_000, 1],
    [2_000, 2],
  ] as const) {
    const world = new PodWorld()
    const pod = aPod('web', { containers: [withHook(sh('sleep 5'))] })
    await world.assign(pod)
    await world.pass(passMs)
    await world.killAgent()
    world.startAgent()
    await world.assign(pod)
    await world.pass(20_000)
    assert.equal(world.runtime.execs.length, runs)
    assert.deepEqual([statusOf(world)?.ready, statusOf(world)?.restartCount], [true, 0])
  }
})

test('preStop runs before SIGTERM, within the grace period; what is left is for the process, two seconds at least', async () => {
  for (const { hookSeconds, graceSeconds, aliveMs, goneMs } of [
    { hookSeconds: 5, graceSeconds: 30, aliveMs: 4_900, goneMs: 200 },
    { hookSeconds: 60, graceSeconds: 10, aliveMs: 9_900, goneMs: 200 },
  ]) {
    const world = new PodWorld()
    const pod = aPod('web', { containers: [aContainer('main', { lifecycle: { preStop: sh(`sleep ${hookSeconds}`) } })] })
    await world.assign(pod)
    await world.assign(deleted(pod, graceSeconds))
    await world.pass(aliveMs)
    assert.deepEqual(world.running('web'), ['main'])
    await world.pass(goneMs)
    assert.equal(world.isGone('web'), true)
  }
  const world = new PodWorld()
  const pod = aPod('web', {
    containers: [aScript('main', "trap '' TERM; sleep infinity", { lifecycle: { preStop: { sleep: { seconds: 60 } } } })],
  })
  await world.assign(pod)
  await world.assign(deleted(pod, 10))
  await world.pass(11_900)
  assert.deepEqual(world.running('web'), ['main'], 'two seconds after the hook was given up')
  await world.pass(200)
  assert.equal(world.isGone('web'), true)
})

test('a preStop hook that fails is told, and its container ends all the same', async () => {
  const world = new PodWorld()
  const pod = aPod('web', { containers: [aContainer('main', { lifecycle: { preStop: sh('echo secret; exit 1') } })] })
  await world.assign(pod)
  await world.assign(deleted(pod, 10))
  await world.pass(100)
  assert.equal(world.isGone('web'), true)
  assert.ok(world.events().includes('FailedPreStopHook: PreStopHook failed'))
})

test('a shorter second delete cuts a preStop hook short', async () => {
  const world = new PodWorld()
  const pod = aPod('web', { containers: [aContainer('main', { lifecycle: { preStop: { sleep: { seconds: 200 } } } })] })
  await world.assign(pod)
  await world.assign(deleted(pod, 300))
  await world.pass(5_000)
  await world.assign(deleted(pod, 1))
  await world.pass(1_200)
  assert.equal(world.isGone('web'), true)
})

test('a container that dies during its preStop hook is not waited for', async () => {
  const world = new PodWorld()
  const pod = aPod('web', { containers: [aContainer('main', { lifecycle: { preStop: { sleep: { seconds: 25 } } } })] })
  await world.assign(pod)
  await world.assign(deleted(pod, 30))
  await world.pass(1_000)
  world.runtime.crash(world.containerId('web'), 0)
  await world.pass(100)
  assert.equal(world.isGone('web'), true)
  assert.ok(!world.events().includes('FailedPreStopHook: PreStopHook failed'))
})

test('a stop signal reaches the runtime', async () => {
  const world = new PodWorld()
  await world.assign(aPod('web', { containers: [aContainer('main', { lifecycle: { stopSignal: 'SIGUSR1' } })] }))
  assert.equal(world.runtime.configOf(world.containerId('web'))?.stopSignal, 'SIGUSR1')
})

test('liveness is not asked while a pod leaves, readiness is', async () => {
  const world = new PodWorld()
  const probe = (path: string) => ({ httpGet: { port: 80, path }, periodSeconds: 1, failureThreshold: 1 })
  const pod = aPod('web', {
    containers: [aScript('main', "trap '' TERM; sleep infinity", { livenessProbe: probe('/live'), readinessProbe: probe('/ready') })],
  })
  await world.assign(pod)
  await world.pass(100)
  await world.assign(deleted(pod, 20))
  world.dialer.answers.set('/live', 500).set('/ready', 503)
  await world.pass(5_000)
  assert.equal(
    world.events().some((event) => event.includes('Liveness probe failed')),
    false,
  )
  assert.equal(statusOf(world)?.ready, false)
  assert.deepEqual(world.running('web'), ['main'])
})
