import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { before, it, type TestContext } from 'node:test'
import type { Pod, PodSpec, PodStatus } from '@bramble/api/types/pod'
import { systemClock } from '@bramble/reconcile/env'
import { silentLog } from '@bramble/reconcile/log'
import { BUSYBOX_IMAGE, buildImages } from '../../../../tools/images/build.ts'
import { runCommand } from '../host/exec.ts'
import { insidePrivateHost, privateHostTest } from '../host/private-host.ts'
import { CniNetwork } from '../network/pod-network/cni-network.ts'
import { PodEvents } from '../pods/events.ts'
import { World } from '../pods/pods-e2e.fixture.ts'
import { aContainer, aPod } from '../pods/pods-harness.ts'
import { PodmanRuntime } from '../runtime/podman/podman-runtime.ts'
import { HostSignals } from './host-signals.ts'
import { PressureManager } from './manager.ts'
import { HostPodMeasures } from './measure-pods.ts'
import { parseThresholds } from './thresholds.ts'

const MiB = 2 ** 20
const GROUP = 'brt-press'
const PODS_MEMORY_BYTES = 64 * MiB

if (insidePrivateHost()) {
  before(async () => void (await buildImages({ names: [BUSYBOX_IMAGE] })))
  tests()
} else privateHostTest(import.meta.filename)

function tests(): void {
  it('a pod that takes all memory is killed within the share of pods; nothing outside of it is', async (t) => {
    const node = await aNode(t)
    node.world.reconciler.assign([
      node.pod('eater', 'sleep 1; tail /dev/zero', { restartPolicy: 'Never' }),
      node.pod('quiet', 'sleep 1000'),
    ])
    await node.until('eater', ({ phase }) => phase === 'Failed')
    const end = node.status('eater')?.containerStatuses?.[0]?.state?.terminated
    assert.deepEqual([end?.exitCode, end?.reason], [137, 'OOMKilled'])
    assert.equal(node.status('quiet')?.phase, 'Running')
    const limit = await readFile(`/sys/fs/cgroup/memory/${GROUP}/memory.limit_in_bytes`, 'utf8')
    assert.equal(Number(limit), PODS_MEMORY_BYTES)
    const { observations } = await node.signals.look()
    assert.equal(observations.get('allocatableMemory.available')?.capacity, PODS_MEMORY_BYTES)
  })

  it('a pod that fills its volume beyond the limit is evicted', async (t) => {
    const node = await aNode(t)
    const volumes = [{ name: 'cache', emptyDir: { sizeLimit: '1Mi' } }]
    node.world.reconciler.assign([node.pod('writer', 'dd if=/dev/zero of=/cache/x bs=1M count=3; sleep 1000', { volumes })])
    await node.until('writer', ({ phase }) => phase === 'Running')
    await node.looksUntil(() => node.status('writer')?.phase === 'Failed')
    const { reason, message } = node.status('writer')!
    assert.deepEqual([reason, message], ['Evicted', 'Usage of EmptyDir volume "cache" exceeds the limit "1Mi". '])
  })

  it('on a full disk the pod that filled it goes, the other stays, and the node recovers', async (t) => {
    const node = await aNode(t)
    node.world.reconciler.assign([
      node.pod('quiet', 'sleep 1000'),
      node.pod('writer', 'dd if=/dev/zero of=/cache/x bs=1M; sleep 1000', { volumes: [{ name: 'cache', emptyDir: {} }] }),
    ])
    await node.until('quiet', ({ phase }) => phase === 'Running')
    await node.looksUntil(() => node.manager.pressures.includes('DiskPressure'))
    assert.equal(node.manager.admit(aPod('late'))?.message, 'The node had condition: [DiskPressure]. ')
    await node.looksUntil(() => node.status('writer')?.phase === 'Failed')
    assert.match(
      node.status('writer')?.message ?? '',
      /^The node was low on resource: ephemeral-storage\. Threshold quantity: \d+, available: 0\. Container main was using \d+Ki, request is 0, has larger consumption of ephemeral-storage\. $/,
    )
    assert.equal(node.status('quiet')?.phase, 'Running')
    await node.looksUntil(() => node.manager.pressures.length === 0)
    assert.equal(node.manager.admit(aPod('late')), undefined)
  })

  it('a disk that becomes read-only is told; pods go on; so is the end of it', async (t) => {
    const node = await aNode(t)
    node.world.reconciler.assign([node.pod('quiet', 'sleep 1000')])
    await node.until('quiet', ({ phase }) => phase === 'Running')
    await runCommand('mount', ['-o', 'remount,ro', node.data])
    await node.looksUntil(() => node.manager.readOnly.length > 0)
    assert.deepEqual(node.manager.readOnly, [node.data])
    node.world.reconciler.wakeAll()
    await node.look()
    assert.equal(node.status('quiet')?.phase, 'Running')
    await runCommand('mount', ['-o', 'remount,rw', node.data])
    await node.looksUntil(() => node.manager.readOnly.length === 0)
    const reasons = node.world.reports.flatMap((report) => (report.type === 'event' ? [report.event.reason] : []))
    assert.ok(reasons.includes('FilesystemIsReadOnly') && reasons.includes('FilesystemIsNotReadOnly'))
  })
}

