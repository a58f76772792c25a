import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { PodSpec, PodStatus } from '@bramble/api/types/pod'
import type { StatusReport } from '@bramble/link/link'
import { systemClock } from '@bramble/reconcile/env'
import { silentLog } from '@bramble/reconcile/log'
import { CniNetwork } from '../network/pod-network/cni-network.ts'
import { PodmanRuntime } from '../runtime/podman/podman-runtime.ts'
import { podLogs } from './logs.ts'
import { PodReconciler } from './pod-reconciler.ts'
import { aPod, FakeConfigs } from './pods-harness.ts'
import { socketDialer } from './probes/socket-dialer.ts'
import { DiskPodFiles } from './volumes/disk-pod-files.ts'

const PAUSE_MS = 20
const PAUSES_MAX = 1_500

/** Its condition says so. */
export const ready = (status: PodStatus): boolean => status.conditions?.find(({ type }) => type === 'Ready')?.status === 'True'

/** A node with real Podman, real files and real sockets. Everything that it made is gone when the test ends. */
export async function aWorld(t: TestContext): Promise<World> {
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

export const aPodOn = (world: World, spec: Partial<PodSpec>) => aPod(`web-${randomUUID().slice(0, 8)}`, spec, { uid: world.uid })

export class World {
  readonly uid = randomUUID()
  readonly reports: StatusReport[] = []
  readonly configs = new FakeConfigs()
  readonly folder: string
  readonly runtime: PodmanRuntime
  readonly files: DiskPodFiles
  readonly reconciler: PodReconciler

  constructor(folder: string, runtime: PodmanRuntime) {
    this.folder = folder
    this.runtime = runtime
    this.files = new DiskPodFiles({
      dataFolder: join(folder, 'data'),
      runFolder: join(folder, 'run'),
      logFolder: join(folder, 'log'),
      dns: { domain: 'cluster.local' },
    })
    this.reconciler = new PodReconciler({
      env: { clock: systemClock, random: () => 0.5, log: silentLog },
      nodeName: 'pi-1',
      runtime,
      dialer: socketDialer(systemClock),
      source: this.configs,
      files: this.files,
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
