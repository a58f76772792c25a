import { mkdir, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import type { Container, Pod, Volume } from '@bramble/api/types/pod'
import type { PersistentVolume } from '@bramble/api/types/volume'
import { type Clock, systemClock } from '@bramble/reconcile/env'
import type { ContainerState, Device, Mount } from '../../runtime/runtime.ts'
import { containerLogPath, podLogFolder } from '../container-config.ts'
import type { ConfigSource, EnvEntry, PodFacts, Warn } from '../environment.ts'
import { removeLogs } from '../log-rotation.ts'
import { type PodDiskUsage, type PodFiles, VolumeError } from '../pod-files.ts'
import { VOLUME_TYPES } from './all.ts'
import { resolveVolume } from './claims.ts'
import { lastWords, makeOwnFiles, removeLastWords } from './container-files.ts'
import { containerDevices, volumeMounts } from './container-mounts.ts'
import type { CsiVolumes } from './csi/csi-volumes.ts'
import { diskUsage, fileSystemUsage } from './disk-usage.ts'
import { environmentFiles } from './environment-files.ts'
import { isVolumeUsed, removeVolumeFolder } from './local-path/remove-folder.ts'
import { HostMounter } from './mounts/host-mounter.ts'
import type { Mounter } from './mounts/mounter.ts'
import { deleteTree, removeTree } from './mounts/remove-tree.ts'
import { namesIn } from './names-in.ts'
import type { DnsSettings } from './resolv-conf.ts'
import { SlowWork } from './slow-work.ts'
import type { PreparedVolume, VolumeTools, VolumeType } from './volume-type.ts'

export interface DiskPodFilesSettings {
  /** Survives a reboot: emptyDir volumes. */
  readonly dataFolder: string
  /** In memory (`mounts/memory-folder.ts`), so that nothing secret and nothing small wears the SD card out: everything else but logs. */
  readonly runFolder: string
  readonly logFolder: string
  /** Where volumes of the cluster's own provisioner are; default: `volumes` beside the data folder. */
  readonly volumeFolder?: string
  readonly dns: DnsSettings
  /** Absent: no volumes of CSI drivers. */
  readonly csi?: CsiVolumes
  readonly clock?: Clock
  readonly mounter?: Mounter
}

/**
 * Files of pods where kubelet would have them, but in Bramble's own folders: `pods/<uid>/volumes/<type>/<name>`, so that what is on
 * the disk says what it is.
 */
export class DiskPodFiles implements PodFiles {
  readonly #settings: DiskPodFilesSettings
  readonly #tools: VolumeTools
  /** By pod uid, then the pod's name for it. Lost with the agent: it is made again before containers need it. */
  readonly #prepared = new Map<string, ReadonlyMap<string, PreparedVolume>>()
  /** What is being done to a pod's folders, by pod uid: one thing after the other. */
  readonly #turns = new Map<string, Promise<void>>()
  #roots: Promise<Roots> | undefined

  constructor(settings: DiskPodFilesSettings) {
    this.#settings = settings
    this.#tools = {
      mounter: settings.mounter ?? new HostMounter(),
      slowWork: new SlowWork(settings.clock ?? systemClock),
      volumeFolder: settings.volumeFolder ?? join(settings.dataFolder, '..', 'volumes'),
      ...(settings.csi && { csi: settings.csi }),
    }
  }

  prepare(pod: Pod, source: ConfigSource, facts: PodFacts): Promise<void> {
    return this.#turn(pod.metadata.uid, async () => {
      const folders = await this.#folders(pod)
      await mkdir(folders.run, { recursive: true, mode: 0o750 })
      const before = this.#prepared.get(pod.metadata.uid)
      const prepared = new Map<string, PreparedVolume>()
      const failures: VolumeError[] = []
      await Promise.all(
        (pod.spec.volumes ?? []).map(async (volume) => {
          try {
            prepared.set(volume.name, await this.#prepareVolume(pod, volume, source, facts, folders))
          } catch (error) {
            const old = before?.get(volume.name)
            if (old) prepared.set(volume.name, old)
            failures.push(error instanceof VolumeError ? error : new VolumeError(volume.name, (error as Error).message, { cause: error }))
          }
        }),
      )
      this.#prepared.set(pod.metadata.uid, prepared)
      const [first, ...others] = failures
      if (first)
        throw new VolumeError(first.volume, first.message, { stage: first.stage, shownName: first.shownName, others, cause: first })
    })
  }

  async containerMounts(
    pod: Pod,
    container: Container,
    attempt: number,
    env: readonly EnvEntry[],
    facts: PodFacts,
    warn?: Warn,
  ): Promise<readonly Mount[]> {
    const { logFolder, dns } = this.#settings
    const folders = await this.#folders(pod)
    const mounts = await volumeMounts(this.#volumesOf(pod), container, env, join(folders.run, 'subpaths'), this.#tools.mounter)
    const taken = new Set(mounts.map(({ containerPath }) => containerPath.replace(/\/+$/, '')))
    const own = await makeOwnFiles(folders.run, logFolder, dns, pod, container, attempt, facts, warn)
    return [...mounts, ...own.filter(({ containerPath }) => !taken.has(containerPath)).map((file) => ({ ...file, readOnly: false }))]
  }

  async containerDevices(pod: Pod, container: Container): Promise<readonly Device[]> {
    return containerDevices(this.#volumesOf(pod), container)
  }

  environmentFiles(pod: Pod, container: Container): Promise<ReadonlyMap<string, string>> {
    return environmentFiles(this.#volumesOf(pod), container)
  }

  async terminationMessage(pod: Pod, container: Container, state: ContainerState): Promise<string> {
    return lastWords((await this.#folders(pod)).run, container, state)
  }

  async usageOf(pod: Pick<Pod, 'metadata'>, signal?: AbortSignal): Promise<PodDiskUsage> {
    const folders = await this.#folders(pod)
    const inMemory = join(folders.run, 'volumes', 'emptyDir')
    const onDisk = join(folders.data, 'volumes', 'emptyDir')
    const volumes = []
    for (const name of await namesIn(inMemory)) volumes.push({ name, inMemory: true, ...(await fileSystemUsage(join(inMemory, name))) })
    for (const name of await namesIn(onDisk))
      if (!name.startsWith('.')) volumes.push({ name, inMemory: false, ...(await diskUsage(join(onDisk, name), signal)) })
    const logs = podLogFolder(this.#settings.logFolder, pod)
    const containerLogBytes: Record<string, number> = {}
    for (const name of await namesIn(logs)) containerLogBytes[name] = (await diskUsage(join(logs, name), signal)).usedBytes
    return { volumes, logBytes: Object.values(containerLogBytes).reduce((sum, bytes) => sum + bytes, 0), containerLogBytes }
  }

  removeEmptyDirs({ metadata: { uid } }: Pick<Pod, 'metadata'>): Promise<void> {
    return this.#turn(uid, async () => {
      const folders = await this.#folders({ metadata: { uid } })
      for (const folder of [folders.run, folders.data]) await removeTree(join(folder, 'volumes', 'emptyDir'), this.#tools.mounter)
    })
  }

  async removeAttempt(pod: Pick<Pod, 'metadata'>, state: ContainerState): Promise<void> {
    await removeLogs(containerLogPath(this.#settings.logFolder, pod, state.name, state.attempt))
    await removeLastWords((await this.#folders(pod)).run, state)
  }

  async removePod(pod: Pick<Pod, 'metadata'>): Promise<void> {
    await deleteTree(podLogFolder(this.#settings.logFolder, pod)) // first: by the other folders an agent that dies here finds the pod again
    await this.#removeVolumes(pod.metadata.uid)
  }

  async removeUnknown(isKnown: (podUid: string) => boolean): Promise<void> {
    const { runFolder, dataFolder, logFolder } = this.#settings
    const left = new Set(
      [...(await namesIn(join(runFolder, 'pods'))), ...(await namesIn(join(dataFolder, 'pods')))].filter((uid) => !isKnown(uid)),
    )
    if (left.size === 0) return
    for (const name of await namesIn(logFolder))
      if (left.has(name.slice(name.lastIndexOf('_') + 1))) await deleteTree(join(logFolder, name))
    const failures: unknown[] = []
    for (const uid of left) await this.#removeVolumes(uid).catch((error: unknown) => failures.push(error)) // one keeps no other
    if (failures.length > 0) throw failures[0]
  }

  async removeVolume(volume: PersistentVolume): Promise<boolean> {
    if (await isVolumeUsed(volume.metadata.name, join(this.#settings.runFolder, 'pods'))) return false
    await removeVolumeFolder(volume, this.#tools.volumeFolder, this.#tools.mounter)
    return true
  }

  async #prepareVolume(pod: Pod, volume: Volume, source: ConfigSource, facts: PodFacts, folders: PodFolders): Promise<PreparedVolume> {
    const { field, persistent, readOnly } = resolveVolume(pod, volume, source, facts)
    const stage = persistent?.spec.volumeMode === 'Block' ? 'map' : 'mount'
    const shown = { stage, ...(persistent && { shownName: persistent.metadata.name }) } as const
    const type = VOLUME_TYPES.find((each) => each.field === field)
    if (!type) throw new VolumeError(volume.name, `volumes of type "${field}" are not supported on this node`, shown)
    try {
      return await type.prepare(
        { pod, volume, ...(persistent && { persistent }), readOnly, source, facts, ...placesOf(folders, type, volume.name) },
        this.#tools,
      )
    } catch (error) {
      throw error instanceof VolumeError ? error : new VolumeError(volume.name, (error as Error).message, { ...shown, cause: error })
    }
  }

  #removeVolumes(uid: string): Promise<void> {
    return this.#turn(uid, async () => {
      const folders = await this.#folders({ metadata: { uid } })
      await this.#tools.slowWork.end(`${uid}/`)
      for (const type of VOLUME_TYPES.filter(({ remove }) => remove))
        for (const name of new Set([
          ...(await namesIn(join(folders.run, 'volumes', type.field))),
          ...(await namesIn(join(folders.data, 'volumes', type.field))),
        ]))
          await type.remove!({ podUid: uid, name, ...placesOf(folders, type, name) }, this.#tools)
      for (const folder of [folders.run, folders.data]) await removeTree(folder, this.#tools.mounter)
      this.#prepared.delete(uid)
    })
  }

  #volumesOf(pod: Pod): ReadonlyMap<string, PreparedVolume> {
    return this.#prepared.get(pod.metadata.uid) ?? new Map()
  }

  async #folders({ metadata: { uid } }: { readonly metadata: Pick<Pod['metadata'], 'uid'> }): Promise<PodFolders> {
    this.#roots ??= this.#makeRoots().catch((error: unknown) => {
      this.#roots = undefined
      throw error
    })
    const { run, data } = await this.#roots
    return { run: join(run, 'pods', uid), data: join(data, 'pods', uid) }
  }

  /** As the kernel names them in its table of mounts. */
  async #makeRoots(): Promise<Roots> {
    const { runFolder, dataFolder } = this.#settings
    for (const folder of [runFolder, dataFolder]) await mkdir(folder, { recursive: true, mode: 0o750 })
    const [run, data] = await Promise.all([realpath(runFolder), realpath(dataFolder)])
    return { run, data }
  }

  async #turn<T>(uid: string, work: () => Promise<T>): Promise<T> {
    const turn = (this.#turns.get(uid) ?? Promise.resolve()).then(work)
    const done = turn.then(
      () => {},
      () => {},
    )
    this.#turns.set(uid, done)
    try {
      return await turn
    } finally {
      if (this.#turns.get(uid) === done) this.#turns.delete(uid)
    }
  }
}

interface Roots {
  readonly run: string
  readonly data: string
}
type PodFolders = Roots

const placesOf = (
  { run, data }: PodFolders,
  type: VolumeType,
  name: string,
): { readonly runFolder: string; readonly dataFolder: string } => ({
  runFolder: join(run, 'volumes', type.field, name),
  dataFolder: join(data, 'volumes', type.field, name),
})