/** A node whose disk for pods has 8 MiB, and whose pods share 64 MiB of memory. */
async function aNode(t: TestContext): Promise<SmallNode> {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-press-'))
  const data = join(folder, 'data')
  await mkdir(data)
  await runCommand('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', data])
  t.after(async () => {
    await runCommand('umount', ['--lazy', data])
    await rm(folder, { recursive: true })
  })
  const network = new CniNetwork()
  await network.setCidr('10.42.1.0/24')
  const runtime = new PodmanRuntime({ network, clock: systemClock, log: silentLog, cgroupName: GROUP, podsMemoryBytes: PODS_MEMORY_BYTES })
  const node = new SmallNode(new World(folder, runtime), data)
  const stop = new AbortController()
  const run = node.world.reconciler.run(stop.signal)
  t.after(async () => {
    node.world.reconciler.assign([])
    for (let pauses = 0; (await runtime.observe()).length > 0 && pauses < PAUSES_MAX; pauses++) await systemClock.sleep(PAUSE_MS)
    stop.abort()
    await run
    runtime.close()
  })
  return node
}

const PAUSE_MS = 50
const PAUSES_MAX = 600

class SmallNode {
  readonly world: World
  readonly data: string
  readonly pods = new Map<string, Pod>()
  readonly signals: HostSignals
  readonly manager: PressureManager
  readonly #signal = new AbortController().signal
  /** Looks come faster than on a real node: of the manager's clock a minute passes at each. */
  #nowMs = 0

  constructor(world: World, data: string) {
    this.world = world
    this.data = data
    this.signals = new HostSignals({
      nodeFolder: data,
      imageFolder: () => world.runtime.imageFolder(),
      cgroupVersion: 1,
      podsMemoryBytes: PODS_MEMORY_BYTES,
      podsGroups: [`/${GROUP}`],
    })
    const env = { clock: { ...systemClock, monotonicMs: () => this.#nowMs }, random: () => 0.5, log: silentLog }
    this.manager = new PressureManager({
      env,
      nodeName: 'pi-1',
      signals: this.signals,
      measures: new HostPodMeasures({ runtime: world.runtime, files: world.files, cgroupVersion: 1 }),
      settings: { thresholds: parseThresholds({ hard: 'nodefs.available<10%' }), transitionMs: 1_000, softGraceMsMax: 0 },
      pods: () => world.reconciler,
      events: new PodEvents(env, 'pi-1', (report) => world.reports.push(report)),
      changed: async () => {},
    })
  }

  pod(name: string, script: string, spec: Partial<PodSpec> = {}): Pod {
    const volumeMounts = (spec.volumes ?? []).map((volume) => ({ name: volume.name, mountPath: `/${volume.name}` }))
    const containers = [aContainer('main', { image: BUSYBOX_IMAGE, command: ['sh', '-c', script], volumeMounts })]
    const pod = aPod(name, { containers, terminationGracePeriodSeconds: 0, ...spec }, { uid: randomUUID() })
    this.pods.set(name, pod)
    return pod
  }

  status(name: string): PodStatus | undefined {
    const told = this.world.reports.findLast((report) => report.type === 'pod-status' && report.name === name)
    return told?.type === 'pod-status' ? told.status : undefined
  }

  until(name: string, good: (status: PodStatus) => boolean): Promise<void> {
    return this.world.waitFor(() => good(this.status(name) ?? {}), `${name} is as expected`)
  }

  async look(): Promise<void> {
    this.#nowMs += 60_000
    await this.manager.look(this.#signal)
  }

  async looksUntil(good: () => boolean): Promise<void> {
    for (let looks = 0; !good(); looks++) {
      assert.ok(looks < PAUSES_MAX, `not in time: ${JSON.stringify([...this.pods.keys()].map((name) => this.status(name)))}`)
      await this.look()
      await systemClock.sleep(PAUSE_MS)
    }
  }
}
