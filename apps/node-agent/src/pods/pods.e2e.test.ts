import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { before, it, type TestContext } from 'node:test'
import type { PodSpec, PodStatus } from '@bramble/api/types/pod'
import type { StatusReport } from '@bramble/link/link'
import { systemClock } from '@bramble/reconcile/env'
import { silentLog } from '@bramble/reconcile/log'
import { BUSYBOX_IMAGE, buildImages } from '../../../../tools/images/build.ts'
import { insidePrivateHost, privateHostTest } from '../host/private-host.ts'
import { CniNetwork } from '../network/pod-network/cni-network.ts'
import { PodmanRuntime } from '../runtime/podman/podman-runtime.ts'
import { podLogs } from './logs.ts'
import { PodReconciler } from './pod-reconciler.ts'
import { aContainer, aPod, deleted, FakeConfigs } from './pods-harness.ts'
import { socketDialer } from './probes/socket-dialer.ts'
import { DiskPodFiles } from './volumes/disk-pod-files.ts'

const PAUSE_MS = 20
const PAUSES_MAX = 1_500

if (insidePrivateHost()) {
  before(async () => void (await buildImages({ names: [BUSYBOX_IMAGE] })))
  tests()
} else privateHostTest(import.meta.filename)

function tests(): void {
  it('a pod with everything runs on Podman: configuration, volumes, init, probes, logs, restart, end', async (t) => {
    const world = await aWorld(t)
    world.configs.setConfigMap('cfg', { greeting: 'hello', 'page.html': 'page' })
    world.configs.setSecret('key', { word: 'xyzzy' })
    const pod = aPodOn(world, {
      volumes: [
        { name: 'cfg', configMap: { name: 'cfg' } },
        { name: 'key', secret: { secretName: 'key' } },
        { name: 'shared', emptyDir: { medium: 'Memory' } },
      ],
      initContainers: [
        aContainer('init', {
          image: BUSYBOX_IMAGE,
          command: ['sh', '-c', 'echo $(POD) > /shared/name'],
          env: [{ name: 'POD', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }],
          volumeMounts: [{ name: 'shared', mountPath: '/shared' }],
        }),
      ],
      containers: [
        aContainer('main', {
          image: BUSYBOX_IMAGE,
          command: ['sh', '-c', 'echo "$GREETING $(cat /key/word) $(cat /shared/name) at $IP"; exec httpd -f -p 8080 -h /cfg'],
          env: [
            { name: 'GREETING', valueFrom: { configMapKeyRef: { name: 'cfg', key: 'greeting' } } },
            { name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
          ],
          volumeMounts: [
            { name: 'cfg', mountPath: '/cfg' },
            { name: 'key', mountPath: '/key' },
            { name: 'shared', mountPath: '/shared' },
          ],
          readinessProbe: { httpGet: { port: 8080, path: '/page.html' }, periodSeconds: 1 },
          livenessProbe: { exec: { command: ['cat', '/key/word'] }, periodSeconds: 2, timeoutSeconds: 5 },
          resources: { limits: { memory: '64Mi', cpu: '500m' } },
        }),
      ],
    })
    world.reconciler.assign([pod])
    const running = await world.until((status) => ready(status), 'ready')
    assert.equal(await world.logs(pod.metadata.uid), `hello xyzzy ${pod.metadata.name} at ${running.podIP}\n`)

    const [state] = (await world.runtime.observe(pod.metadata.uid))[0]!.containers.filter(({ name }) => name === 'main')
    const killedMs = performance.now()
    await world.runtime.stopContainer(state!.id, 0)
    const again = await world.until((status) => ready(status) && status.containerStatuses?.[0]?.restartCount === 1, 'ready again')
    assert.ok(performance.now() - killedMs < 5_000, `answers again after ${Math.round(performance.now() - killedMs)} ms`)
    assert.equal(again.containerStatuses?.[0]?.lastState?.terminated?.exitCode, 137)
    assert.match(await world.logs(pod.metadata.uid, true), /^hello/, 'the log of the attempt before is still there')

    world.reconciler.assign([deleted(pod, 1)])
    await world.waitFor(() => world.reports.some(({ type }) => type === 'pod-gone'), 'the pod is gone')
    assert.deepEqual(await world.runtime.observe(pod.metadata.uid), [])
    assert.deepEqual([await readdir(join(world.folder, 'run/pods')), await readdir(join(world.folder, 'log'))], [[], []])
  })

  it('what ends tells why: exit code, last words, a command that is none', async (t) => {
    const world = await aWorld(t)
    const pod = aPodOn(world, {
      restartPolicy: 'Never',
      containers: [
        aContainer('words', { image: BUSYBOX_IMAGE, command: ['sh', '-c', 'echo -n sorry > /dev/termination-log; exit 3'] }),
        aContainer('log', {
          image: BUSYBOX_IMAGE,
          command: ['sh', '-c', 'echo broken; exit 4'],
          terminationMessagePolicy: 'FallbackToLogsOnError',
        }),
        aContainer('none', { image: BUSYBOX_IMAGE, command: ['/no/such/program'] }),
      ],
    })
    world.reconciler.assign([pod])
    const status = await world.until(({ phase }) => phase === 'Failed', 'Failed')
    const ends = status.containerStatuses!.map(({ state }) => state?.terminated)
    assert.deepEqual(
      ends.slice(0, 2).map((end) => [end?.exitCode, end?.reason, end?.message]),
      [
        [3, 'Error', 'sorry'],
        [4, 'Error', 'broken\n'],
      ],
    )
    assert.deepEqual([ends[2]?.exitCode, ends[2]?.reason], [128, 'StartError'])
  })
}

const ready = (status: PodStatus): boolean => status.conditions?.find(({ type }) => type === 'Ready')?.status === 'True'

async function aWorld(t: TestContext): Promise<World> {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-pods-'))
  t.after(() => rm(folder, { recursive: true }))
  const network = new CniNetwork()
  await network.setCidr('10.42.1.0/24')
  const world = new World(folder, new PodmanRuntime({ network, clock: systemClock, log: silentLog, cgroupName: 'brt-pods' }))
  const stop = new AbortController()
  const run = world.reconciler.run(stop.signal)
  t.after(async () => {
    stop.abort()
    await run
    for (const { id } of await world.runtime.observe()) await world.runtime.removeSandbox(id)
    world.runtime.close()
  })
  return world
}

const aPodOn = (world: World, spec: Partial<PodSpec>) => aPod(`web-${randomUUID().slice(0, 8)}`, spec, { uid: world.uid })

class World {
  readonly uid = randomUUID()
  readonly reports: StatusReport[] = []
  readonly configs = new FakeConfigs()
  readonly folder: string
  readonly runtime: PodmanRuntime
  readonly reconciler: PodReconciler

  constructor(folder: string, runtime: PodmanRuntime) {
    this.folder = folder
    this.runtime = runtime
    this.reconciler = new PodReconciler({
      env: { clock: systemClock, random: () => 0.5, log: silentLog },
      nodeName: 'pi-1',
      runtime,
      dialer: socketDialer(systemClock),
      source: this.configs,
      files: new DiskPodFiles({
        dataFolder: join(folder, 'data'),
        runFolder: join(folder, 'run'),
        logFolder: join(folder, 'log'),
        dns: { domain: 'cluster.local' },
      }),
      node: () => ({ hostname: 'pi-1', hostIp: '192.0.2.1', memoryBytes: 2 ** 32, allocatable: { cpuMillis: 1900, memoryBytes: 2 ** 31 } }),
      logFolder: join(folder, 'log'),
      send: (report) => this.reports.push(report),
    })
  }

  async until(good: (status: PodStatus) => boolean, what: string): Promise<PodStatus> {
    const last = (): PodStatus | undefined => this.reports.flatMap((report) => (report.type === 'pod-status' ? [report.status] : [])).at(-1)
    await this.waitFor(() => good(last() ?? {}), what)
    return last()!
  }

  async waitFor(good: () => boolean, what: string): Promise<void> {
    for (let pauses = 0; !good(); pauses++) {
      assert.ok(
        pauses < PAUSES_MAX,
        `not ${what} in time: ${JSON.stringify(
          this.reports.map((report) => (report.type === 'event' ? report.event.message : report)),
          null,
          1,
        )}`,
      )
      await systemClock.sleep(PAUSE_MS)
    }
  }

  async logs(podUid: string, previous = false): Promise<string> {
    const blocks: Uint8Array[] = []
    const request = { namespace: 'default', pod: 'web', podUid, container: 'main', follow: false, previous, timestamps: false }
    for await (const block of podLogs(this.reconciler, systemClock)(request, new AbortController().signal)) blocks.push(block)
    return Buffer.concat(blocks).toString()
  }
}
