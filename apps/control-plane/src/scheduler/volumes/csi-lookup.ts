import type { ObjectKey } from '@bramble/api/object'
import type { ApiClient } from '../../api/client.ts'
import { classNameOf } from '../../controllers/persistent-volume-binder/names.ts'
import { persistentVolumeClaims } from '../../resources/persistent-volume-claim.ts'
import { persistentVolumes } from '../../resources/persistent-volume.ts'
import { csiNodes } from '../../resources/storage/csi-node.ts'
import { storageClasses } from '../../resources/storage/storage-class.ts'

/** Volumes of CSI drivers, as far as they count against what a node can have. */
export interface CsiLookup {
  /** @returns Undefined when the claim has no volume of a CSI driver. Two claims of one volume have one handle. */
  csiVolumeOf(claim: ObjectKey): { readonly driver: string; readonly handle: string } | undefined
  /** @returns Undefined when the driver did not say, or is not there. */
  limitOf(nodeName: string, driver: string): number | undefined
}

export const csiLookup = (reads: Pick<ApiClient, 'get'>): CsiLookup => ({
  csiVolumeOf: (key) => {
    const claim = reads.get(persistentVolumeClaims, key)
    if (!claim) return undefined
    const csi = claim.spec.volumeName ? reads.get(persistentVolumes, claim.spec.volumeName)?.spec.csi : undefined
    if (csi?.driver) return { driver: csi.driver, handle: csi.volumeHandle ?? '' }
    if (claim.spec.volumeName) return undefined
    const driver = reads.get(storageClasses, classNameOf(claim))?.provisioner
    return driver === undefined ? undefined : { driver, handle: `claim ${claim.metadata.uid}` }
  },
  limitOf: (nodeName, driver) => reads.get(csiNodes, nodeName)?.spec.drivers?.find(({ name }) => name === driver)?.allocatable?.count,
})
