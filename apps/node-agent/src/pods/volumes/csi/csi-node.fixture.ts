import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { Pod, PodSpec, Volume } from '@bramble/api/types/pod'
import type { CsiDriverSpec } from '@bramble/api/types/storage'
import type { PersistentVolume } from '@bramble/api/types/volume'
import type { StatusReport } from '@bramble/link/link'
import { systemClock, systemEnv } from '@bramble/reconcile/env'
import { silentLog } from '@bramble/reconcile/log'
import { Signal } from '@bramble/reconcile/signal'
import { aContainer, aPod, FakeConfigs } from '../../pods-harness.ts'
import { DiskPodFiles } from '../disk-pod-files.ts'
import type { Mounter } from '../mounts/mounter.ts'
import { type DriverSettings, TestDriver } from './csi-driver.fixture.ts'
import { CsiPlugins } from './csi-plugins.ts'
import { CsiVolumes } from './csi-volumes.ts'

export const FACTS = { nodeName: 'pi-1', hostIp: '192.0.2.1', podIp: '', allocatable: { cpuMillis: 1000, memoryBytes: 2 ** 30 } }

/** A node whose disk, mounts and drivers outlive its agent. */
export class CsiTestNode {
  readonly folder: string
  readonly mounter: Mounter
  readonly configs = new FakeConfigs()
  readonly reports: StatusReport[] = []
  readonly events: string[] = []
  files!: DiskPodFiles
  plugins!: CsiPlugins
  /** Whoever waits for slow work gives up at once. */
  isImpatient = false
  readonly #t: TestContext
  readonly #news = new Signal()
  #stop = new AbortController()
  #running: Promise<void> = Promise.resolve()

  private constructor(t: TestContext, folder: string, mounter: Mounter) {
    this.#t = t
    this.folder = folder
    this.mounter = mounter
  }

  static async start(t: TestContext, mounter: Mounter): Promise<CsiTestNode> {
    const folder = await mkdtemp(join(tmpdir(), 'brt-csi-'))
    const node = new CsiTestNode(t, folder, mounter)
    await mkdir(node.pluginFolder)
    node.startAgent()
    t.after(async () => {
      await node.stopAgent()
      for (const { target } of (await mounter.list()).filter((mount) => mount.target.startsWith(`${folder}/`)).reverse())
        await mounter.unmount(target)
      await rm(folder, { recursive: true, force: true })
    })
    return node
  }

  get pluginFolder(): string {
    return join(this.folder, 'plugins')
  }

  startAgent(): void {
    const env = { ...systemEnv('test'), log: silentLog }
    const clock = {
      ...systemClock,
      sleep: (ms: number, signal?: AbortSignal) => systemClock.sleep(this.isImpatient ? 0 : ms, signal),
    }
    this.#stop = new AbortController()
    this.plugins = new CsiPlugins(this.pluginFolder, env)
    this.files = new DiskPodFiles({
      dataFolder: join(this.folder, 'pods'),
      runFolder: join(this.folder, 'run'),
      logFolder: join(this.folder, 'log'),
      dns: { domain: 'cluster.local' },
      csi: new CsiVolumes(this.plugins, join(this.folder, 'csi')),
      mounter: this.mounter,
      clock,
    })
    this.#running = this.plugins.run(
      {
        send: (report) => {
          this.reports.push(report)
          this.#news.notify()
        },
        tellNode: (_type, reason, message) => {
          this.events.push(`${reason} ${message}`)
          this.#news.notify()
        },
        changed: () => this.#news.notify(),
      },
      this.#stop.signal,
    )
  }

  /** It forgets everything but what is on the disk and mounted. */
  async stopAgent(): Promise<void> {
    this.#stop.abort()
    await this.#running
  }

  async restartAgent(...drivers: readonly TestDriver[]): Promise<void> {
    await this.stopAgent()
    this.startAgent()
    for (const { name } of drivers) await this.until(() => this.plugins.find(name) !== undefined)
  }

  /** Serves, and is registered unless it is told not to wait. */
  async driver(settings: DriverSettings = {}, isTaken = true): Promise<TestDriver> {
    const driver = new TestDriver(this.pluginFolder, this.mounter, settings)
    await driver.start()
    this.#t.after(() => driver.stop())
    if (isTaken) await this.until(() => this.plugins.find(driver.name) !== undefined)
    return driver
  }

  async until(isSo: () => boolean): Promise<void> {
    const limit = AbortSignal.timeout(20_000)
    while (!isSo()) {
      limit.throwIfAborted()
      await this.#news.wait(limit)
    }
  }

  /** As the control plane would have sent it. */
  setDriverObject(name: string, spec: CsiDriverSpec): void {
    this.configs.drivers.set(name, { metadata: head(name), spec: { attachRequired: false, ...spec } })
  }

  /** A claim that is bound to a volume of the driver, and a pod's volume of that claim. */
  claim(name: string, csi: PersistentVolume['spec']['csi'], spec: Partial<PersistentVolume['spec']> = {}): Volume {
    const claim = { ...head(name), namespace: 'default' }
    const pv = `pv-${name}`
    this.configs.claims.set(`default/${name}`, { metadata: claim, spec: { volumeName: pv }, status: { phase: 'Bound' } })
    this.configs.volumes.set(pv, {
      metadata: head(pv),
      spec: { csi, accessModes: ['ReadWriteOnce'], claimRef: { namespace: 'default', name, uid: claim.uid }, ...spec },
    })
    return { name: 'v', persistentVolumeClaim: { claimName: name } }
  }

  pod(name: string, volume: Volume, spec: Partial<PodSpec> = {}): Pod {
    return aPod(name, {
      volumes: [volume],
      containers: [aContainer('main', { volumeMounts: [{ name: 'v', mountPath: '/v' }] })],
      serviceAccountName: 'robot',
      ...spec,
    })
  }

  prepare(pod: Pod): Promise<void> {
    return this.files.prepare(pod, this.configs, FACTS)
  }

  /** Mounted below the node's folders, from there. */
  async mounted(): Promise<readonly string[]> {
    return (await this.mounter.list())
      .filter(({ target }) => target.startsWith(`${this.folder}/`))
      .map(({ target }) => target.slice(this.folder.length + 1))
  }
}

const head = (name: string) => ({ name, uid: `uid-${name}`, resourceVersion: '1', creationTimestamp: '' })
