import { isDeepStrictEqual } from 'node:util'
import { keyOf, mutableCopy, objectKey } from '@bramble/api/object'
import { isReason } from '@bramble/api/status-error'
import type { CsiNode, CsiNodeDriver } from '@bramble/api/types/storage'
import { LOCAL_PATH_PROVISIONER, type PersistentVolume, PROVISIONED_BY, VOLUME_FINALIZER, VOLUME_NODE } from '@bramble/api/types/volume'
import type { StatusReport } from '@bramble/link/link'
import type { ApiClient } from '../api/client.ts'
import type { EventRecorder } from '../controllers/events.ts'
import { nodes } from '../resources/node.ts'
import { persistentVolumeClaims } from '../resources/persistent-volume-claim.ts'
import { persistentVolumes } from '../resources/persistent-volume.ts'
import { csiNodes } from '../resources/storage/csi-node.ts'
import { ownerOf } from './owner-of.ts'
import { removerOf } from './references.ts'

type Report<Type extends StatusReport['type']> = Extract<StatusReport, { readonly type: Type }>

const MESSAGE_LENGTH_MAX = 1024

/** Writes down what became of the volumes of a node, and which drivers it has for those of others. */
export class VolumeIntake {
  readonly #client: ApiClient
  readonly #events: EventRecorder

  constructor(client: ApiClient, events: EventRecorder) {
    this.#client = client
    this.#events = events
  }

  /** Only what the node was to remove goes: nobody else's volume, and none that is claimed. */
  async takeGone(nodeName: string, { name, uid }: Report<'volume-gone'>): Promise<void> {
    const volume = this.#find(name, uid)
    if (!volume || removerOf(volume) !== nodeName) return
    await this.#client.delete(persistentVolumes, name, { uid })
    const left = this.#find(name, uid)
    if (!left?.metadata.finalizers?.includes(VOLUME_FINALIZER)) return
    const { resourceVersion, finalizers } = left.metadata
    await this.#client.patch(persistentVolumes, name, {
      metadata: { uid, resourceVersion, finalizers: finalizers.filter((each) => each !== VOLUME_FINALIZER) },
    })
  }

  async takeFailed(nodeName: string, { name, uid, message }: Report<'volume-failed'>): Promise<void> {
    const volume = this.#find(name, uid)
    const { annotations = {} } = volume?.metadata ?? {}
    if (!volume || annotations[PROVISIONED_BY] !== LOCAL_PATH_PROVISIONER || annotations[VOLUME_NODE] !== nodeName) return
    const why = message.slice(0, MESSAGE_LENGTH_MAX)
    if (removerOf(volume) !== nodeName) return this.#tellClaim(volume, `failed to make volume "${name}" on node "${nodeName}": ${why}`)
    if (volume.status?.phase !== 'Failed' || volume.status.message !== why)
      await this.#client.updateStatus(persistentVolumes, {
        ...mutableCopy(volume),
        status: { ...volume.status, phase: 'Failed', reason: 'VolumeFailedDelete', message: why },
      })
    this.#events.record(volume, 'Warning', 'VolumeFailedDelete', why)
  }

  #tellClaim(volume: PersistentVolume, message: string): void {
    const { claimRef } = volume.spec
    const claim = claimRef && this.#client.get(persistentVolumeClaims, objectKey(claimRef.namespace, claimRef.name ?? ''))
    this.#events.record(claim ?? volume, 'Warning', 'ProvisioningFailed', message)
  }

  #find(name: string, uid: string): PersistentVolume | undefined {
    const volume = this.#client.get(persistentVolumes, name)
    return volume?.metadata.uid === uid ? volume : undefined
  }

  /** The node's CSINode, as kubelets keep it. Drivers that say something else of themselves than before are made anew. */
  async takeDrivers(nodeName: string, { drivers }: Report<'csi-drivers'>): Promise<void> {
    const node = this.#client.get(nodes, nodeName)
    if (!node) return
    const wanted = drivers.map(
      ({ name, nodeId, topologyKeys, volumesMax }): CsiNodeDriver => ({
        name,
        nodeID: nodeId,
        ...(topologyKeys.length > 0 && { topologyKeys: [...topologyKeys] }),
        ...(volumesMax !== undefined && volumesMax > 0 && { allocatable: { count: volumesMax } }),
      }),
    )
    const before = this.#client.get(csiNodes, nodeName)
    if (!before)
      return void (await this.#client.create(csiNodes, {
        metadata: { name: nodeName, ownerReferences: [ownerOf(node)] },
        spec: { drivers: wanted },
      }))
    const known = before.spec.drivers ?? []
    if (isDeepStrictEqual(known, wanted)) return
    const kept = wanted.filter((driver) => !known.some((other) => other.name === driver.name && !isSameDriver(other, driver)))
    let current = before
    if (kept.length < wanted.length) current = await this.#writeDrivers(current, kept)
    await this.#writeDrivers(current, wanted)
  }

  async #writeDrivers(current: CsiNode, drivers: readonly CsiNodeDriver[]): Promise<CsiNode> {
    try {
      return await this.#client.update(csiNodes, { ...mutableCopy(current), spec: { drivers: [...drivers] } })
    } catch (error) {
      if (!isReason(error, 'NotFound')) throw error
      return this.#client.get(csiNodes, keyOf(current)) ?? current
    }
  }
}

/** What a driver may not change while it stays. */
const isSameDriver = ({ allocatable: _, ...a }: CsiNodeDriver, { allocatable: __, ...b }: CsiNodeDriver): boolean => isDeepStrictEqual(a, b)
