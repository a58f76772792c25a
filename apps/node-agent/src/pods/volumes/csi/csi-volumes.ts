import { mkdir, realpath, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { readIfPresent } from '../../../host/files.ts'
import type { ConfigSource } from '../../environment.ts'
import { VolumeError } from '../../pod-files.ts'
import { mountAt } from '../mounts/mount-table.ts'
import type { Mounter } from '../mounts/mounter.ts'
import { removeTree, unmountWithin } from '../mounts/remove-tree.ts'
import { giveToGroup } from '../ownership.ts'
import type { SlowWork } from '../slow-work.ts'
import type { LeftVolume, PreparedVolume, VolumeRequest } from '../volume-type.ts'
import type { CsiDriver } from './csi-driver.ts'
import type { CsiDrivers } from './csi-plugins.ts'
import { type CsiVolume, csiVolumeOf, givesToGroup, publishContext, refusalOf, type SecretName } from './plan.ts'
import { isUsedByOthers, readRecord, removeRecord, stageFolder, type VolumeRecord, writeRecord } from './kept-record.ts'
import { Turns } from './turns.ts'

/** In the volume's folder in memory, so that a reboot forgets it as it forgets the mount: the volume is whole. */
const PUBLISHED = 'published'

interface Hands {
  readonly mounter: Mounter
  readonly slowWork: SlowWork
}

/**
 * Volumes of CSI drivers: staged once on this node, published to each pod, all undone by what records on the disk say.
 * @see Source: CSI "Volume Lifecycle"; kubelet pkg/volume/csi.
 */
export class CsiVolumes {
  readonly #drivers: CsiDrivers
  /** Where volumes are staged. */
  readonly #folder: string
  readonly #turns = new Turns()
  /** Lost with the agent: staging again changes nothing. */
  readonly #staged = new Set<string>()
  /** Targets at which a driver mounts nothing, but is content. */
  readonly #unmounted = new Set<string>()

  constructor(drivers: CsiDrivers, folder: string) {
    this.#drivers = drivers
    this.#folder = folder
  }

  async prepare(request: VolumeRequest, { mounter, slowWork }: Hands): Promise<PreparedVolume> {
    const { pod, volume: named, source, dataFolder, runFolder } = request
    const volume = csiVolumeOf(request)
    const refusal = refusalOf(volume, source.csiDriver(volume.driver))
    if (refusal !== undefined) throw new Error(refusal)
    const target = targetIn(dataFolder)
    if (source.csiDriver(volume.driver)?.spec.requiresRepublish || !(await this.#isPublished(target, runFolder, mounter)))
      await slowWork.get(
        `${pod.metadata.uid}/${named.name}`,
        `kubernetes.io/csi: driver ${volume.driver} is still at work on volume ${volume.handle}`,
        (signal) => this.#setUp(request, volume, target, mounter, signal),
      )
    if (!volume.isBlock) return { path: target, readOnly: volume.readOnly, mayHang: true }
    if (!(await stat(target)).isBlockDevice()) throw new Error(`kubernetes.io/csi: driver ${volume.driver} published no block device`)
    return { path: await realpath(target), readOnly: volume.readOnly, isDevice: true }
  }

  /** @throws Error while its driver is not there, or refuses: nothing of the volume is removed then. */
  async remove({ podUid, name, dataFolder, runFolder }: LeftVolume, { mounter, slowWork }: Hands): Promise<void> {
    await rm(join(runFolder, PUBLISHED), { force: true })
    await slowWork.get(`left ${podUid}/${name}`, `volume ${name} of pod ${podUid} is still being unpublished`, (signal) =>
      this.#tearDown(dataFolder, mounter, signal),
    )
  }

  async #setUp(request: VolumeRequest, volume: CsiVolume, target: string, mounter: Mounter, signal: AbortSignal): Promise<void> {
    const { pod, source, dataFolder, runFolder } = request
    const object = source.csiDriver(volume.driver)
    const driver = this.#find(volume.driver, 'mounter.SetUpAt failed to get CSI client')
    const secrets = secretsOf(volume, source)
    const can = await driver.abilities(signal)
    const { fsGroup: group, fsGroupChangePolicy } = pod.spec.securityContext ?? {}
    const stagingPath =
      can.stages && volume.lifecycle === 'Persistent'
        ? join(stageFolder(this.#folder, volume.driver, volume.handle), 'globalmount')
        : undefined
    const given = {
      volume,
      ...(stagingPath !== undefined && { stagingPath }),
      ...(can.mountGroup && group !== undefined && { group }),
      tellsWriters: can.multiWriter,
    }
    const { stageVolume, publishVolume } = await import('./csi-calls.ts')
    await this.#turns.take(keyOf(volume.driver, volume.handle), signal, async () => {
      await writeRecord(dataFolder, recordOf(volume, stagingPath))
      if (stagingPath === undefined || this.#staged.has(keyOf(volume.driver, volume.handle))) return
      await writeRecord(dirname(stagingPath), recordOf(volume, stagingPath))
      await mkdir(stagingPath, { recursive: true, mode: 0o750 })
      try {
        await stageVolume(driver, { ...given, secrets: secrets.stage, context: volume.attributes }, signal)
      } catch (error) {
        signal.throwIfAborted()
        throw stageError(request, error as Error)
      }
      this.#staged.add(keyOf(volume.driver, volume.handle))
    })
    const context = publishContext(volume, pod, object)
    await publishVolume(driver, target, { ...given, secrets: secrets.publish, context }, signal)
    const isGiven = group === undefined || can.mountGroup || !givesToGroup(volume, object)
    if (!isGiven) await giveToGroup(target, group, fsGroupChangePolicy, signal)
    if (!mountAt(await mounter.list(), target)) this.#unmounted.add(target)
    await mkdir(runFolder, { recursive: true, mode: 0o750 })
    await writeFile(join(runFolder, PUBLISHED), '')
  }

  async #tearDown(dataFolder: string, mounter: Mounter, signal: AbortSignal): Promise<void> {
    const record = await readRecord(dataFolder)
    if (!record) return // no driver was asked for it
    const { driverName, volumeHandle, stagingPath } = record
    const driver = this.#find(driverName, 'mounter.TearDownAt failed to get CSI client')
    const target = targetIn(dataFolder)
    const { unpublishVolume, unstageVolume } = await import('./csi-calls.ts')
    await this.#turns.take(keyOf(driverName, volumeHandle), signal, async () => {
      await unpublishVolume(driver, volumeHandle, target, signal)
      await unmountWithin(target, mounter)
      this.#unmounted.delete(target)
      if (stagingPath !== undefined && !(await isUsedByOthers(record, dataFolder))) {
        this.#staged.delete(keyOf(driverName, volumeHandle))
        await unstageVolume(driver, volumeHandle, stagingPath, signal)
        await removeTree(dirname(stagingPath), mounter)
      }
      await removeRecord(dataFolder) // last: whoever finds it begins again
    })
  }

  async #isPublished(target: string, runFolder: string, mounter: Mounter): Promise<boolean> {
    if ((await readIfPresent(join(runFolder, PUBLISHED))) === undefined) return false
    return this.#unmounted.has(target) || mountAt(await mounter.list(), target) !== undefined
  }

  #find(name: string, what: string): CsiDriver {
    const driver = this.#drivers.find(name)
    if (!driver) throw new Error(`kubernetes.io/csi: ${what}: driver name ${name} not found in the list of registered CSI drivers`)
    return driver
  }
}

