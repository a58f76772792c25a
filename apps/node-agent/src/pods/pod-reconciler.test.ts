import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Container } from '@bramble/api/types/pod'
import { RuntimeError } from '../runtime/runtime.ts'
import { aContainer, aPod, aScript, deleted, PodWorld } from './pods-harness.ts'

const conditionOf = (world: PodWorld, name: string, type: string) =>
  world.status(name)?.conditions?.find((condition) => condition.type === type)?.status
const containerOf = (world: PodWorld, name: string, container = 'main') =>
  world.status(name)?.containerStatuses?.find((status) => status.name === container)

test('an assigned pod runs, and its status says so', async () => {
  const world = new PodWorld()
  await world.assign(aPod('web'))
  assert.deepEqual(world.running('web'), ['main'])
  const status = world.status('web')!
  assert.equal(status.phase, 'Running')
  assert.equal(status.podIP, '10.42.0.2')
  assert.equal(status.hostIP, '192.0.2.1')
  assert.equal(status.qosClass, 'BestEffort')
  assert.equal(status.startTime, '2026-01-01T00:00:00Z')
  assert.deepEqual(
    status.conditions?.map(({ type, status: value }) => `${type}=${value}`),
    ['PodReadyToStartContainers=True', 'Initialized=True', 'Ready=True', 'ContainersReady=True', 'PodScheduled=True'],
  )
  const [main] = status.containerStatuses!
  assert.deepEqual([main!.ready, main!.started, main!.restartCount, main!.image], [true, true, 0, 'localhost/main:1'])
  assert.match(main!.containerID!, /^fake:\/\/[0-9a-f]{64}$/)
  assert.match(main!.imageID, /sha256:/)
  assert.deepEqual(
    world.events().map((event) => event.split(':')[0]),
    ['Pulling', 'Pulled', 'Created', 'Started'],
  )
})

test('the status begins with ContainerCreating', async () => {
  const world = new PodWorld()
  await world.assign(aPod('web'))
  const first = world.reports.find((report) => report.type === 'pod-status')
  assert.ok(first?.type === 'pod-status')
  assert.equal(first.status.phase, 'Pending')
  assert.equal(first.status.containerStatuses?.[0]?.state?.waiting?.reason, 'ContainerCreating')
})

test('a killed container answers again at once; then 10 s, 20 s … and at most 5 min pass', async () => {
  const world = new PodWorld()
  await world.assign(aPod('web'))
  world.runtime.crash(world.containerId('web'), 137)
  await world.pass(10)
  assert.deepEqual(world.running('web'), ['main'])
  for (const waitS of [10, 20, 40, 80, 160, 300, 300]) {
    world.runtime.crash(world.containerId('web'), 1)
    await world.pass(100)
    const status = containerOf(world, 'web')!
    assert.equal(status.state?.waiting?.reason, 'CrashLoopBackOff')
    assert.match(status.state?.waiting?.message ?? '', /^back-off \w+ restarting failed container=main pod=web_default\(uid-web\)$/)
    assert.equal(status.lastState?.terminated?.exitCode, 1)
    assert.equal(world.status('web')!.phase, 'Running')
    await world.pass((waitS - 1) * 1000)
    assert.deepEqual(world.running('web'), [], `still waits ${waitS} s`)
    await world.pass(1_000)
    assert.deepEqual(world.running('web'), ['main'], `runs after ${waitS} s`)
  }
  await world.pass(11 * 60_000)
  world.runtime.crash(world.containerId('web'), 1)
  await world.pass(10)
  assert.deepEqual(world.running('web'), ['main'], 'ten good minutes are forgiven')
})

test('of ended attempts the one before stays, for its log', async () => {
  const world = new PodWorld()
  await world.assign(aPod('web'))
  for (let crash = 0; crash < 4; crash++) {
    world.runtime.crash(world.containerId('web'), 1)
    await world.pass(301_000)
  }
  const [sandbox] = await world.runtime.observe('uid-web')
  assert.deepEqual(
    sandbox?.containers.map(({ attempt, state }) => `${attempt} ${state}`),
    ['3 exited', '4 running'],
  )
  assert.equal(containerOf(world, 'web')?.restartCount, 4)
})

