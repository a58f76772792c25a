import type { NewObject } from '@bramble/api/object'
import type { StorageClass } from '@bramble/api/types/storage'
import type { ClaimSpec, PersistentVolume, PersistentVolumeClaim } from '@bramble/api/types/volume'

/** A volume of an NFS server: it is everywhere. */
export const aVolume = (
  name: string,
  spec: Partial<PersistentVolume['spec']> = {},
  metadata: object = {},
): NewObject<PersistentVolume> => ({
  metadata: { name, ...metadata },
  spec: {
    capacity: { storage: '2Gi' },
    accessModes: ['ReadWriteOnce', 'ReadWriteMany'],
    persistentVolumeReclaimPolicy: 'Retain',
    storageClassName: '',
    nfs: { server: 'nas', path: '/x' },
    ...spec,
  },
})

export const aClaim = (name: string, spec: Partial<ClaimSpec> = {}, metadata: object = {}): NewObject<PersistentVolumeClaim> => ({
  metadata: { name, namespace: 'default', ...metadata },
  spec: { accessModes: ['ReadWriteOnce'], storageClassName: '', resources: { requests: { storage: '1Gi' } }, ...spec },
})

export const aClass = (name: string, fields: Partial<StorageClass> = {}): NewObject<StorageClass> => ({
  metadata: { name },
  provisioner: 'bramble.dev/local-path',
  volumeBindingMode: 'WaitForFirstConsumer',
  ...fields,
})

/** As the API would show it. */
export const stored = <T extends { metadata: object }>(object: NewObject<never> | T, status: object = {}): T => ({
  ...(object as unknown as T),
  metadata: {
    uid: `uid-${(object.metadata as { name: string }).name}`,
    resourceVersion: '1',
    creationTimestamp: '2026-01-01T00:00:00Z',
    ...object.metadata,
  },
  status,
})
