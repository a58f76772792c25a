import { LOCAL_PATH_PROVISIONER, type PersistentVolume, PROVISIONED_BY } from '@bramble/api/types/volume'

/** Whether it is a folder that this program makes and removes. */
export const isProvisionedHere = ({ metadata, spec }: PersistentVolume): boolean =>
  metadata.annotations?.[PROVISIONED_BY] === LOCAL_PATH_PROVISIONER && spec.local?.path !== undefined

/** Those whose claim is gone, and whose content shall go with it; also when that failed before. */
export const released = (volumes: readonly PersistentVolume[]): readonly PersistentVolume[] =>
  volumes.filter(
    (volume) =>
      isProvisionedHere(volume) &&
      (volume.status?.phase === 'Released' || volume.status?.phase === 'Failed') &&
      volume.spec.persistentVolumeReclaimPolicy === 'Delete',
  )