const policies: readonly {
  readonly name: string
  readonly policy: 'Always' | 'OnFailure' | 'Never'
  readonly exit: number
  readonly phase: string
  readonly runs: number
}[] = [
  { name: 'Never, ends well: Succeeded', policy: 'Never', exit: 0, phase: 'Succeeded', runs: 0 },
  { name: 'Never, ends badly: Failed', policy: 'Never', exit: 3, phase: 'Failed', runs: 0 },
  { name: 'OnFailure, ends well: Succeeded', policy: 'OnFailure', exit: 0, phase: 'Succeeded', runs: 0 },
  { name: 'OnFailure, ends badly: runs again', policy: 'OnFailure', exit: 3, phase: 'Running', runs: 1 },
  { name: 'Always, ends well: runs again', policy: 'Always', exit: 0, phase: 'Running', runs: 1 },
]
for (const { name, policy, exit, phase, runs } of policies)
  test(`restart policy ${name}`, async () => {
    const world = new PodWorld()
    await world.assign(aPod('job', { restartPolicy: policy }))
    world.runtime.crash(world.containerId('job'), exit)
    await world.pass(100)
    assert.equal(world.status('job')?.phase, phase)
    assert.equal(world.running('job').length, runs)
  })

test('a pod that is done stays done after a reboot and an agent restart', async () => {
  const world = new PodWorld()
  const pod = aPod('job', { restartPolicy: 'Never' })
  await world.assign(pod)
  world.runtime.crash(world.containerId('job'), 0)
  await world.pass(100)
  await world.killAgent()
  world.runtime.reboot()
  world.startAgent()
  await world.assign(pod)
  await world.pass(120_000)
  assert.deepEqual(world.running('job'), [])
  assert.equal(world.status('job')?.phase, 'Succeeded')
})

test('deleting sends SIGTERM, waits the grace period, then everything goes and the pod is reported gone', async () => {
  const world = new PodWorld()
  const pod = aPod('web', { containers: [aScript('deaf', "trap '' TERM; sleep infinity"), aContainer('polite')] })
  await world.assign(pod)
  await world.assign(deleted(pod, 10))
  await world.pass(9_000)
  assert.deepEqual(world.running('web'), ['deaf'])
  assert.equal(world.isGone('web'), false)
  await world.pass(2_000)
  assert.equal(world.isGone('web'), true)
  assert.deepEqual(await world.runtime.observe('uid-web'), [])
  assert.ok(world.events().includes('Killing: Stopping container deaf'))
  await world.assign()
  await world.pass(1)
})

test('a second delete with a shorter grace period ends it sooner', async () => {
  const world = new PodWorld()
  const pod = aPod('web', { containers: [aScript('deaf', "trap '' TERM; sleep infinity")] })
  await world.assign(pod)
  await world.assign(deleted(pod, 300))
  await world.pass(5_000)
  await world.assign(deleted(pod, 1))
  await world.pass(2_500)
  assert.equal(world.isGone('web'), true)
})

test('what nobody assigned any more is stopped and removed without a word; before anything is assigned nothing is', async () => {
  const world = new PodWorld()
  await world.assign(aPod('web'), aPod('other'))
  await world.killAgent()
  world.startAgent()
  await world.pass(600_000)
  assert.deepEqual(world.running('web'), ['main'], 'an agent that knows nothing leaves everything alone')
  const before = world.reports.length
  await world.assign(aPod('other'))
  await world.pass(100_000)
  assert.deepEqual(await world.runtime.observe('uid-web'), [])
  assert.deepEqual(world.running('other'), ['main'])
  assert.ok(!world.reports.slice(before).some((report) => 'name' in report && report.name === 'web'))
})

test('a new agent takes running containers over without touching them', async () => {
  const world = new PodWorld()
  const pod = aPod('web', { containers: [aContainer('main', { readinessProbe: { httpGet: { port: 80 } } })] })
  await world.assign(pod)
  await world.pass(20_000)
  const id = world.containerId('web')
  await world.killAgent()
  world.startAgent()
  const before = world.reports.length
  await world.assign(pod)
  await world.pass(60_000)
  assert.equal(world.containerId('web'), id)
  const told = world.reports
    .slice(before)
    .flatMap((report) => (report.type === 'pod-status' ? [report.status.conditions!.find(({ type }) => type === 'Ready')!.status] : []))
  assert.deepEqual([...new Set(told)], ['True'], 'readiness never flaps')
})

test('after a reboot the sandbox is made anew and containers count on', async () => {
  const world = new PodWorld()
  const pod = aPod('web')
  await world.assign(pod)
  await world.killAgent()
  world.runtime.reboot()
  world.startAgent()
  await world.assign(pod)
  await world.pass(1_000)
  assert.deepEqual(world.running('web'), ['main'])
  const status = containerOf(world, 'web')!
  assert.equal(status.restartCount, 1)
  assert.deepEqual([status.lastState?.terminated?.reason, status.lastState?.terminated?.exitCode], ['ContainerStatusUnknown', 137])
  assert.equal((await world.runtime.observe('uid-web')).length, 1)
})