const targetIn = (dataFolder: string): string => join(dataFolder, 'mount')
const keyOf = (driver: string, handle: string): string => `${driver}\n${handle}`

const recordOf = ({ driver, handle, lifecycle }: CsiVolume, stagingPath: string | undefined): VolumeRecord => ({
  driverName: driver,
  volumeHandle: handle,
  volumeLifecycleMode: lifecycle,
  ...(stagingPath !== undefined && { stagingPath }),
})

const stageError = ({ volume, persistent }: VolumeRequest, error: Error): VolumeError =>
  new VolumeError(volume.name, error.message, { stage: 'stage', ...(persistent && { shownName: persistent.metadata.name }), cause: error })

type Texts = Readonly<Record<string, string>>

function secretsOf(volume: CsiVolume, source: ConfigSource): { readonly stage: Texts; readonly publish: Texts } {
  const read = (field: string, secret: SecretName | undefined): Texts => {
    if (!secret) return {}
    const { namespace, name } = secret
    const found = source.secret(namespace, name)
    if (!found)
      throw new Error(
        `fetching ${field} ${namespace}/${name} failed: kubernetes.io/csi: failed to find the secret ${name} in the namespace ${namespace} with error: secrets "${name}" not found`,
      )
    return Object.fromEntries(Object.entries(found.data ?? {}).map(([key, text]) => [key, Buffer.from(text, 'base64').toString()]))
  }
  return { stage: read('NodeStageSecretRef', volume.stageSecret), publish: read('NodePublishSecretRef', volume.publishSecret) }
}
