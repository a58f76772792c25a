import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { chmod, chown, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { before, it, type TestContext } from 'node:test'
import type { Container, Pod, PodSpec, PodStatus } from '@bramble/api/types/pod'
import type { StatusReport } from '@bramble/link/link'
import { systemClock } from '@bramble/reconcile/env'
import { silentLog } from '@bramble/reconcile/log'
import { BUSYBOX_IMAGE, buildImages } from '../../../../../tools/images/build.ts'
import { classOfFlag } from '../../devices/device-class.ts'
import { runCommand } from '../../host/exec.ts'
import { insidePrivateHost, privateHostTest } from '../../host/private-host.ts'
import { CniNetwork } from '../../network/pod-network/cni-network.ts'
import { PodMeans } from '../../pod-means.ts'
import { PodmanRuntime } from '../../runtime/podman/podman-runtime.ts'
import { PullRecords } from '../images/pull-records.ts'
import { PodReconciler } from '../pod-reconciler.ts'
import { aContainer, aPod, deleted, FakeConfigs } from '../pods-harness.ts'
import { socketDialer } from '../probes/socket-dialer.ts'
import { DiskPodFiles } from '../volumes/disk-pod-files.ts'

const PAUSE_MS = 20
const PAUSES_MAX = 3_000
/** /dev/fuse: whoever may open it can, and nothing happens. */
const [MAJOR, MINOR] = [10, 229]
const GROUP = 4242
const NOBODY = { runAsUser: 1000, runAsGroup: 1000, runAsNonRoot: true, allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } }

if (insidePrivateHost()) {
  before(async () => void (await buildImages({ names: [BUSYBOX_IMAGE] })))
  tests()
} else privateHostTest(import.meta.filename)