test('init containers run one after the other, then the others; a sidecar goes on beside them', async () => {
  const world = new PodWorld()
  await world.assign(
    aPod('web', {
      initContainers: [aScript('first', 'sleep 5'), aContainer('sidecar', { restartPolicy: 'Always' }), aScript('second', 'sleep 5')],
      containers: [aContainer('a'), aContainer('b')],
    }),
  )
  assert.deepEqual(world.running('web'), ['first'])
  assert.equal(world.status('web')?.phase, 'Pending')
  assert.equal(containerOf(world, 'web', 'a')?.state?.waiting?.reason, 'PodInitializing')
  assert.equal(conditionOf(world, 'web', 'Initialized'), 'False')
  await world.pass(5_100)
  assert.deepEqual(world.running('web'), ['second', 'sidecar'])
  await world.pass(5_100)
  assert.deepEqual(world.running('web'), ['a', 'b', 'sidecar'])
  assert.equal(conditionOf(world, 'web', 'Ready'), 'True')
  world.runtime.crash(world.containerId('web', 'sidecar'), 1)
  await world.pass(100)
  assert.deepEqual(world.running('web'), ['a', 'b', 'sidecar'])
})

test('a failing init container is tried again with back-off, or fails the pod when the policy is Never', async () => {
  const world = new PodWorld()
  await world.assign(
    aPod('again', { initContainers: [aScript('init', 'exit 1')] }),
    aPod('never', { restartPolicy: 'Never', initContainers: [aScript('init', 'exit 1')] }),
  )
  await world.pass(1_000)
  assert.equal(world.status('again')?.initContainerStatuses?.[0]?.state?.waiting?.reason, 'CrashLoopBackOff')
  assert.equal(world.status('again')?.phase, 'Pending')
  assert.equal(world.status('never')?.phase, 'Failed')
})

test('an image that cannot be pulled is ErrImagePull, then ImagePullBackOff, and is tried again', async () => {
  const world = new PodWorld()
  const pod = aPod('web', { containers: [aContainer('main', { image: 'localhost/missing:1' })] })
  await world.assign(pod)
  assert.equal(containerOf(world, 'web')?.state?.waiting?.reason, 'ErrImagePull')
  await world.pass(3_000)
  assert.equal(containerOf(world, 'web')?.state?.waiting?.reason, 'ImagePullBackOff')
  assert.match(containerOf(world, 'web')?.state?.waiting?.message ?? '', /^Back-off pulling image "localhost\/missing:1"/)
  assert.equal(world.status('web')?.phase, 'Pending')
  world.runtime.addImage('localhost/missing:1')
  await world.pass(10_000)
  assert.deepEqual(world.running('web'), ['main'])
})

const waits: readonly {
  readonly name: string
  readonly container: Partial<Container>
  readonly reason: string
  readonly message: RegExp
}[] = [
  {
    name: 'policy Never without the image',
    container: { imagePullPolicy: 'Never' },
    reason: 'ErrImageNeverPull',
    message: /is not present with pull policy of Never/,
  },
  { name: 'a name that none can have', container: { image: 'Not An Image' }, reason: 'InvalidImageName', message: /Not An Image/ },
  {
    name: 'a missing ConfigMap',
    container: { env: [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'cfg', key: 'a' } } }] },
    reason: 'CreateContainerConfigError',
    message: /^configmap "cfg" not found$/,
  },
  {
    name: 'a missing Secret',
    container: { envFrom: [{ secretRef: { name: 's' } }] },
    reason: 'CreateContainerConfigError',
    message: /^secret "s" not found$/,
  },
  {
    name: 'root where it must not be',
    container: { securityContext: { runAsNonRoot: true } },
    reason: 'CreateContainerConfigError',
    message: /runAsNonRoot and image will run as root/,
  },
]
for (const { name, container, reason, message } of waits)
  test(`${name} is ${reason}`, async () => {
    const world = new PodWorld()
    await world.assign(aPod('web', { containers: [aContainer('main', container)] }))
    assert.equal(containerOf(world, 'web')?.state?.waiting?.reason, reason)
    assert.match(containerOf(world, 'web')?.state?.waiting?.message ?? '', message)
  })

test('an image name that none can have says why in an Event', async () => {
  const world = new PodWorld()
  await world.assign(aPod('web', { containers: [aContainer('main', { image: 'Not An Image' })] }))
  assert.ok(
    world.events().some((event) => event.startsWith('InspectFailed: Failed to apply default image tag "Not An Image": ')),
    world.events().join('\n'),
  )
})

