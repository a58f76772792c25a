import assert from 'node:assert/strict'
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { after, before, describe, it, type TestContext } from 'node:test'
import { systemClock } from '@bramble/reconcile/env'
import { silentLog } from '@bramble/reconcile/log'
import { BUSYBOX_IMAGE } from '../../../../../tools/images/build.ts'
import { atomicWrite } from '../../host/files.ts'
import { insidePrivateHost, privateHostTest } from '../../host/private-host.ts'
import { CniNetwork } from '../../network/pod-network/cni-network.ts'
import { PodUnderTest, text } from '../contract/pod-under-test.ts'
import type { ContainerConfig } from '../runtime.ts'
import { Containerd } from './containerd.fixture.ts'
import { CriRuntime } from './cri-runtime.ts'
import { CriTestHost } from './cri-test-host.fixture.ts'

let host: CriTestHost

if (insidePrivateHost()) {
  before(async () => {
    host = await CriTestHost.start('brt-criown')
    await host.containerd.load(BUSYBOX_IMAGE)
  })
  after(() => host.remove())
  describe('containerd, what happens to it', lifeTests)
  describe('containerd, beyond the contract', ownTests)
  describe('containerd, when it cannot be used', statusTests)
} else privateHostTest(import.meta.filename)

function lifeTests(): void {
  it('pods run on while containerd is killed, and are found again, with hints', async (t) => {
    const pod = await aPod(t)
    const id = await pod.start({ args: ['while :; do echo tick; sleep 0.1; done'] })
    const hints = pod.harness.runtime.hints(t.signal)[Symbol.asyncIterator]()
    const first = hints.next()
    const before = await pod.container(id)
    await host.containerd.kill()
    await assert.rejects(pod.harness.runtime.observe(), { name: 'RuntimeError', reason: 'RuntimeUnavailable' })
    process.kill(before.pid!, 0)
    await host.containerd.start()
    await first // something may have happened meanwhile
    assert.deepEqual(
      await pod.until(
        () => pod.container(id),
        ({ state }) => state === 'running',
        'running',
      ),
      before,
    )
    await rm(before.logPath)
    process.kill(before.pid!, 'SIGKILL')
    assert.equal((await hints.next()).value?.podUid, pod.uid)
    assert.equal((await pod.exited(id)).exitCode, 137)
  })

  it('after a power cut nothing is taken for running, exit codes are unknown, and the pod gets its address again', async (t) => {
    const [other, pod] = [await aPod(t), await aPod(t)]
    const id = await pod.start({ annotations: { note: 'kept' } })
    await other.sandbox()
    const [{ ip }, { ip: otherIp }] = [await pod.observe(), await other.observe()]
    await host.containerd.cutPower()
    await rm('/run/bramble', { recursive: true, force: true })
    await host.containerd.start()

    const later = await host.runtime(t)
    const [lost, ...more] = (await later.observe()).filter(({ podUid }) => podUid === pod.uid)
    assert.deepEqual([lost?.ready, lost?.ip, more], [false, undefined, []])
    const { state, exitCode, finishedAtMs, annotations } = lost!.containers.find((container) => container.id === id)!
    assert.deepEqual([state, exitCode, finishedAtMs, annotations], ['exited', undefined, undefined, { note: 'kept' }])

    const again = [sameOn(later, pod, t), sameOn(later, other, t)] as const
    await Promise.all(again.map((each) => each.sandbox()))
    assert.deepEqual([(await pod.observe()).ip, (await other.observe()).ip], [ip, otherIp])
    await again[0].start({})
  })

  it('a later agent finds the same pods and goes on with them', async (t) => {
    const pod = await aPod(t)
    const id = await pod.start({ annotations: { restarts: '2' }, resources: { cpuRequestMillis: 100, memoryLimitBytes: 64 << 20 } })
    const before = await pod.observe()
    const later = await host.runtime(t)
    assert.deepEqual(await later.observe(pod.uid), [before])
    assert.deepEqual(before.containers[0]!.resources, { cpuRequestMillis: 100, memoryLimitBytes: 64 << 20 })
    await rm('/run/bramble/sandboxes', { recursive: true }) // an agent that died before it wrote them
    const second = sameOn(later, pod, t)
    const sidecar = await second.start({ name: 'sidecar', args: ['cat /etc/hosts; sleep 600'] })
    await second.logged(sidecar, new RegExp(`F ${before.ip!.replaceAll('.', '\\.')}\\tweb\\n`))
    await later.removeContainer(id)
  })

  it('a container that ended is not started again by a repeated start', async (t) => {
    const pod = await aPod(t)
    const id = await pod.start({ args: ['exit 4'] })
    const ended = await pod.exited(id)
    await (await host.runtime(t)).startContainer(id)
    assert.deepEqual(await pod.container(id), ended)
  })
}