function tests(): void {
  it('a device is opened without privilege by whom it was given to, by nobody else, and goes on to the next when they are gone', async (t) => {
    const node = await aNode(t)
    assert.deepEqual(node.means.deviceCounts(), { 'bramble.dev/fuse': { capacity: 1, allocatable: 1 } })
    const open = `(exec 3<>${node.device}) && echo opened as $(id -u) $(id -G)`
    const owner = node.pod('owner', `${open}; sleep 1000`, { securityContext: NOBODY, resources: { limits: { 'bramble.dev/fuse': '1' } } })
    node.assign(owner)
    await node.logged(owner, `opened as 1000 1000 ${GROUP}\n`)

    const without = node.pod('without', `ls ${node.device}; ${open} || echo refused; sleep 1000`, { securityContext: NOBODY })
    const maker = node.pod('maker', `mknod /tmp/it c ${MAJOR} ${MINOR} && cat /tmp/it; echo $?; sleep 1000`)
    const second = node.pod('second', open, { resources: { limits: { 'bramble.dev/fuse': '1' } } })
    node.assign(owner, without, maker, second)
    assert.match(await node.logged(without, /refused\n$/), /^ls: .*No such file/)
    assert.match(await node.logged(maker, /\n1\n$/), /not permitted/, 'root of a container may make its number, not open it')
    const refused = await node.until(second, ({ phase }) => phase === 'Failed', 'refused')
    assert.deepEqual(
      [refused.reason, refused.message],
      [
        'UnexpectedAdmissionError',
        'Pod was rejected: Allocate failed due to requested number of devices unavailable for bramble.dev/fuse. Requested: 1, Available: 0, which is unexpected',
      ],
    )

    const next = node.pod('next', `${open}; sleep 1000`, { securityContext: NOBODY, resources: { limits: { 'bramble.dev/fuse': '1' } } })
    node.assign(deleted(owner, 0), without, maker, second)
    await node.gone(owner)
    node.assign(without, maker, second, next)
    await node.logged(next, `opened as 1000 1000 ${GROUP}\n`)
  })

  it('an agent that starts anew knows who has a device; one that is lost and back is given to its container again', async (t) => {
    const node = await aNode(t)
    const limits = { 'bramble.dev/fuse': '1' }
    const owner = node.pod('owner', `exec 3<>${node.device} && echo opened; sleep 1000`, { resources: { limits } })
    node.assign(owner)
    await node.logged(owner, 'opened\n')
    await node.restart()
    node.assign(owner, node.pod('thief', 'true', { resources: { limits } }))
    await node.until(node.last, ({ reason }) => reason === 'UnexpectedAdmissionError', 'refused')

    await rm(node.device)
    const [state] = (await node.runtime.observe(owner.metadata.uid))[0]!.containers
    await node.runtime.stopContainer(state!.id, 0)
    const waiting = await node.until(
      owner,
      ({ containerStatuses }) => containerStatuses?.[0]?.state?.waiting?.reason === 'UnexpectedAdmissionError',
      'waits',
    )
    assert.match(
      waiting.containerStatuses?.[0]?.state?.waiting?.message ?? '',
      /no longer healthy; cannot allocate unhealthy device .* of bramble.dev\/fuse/,
    )
    await node.makeDevice()
    await node.until(
      owner,
      ({ containerStatuses }) => containerStatuses?.[0]?.restartCount === 1 && containerStatuses[0].ready,
      'runs again',
    )
  })

  it('a pod that forks without end stops at its limit, and another one is none the worse', async (t) => {
    const node = await aNode(t)
    const greedy = node.pod('greedy', 'for i in $(seq 200); do sleep 1000 & done; echo all; sleep 1000')
    const modest = node.pod('modest', 'sleep 1000 & echo one; sleep 1000')
    node.assign(greedy, modest)
    await node.logged(modest, 'one\n')
    assert.match(await node.logged(greedy, /fork/), /can't fork: Resource temporarily unavailable/)
  })

  it('profiles of the node filter system calls; what cannot be had is said in the status', async (t) => {
    const node = await aNode(t)
    await mkdir(join(node.folder, 'seccomp'))
    const profile = { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO' }] }
    await writeFile(join(node.folder, 'seccomp/no-folders.json'), JSON.stringify(profile))
    const seccomp = (localhostProfile: string): Partial<Container> => ({
      securityContext: { seccompProfile: { type: 'Localhost', localhostProfile } },
    })
    const filtered = node.pod('filtered', 'mkdir /tmp/x; echo $?; sleep 1000', seccomp('no-folders.json'))
    const missing = node.pod('missing', 'true', seccomp('none.json'))
    const root = node.pod('root', 'true', { securityContext: { runAsNonRoot: true } })
    const sysctl = { ...node.pod('sysctl', 'true') }
    sysctl.spec = { ...sysctl.spec, securityContext: { sysctls: [{ name: 'vm.swappiness', value: '1' }] } }
    node.assign(filtered, missing, root, sysctl)
    await node.logged(filtered, /not permitted[\s\S]*\n1\n/)
    const why = async (pod: Pod) =>
      (await node.until(pod, ({ containerStatuses }) => containerStatuses?.[0]?.state?.waiting?.message !== undefined, 'waits'))
        .containerStatuses![0]!.state!.waiting!
    assert.equal((await why(missing)).reason, 'CreateContainerError')
    assert.match((await why(missing)).message!, /none\.json/)
    const nonRoot = await why(root)
    assert.equal(nonRoot.reason, 'CreateContainerConfigError')
    assert.match(nonRoot.message!, /^container has runAsNonRoot and image will run as root \(pod: "root_default/)
    const forbidden = await node.until(sysctl, ({ phase }) => phase === 'Failed', 'refused')
    assert.deepEqual(
      [forbidden.reason, forbidden.message],
      ['SysctlForbidden', 'Pod was rejected: forbidden sysctl: "vm.swappiness" not allowlisted'],
    )
  })
}

async function aNode(t: TestContext): Promise<Node> {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-security-'))
  const network = new CniNetwork()
  await network.setCidr('10.42.1.0/24')
  const runtime = new PodmanRuntime({ network, clock: systemClock, log: silentLog, cgroupName: 'brt-security' })
  const node = new Node(folder, runtime)
  await node.makeDevice()
  await node.start()
  t.after(async () => {
    await node.stop()
    for (const { id } of await runtime.observe()) await runtime.removeSandbox(id)
    runtime.close()
    await rm(folder, { recursive: true })
  })
  return node
}

class Node {
  readonly folder: string
  readonly runtime: PodmanRuntime
  /** On the private host's own /run, where devices work. */
  readonly device = `/run/bramble-test-${randomUUID().slice(0, 8)}`
  readonly reports: StatusReport[] = []
  means!: PodMeans
  last!: Pod
  #reconciler!: PodReconciler
  #stop = new AbortController()
  #running: Promise<unknown> = Promise.resolve()

  constructor(folder: string, runtime: PodmanRuntime) {
    this.folder = folder
    this.runtime = runtime
  }

  async makeDevice(): Promise<void> {
    await runCommand('mknod', [this.device, 'c', String(MAJOR), String(MINOR)])
    await chown(this.device, 0, GROUP)
    await chmod(this.device, 0o660)
  }

  async start(): Promise<void> {
    const env = { clock: systemClock, random: () => 0.5, log: silentLog }
    const send = (report: StatusReport): void => void this.reports.push(report)
    const { runtime, folder } = this
    this.#stop = new AbortController()
    this.means = new PodMeans({
      env,
      nodeName: 'pi-1',
      runtime,
      send,
      pods: () => this.#reconciler,
      settings: {
        images: {
          garbage: { high: { usedShare: 1 }, low: { usedShare: 1 }, ageMsMin: 0 },
          stallMs: 60_000,
          records: PullRecords.inMemory(silentLog),
        },
        security: { seccompFolder: join(folder, 'seccomp'), seccompDefault: 'runtime-default' },
        unsafeSysctls: [],
        pidsLimit: 60,
        deviceClasses: () => async () => [classOfFlag(`fuse=${this.device}`)],
      },
    })
    this.#reconciler = new PodReconciler({
      env,
      nodeName: 'pi-1',
      runtime,
      dialer: socketDialer(systemClock),
      source: new FakeConfigs(),
      files: new DiskPodFiles({
        dataFolder: join(folder, 'data'),
        runFolder: join(folder, 'run'),
        logFolder: join(folder, 'log'),
        dns: { domain: 'cluster.local' },
      }),
      node: () => ({ hostname: 'pi-1', hostIp: '192.0.2.1', memoryBytes: 2 ** 32, allocatable: { cpuMillis: 1900, memoryBytes: 2 ** 31 } }),
      logFolder: join(folder, 'log'),
      send,
      images: this.means.images,
      policy: this.means.policy,
      admit: (pod) => this.means.admit(pod),
    })
    this.#running = Promise.all([this.#reconciler.run(this.#stop.signal), this.means.run(this.#stop.signal)])
    await this.waitFor(() => this.means.deviceCounts()['bramble.dev/fuse'] !== undefined, 'devices are known')
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    await this.#running
  }
  async restart(): Promise<void> {
    await this.stop()
    await this.start()
  }

  assign(...pods: readonly Pod[]): void {
    this.last = pods.at(-1)!
    this.#reconciler.assign(pods)
  }

  /** One stream for all that it prints, or the order would be anyone's. */
  pod(name: string, script: string, change: Partial<Container> = {}): Pod {
    const spec: Partial<PodSpec> = {
      containers: [aContainer('main', { image: BUSYBOX_IMAGE, command: ['sh', '-c', `exec 2>&1; ${script}`], ...change })],
    }
    return aPod(name, { ...spec, terminationGracePeriodSeconds: 0 }, { uid: randomUUID() })
  }

  async until(pod: Pod, good: (status: PodStatus) => boolean, what: string): Promise<PodStatus> {
    const last = (): PodStatus =>
      this.reports.flatMap((report) => (report.type === 'pod-status' && report.uid === pod.metadata.uid ? [report.status] : [])).at(-1) ??
      {}
    await this.waitFor(() => good(last()), `${pod.metadata.name} ${what}`)
    return last()
  }

  gone(pod: Pod): Promise<void> {
    return this.waitFor(() => this.reports.some((report) => report.type === 'pod-gone' && report.uid === pod.metadata.uid), 'gone')
  }

  /** @returns what the first attempt printed. */
  async logged(pod: Pod, expected: string | RegExp): Promise<string> {
    const { namespace, name, uid } = pod.metadata
    const path = join(this.folder, 'log', `${namespace}_${name}_${uid}/main/0.log`)
    let text = ''
    await this.waitFor(
      async () => {
        const lines = (await readFile(path, 'utf8').catch(() => '')).split('\n').filter((line) => line !== '')
        text = lines.map((line) => `${line.split(' ').slice(3).join(' ')}\n`).join('')
        return typeof expected === 'string' ? text === expected : expected.test(text)
      },
      () => `${name} prints ${expected}; so far: ${text}`,
    )
    return text
  }

  async waitFor(good: () => boolean | Promise<boolean>, what: string | (() => string)): Promise<void> {
    for (let pauses = 0; !(await good()); pauses++) {
      const told = this.reports.map((report) => (report.type === 'event' ? report.event.message : JSON.stringify(report))).slice(-12)
      assert.ok(pauses < PAUSES_MAX, `never: ${typeof what === 'string' ? what : what()}\n${told.join('\n')}`)
      await systemClock.sleep(PAUSE_MS)
    }
  }
}