test('a ConfigMap that comes later starts the pod at once', async () => {
  const world = new PodWorld()
  const pod = aPod('web', {
    containers: [aContainer('main', { env: [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'cfg', key: 'a' } } }] })],
    volumes: [{ name: 'v', configMap: { name: 'cfg' } }],
  })
  await world.assign(pod)
  await world.pass(120_000)
  assert.ok(world.events().includes('FailedMount: MountVolume.SetUp failed for volume "v" : configmap "cfg" not found'))
  world.configs.setConfigMap('cfg', { a: 'yes' })
  await world.assign(pod)
  assert.deepEqual(world.running('web'), ['main'])
  assert.deepEqual(
    world.runtime.configOf(world.containerId('web'))?.env.find(({ name }) => name === 'A'),
    { name: 'A', value: 'yes' },
  )
  world.configs.setConfigMap('cfg', { a: 'changed' })
  await world.assign(pod)
  assert.equal(world.files.volumes.get('uid-web')?.get('v')?.get('a')?.data.toString(), 'changed', 'volumes follow while the pod runs')
})

test('a command that cannot run is RunContainerError, then CrashLoopBackOff with StartError', async () => {
  const world = new PodWorld()
  await world.assign(aPod('web', { containers: [aContainer('main', { command: ['/no/such/program'] })] }))
  await world.pass(1_000)
  const status = containerOf(world, 'web')!
  assert.equal(status.state?.waiting?.reason, 'CrashLoopBackOff')
  assert.deepEqual([status.lastState?.terminated?.reason, status.lastState?.terminated?.exitCode], ['StartError', 128])
})

test('what can never start fails a pod whose policy is Never', async () => {
  const world = new PodWorld()
  await world.assign(aPod('job', { restartPolicy: 'Never', containers: [aContainer('main', { command: ['/no/such/program'] })] }))
  assert.equal(world.status('job')?.phase, 'Failed')
  const end = containerOf(world, 'job')?.state?.terminated
  assert.deepEqual([end?.reason, end?.exitCode], ['StartError', 128])
  assert.match(end?.message ?? '', /\/no\/such\/program/)
  assert.ok(end?.startedAt && end.finishedAt, 'people see when')
})

test('a changed image restarts that container alone', async () => {
  const world = new PodWorld()
  const spec = { containers: [aContainer('main'), aContainer('other')] }
  const pod = aPod('web', spec)
  await world.assign(pod)
  const other = world.containerId('web', 'other')
  await world.assign({ ...aPod('web', { containers: [aContainer('main', { image: 'localhost/main:2' }), aContainer('other')] }) })
  await world.pass(1_000)
  assert.equal(containerOf(world, 'web')?.image, 'localhost/main:2')
  assert.equal(world.containerId('web', 'other'), other)
  assert.ok(world.events().includes('Killing: Container main definition changed, will be restarted'))
})

test('a pod that is active for too long fails with DeadlineExceeded', async () => {
  const world = new PodWorld()
  await world.assign(aPod('job', { activeDeadlineSeconds: 60 }))
  await world.pass(59_000)
  assert.equal(world.status('job')?.phase, 'Running')
  await world.pass(40_000)
  assert.deepEqual([world.status('job')?.phase, world.status('job')?.reason], ['Failed', 'DeadlineExceeded'])
  assert.deepEqual(world.running('job'), [])
})

test('with host network the pod has the address of the host', async () => {
  const world = new PodWorld()
  await world.assign(aPod('web', { hostNetwork: true }))
  assert.equal(world.status('web')?.podIP, '192.0.2.1')
})

test('a sandbox that cannot be made is tried again, and says why', async () => {
  const world = new PodWorld()
  world.runtime.failNext('runSandbox', new RuntimeError('CreatePodSandboxError', 'the node has no pod CIDR yet'), 2)
  await world.assign(aPod('web'))
  assert.ok(world.events().includes('FailedCreatePodSandBox: Failed to create pod sandbox: the node has no pod CIDR yet'))
  await world.pass(5_000)
  assert.deepEqual(world.running('web'), ['main'])
})

test('a lost hint is made good by the next comparison', async () => {
  const world = new PodWorld()
  await world.assign(aPod('web'))
  await world.pass(1_000)
  await world.runtime.removeSandbox((await world.runtime.observe('uid-web'))[0]!.id)
  await world.pass(100_000)
  assert.deepEqual(world.running('web'), ['main'])
})

test('with policy Always an unreachable registry does not keep a pod down that ran here before', async () => {
  const world = new PodWorld()
  const pod = aPod('web', { containers: [aContainer('main', { imagePullPolicy: 'Always' })] })
  await world.assign(pod)
  await world.killAgent()
  world.runtime.reboot()
  world.runtime.failNext('pullImage', new RuntimeError('ErrImagePull', 'no route to host'), 100)
  world.startAgent()
  await world.assign(pod)
  await world.pass(20_000)
  assert.deepEqual(world.running('web'), ['main'])
})