function ownTests(): void {
  it('a container whose memory ran out says so', async (t) => {
    const pod = await aPod(t)
    void follow(pod.harness.runtime.hints(t.signal)) // as an agent does: containerd 1.6 does not always tell, and the cgroup is gone soon
    await pod.sandbox()
    const id = await pod.start({
      args: ['x=$(head -c 60000000 /dev/zero | tr "\\0" a); echo $x | wc'],
      resources: { memoryLimitBytes: 16 << 20 },
    })
    await pod.until(
      () => pod.container(id),
      ({ state, oomKilled }) => state === 'exited' && oomKilled === true,
      'seen to lack memory',
    )
    assert.equal((await pod.container(id)).exitCode, 137)
  })

  it('limits, rights, user and the files of the pod reach the process', async (t) => {
    const pod = await aPod(t)
    await pod.sandbox({ hostname: 'pi-pod', privileged: true })
    const id = await pod.start({
      args: [
        'id -u; id -g; id -G; cat /etc/hosts /etc/hostname; grep CapEff /proc/self/status; touch /x 2>&1; grep NoNew /proc/self/status; sleep 600',
      ],
      resources: { cpuRequestMillis: 100, cpuLimitMillis: 250, memoryLimitBytes: 64 << 20 },
      security: {
        ...SECURITY,
        user: 1000,
        group: 2000,
        supplementalGroups: [3000],
        readOnlyRoot: true,
        noNewPrivileges: true,
        dropCapabilities: ['ALL'],
      },
    })
    await pod.logged(id, /NoNewPrivs/)
    const log = await pod.log(id)
    assert.match(log, /F 1000\n.*F 2000\n.*F 2000 3000\n/)
    assert.match(log, new RegExp(`F ${(await pod.observe()).ip!.replaceAll('.', '\\.')}\\tpi-pod\\n`))
    assert.match(log, /F pi-pod\n.*CapEff:\t0{16}\n/)
    assert.match(log, /touch: \/x: Read-only file system/)
    assert.match(log, /NoNewPrivs:\t1/)
    const group = `/sys/fs/cgroup/memory/${host.cgroupName}/burstable/pod${pod.uid}/${id}/memory.limit_in_bytes`
    assert.equal((await readFile(group, 'utf8')).trim(), String(64 << 20))
    const free = await pod.start({ name: 'free', security: { ...SECURITY, privileged: true } })
    assert.equal(await pod.shell(free, 'grep -c " /proc/" /proc/mounts'), '0\n')
  })

  it('the image that pods are made of is put there when it is missing, and never removed', async (t) => {
    const pod = await aPod(t)
    await pod.sandbox()
    const pinned = (await pod.harness.runtime.listImages()).filter((image) => image.pinned)
    assert.deepEqual(
      pinned.map(({ names }) => names),
      [['registry.invalid/pause:1']],
    )
    assert.ok(pinned[0]!.sizeBytes < 10_000)
  })

  it('a port of the host leads to the pod', async (t) => {
    const pod = await aPod(t)
    await pod.sandbox({ portMappings: [{ hostPort: 8099, containerPort: 8080, protocol: 'tcp' }] })
    const id = await pod.start({ args: ['nc -ll -p 8080 -e echo hello'] })
    await pod.listens(id, /:1F90 [0-9A-F:]+ 0A/)
    assert.equal(await text(connect(8099, '127.0.0.1')), 'hello\n')
  })

  it('a pod that got its address from another network is refused, in words, and leaves nothing', async (t) => {
    const other = '/etc/cni/net.d/00-other.conflist'
    const plugins = [{ type: 'ptp', ipam: { type: 'host-local', ranges: [[{ subnet: '10.99.0.0/24' }]], dataDir: '/run/other' } }]
    t.after(() => rm(other, { force: true }))
    await atomicWrite(other, JSON.stringify({ cniVersion: '1.0.0', name: 'other', plugins }))
    const pod = await aPod(t)
    await pod.until(
      () =>
        pod.sandbox().then(
          () => pod.remove(),
          (error: unknown) => error,
        ),
      (error) => error instanceof Error && /10\.99\.0\.\d+, which is not of this node's pods \(10\.42\.7\.0\/24\)/.test(error.message),
      'refused',
    )
    assert.deepEqual(await pod.harness.runtime.observe(pod.uid), [])
    await rm(other)
    await pod.until(
      () => pod.sandbox().catch(() => undefined),
      (id) => id !== undefined,
      'run again',
    )
  })

  it('without a pod CIDR no pod is run', async (t) => {
    const runtime = new CriRuntime({
      ...PARTS,
      socketPath: host.containerd.socketPath,
      network: new CniNetwork(),
      cgroupName: host.cgroupName,
    })
    t.after(() => runtime.close())
    const pod = new PodUnderTest({ ...(await harness(t)), runtime })
    await assert.rejects(pod.sandbox(), { reason: 'CreatePodSandboxError', message: /has not given it a pod CIDR/ })
    assert.deepEqual(await readdir(`/sys/fs/cgroup/cpu/${host.cgroupName}/burstable`).catch(() => []), [])
  })
}

function statusTests(): void {
  it('says what to do when nothing answers', async (t) => {
    const runtime = new CriRuntime({ ...PARTS, socketPath: '/run/nothing.sock', network: new CniNetwork() })
    t.after(() => runtime.close())
    assert.deepEqual(await runtime.status(), {
      ready: false,
      reason:
        'containerd does not run: there is no socket /run/nothing.sock; install it (apt-get install containerd), or start it (systemctl start containerd)',
      version: '',
    })
  })

  it('says what to do when containerd has its CRI switched off', async (t) => {
    const containerd = await Containerd.temporary({ stateFolder: '/run/containerd-off', criIsOff: true })
    t.after(() => containerd.remove())
    await containerd.start()
    const runtime = new CriRuntime({ ...PARTS, socketPath: containerd.socketPath, network: new CniNetwork() })
    t.after(() => runtime.close())
    const { ready, reason } = await runtime.status()
    assert.equal(ready, false)
    assert.match(reason!, /take "cri" out of disabled_plugins in \/etc\/containerd\/config\.toml/)
  })
}

const PARTS = { name: 'containerd', clock: systemClock, log: silentLog }
const SECURITY: ContainerConfig['security'] = {
  supplementalGroups: [],
  privileged: false,
  readOnlyRoot: false,
  noNewPrivileges: false,
  addCapabilities: [],
  dropCapabilities: [],
  seccomp: { type: 'runtime-default' },
  procMount: 'default',
}

async function harness(t: TestContext) {
  return {
    runtime: await host.runtime(t),
    folder: await host.folder(t),
    image: BUSYBOX_IMAGE,
    missingImage: 'localhost/no-such-image',
    pause: () => systemClock.sleep(20),
    readLog: (path: string) => readFile(path, 'utf8').catch(() => ''),
    real: { writeFile },
  }
}

async function aPod(t: TestContext): Promise<PodUnderTest> {
  const pod = new PodUnderTest(await harness(t))
  t.after(() => pod.remove())
  return pod
}

/** The same pod, for another agent. */
function sameOn(runtime: CriRuntime, pod: PodUnderTest, t: TestContext): PodUnderTest {
  const same = new PodUnderTest({ ...pod.harness, runtime })
  Object.assign(same, { uid: pod.uid })
  t.after(() => same.remove())
  return same
}

async function follow(hints: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of hints);
}
