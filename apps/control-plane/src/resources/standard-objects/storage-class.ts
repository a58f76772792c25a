import type { NewObject } from '@bramble/api/object'
import type { StorageClass } from '@bramble/api/types/storage'
import type { ApiClient } from '../../api/client.ts'
import { namespaces } from '../namespace.ts'
import { DEFAULT_STORAGE_CLASS, isDefaultStorageClass } from '../storage/default-class.ts'
import { storageClasses } from '../storage/storage-class.ts'
import { ensurePresent } from './ensure.ts'

/** Of kube-system: what the cluster has been given once and is not given again. */
export const GIVEN_ANNOTATION = 'bramble.dev/given'
const GIVEN = 'default-storage-class'

export const localPathClass = (): NewObject<StorageClass> => ({
  metadata: { name: 'local-path', annotations: { [DEFAULT_STORAGE_CLASS]: 'true' } },
  provisioner: 'bramble.dev/local-path',
  reclaimPolicy: 'Delete',
  volumeBindingMode: 'WaitForFirstConsumer',
})

/**
 * The default StorageClass, once in the life of a cluster: one that an administrator changes or deletes stays so, whatever
 * starts follow. Where another default exists already none is made.
 */
export async function ensureStorageClass(client: ApiClient): Promise<void> {
  const given = client.get(namespaces, 'kube-system')?.metadata.annotations?.[GIVEN_ANNOTATION] ?? ''
  if (given.split(',').includes(GIVEN)) return
  if (!client.list(storageClasses).some(isDefaultStorageClass)) await ensurePresent(client, storageClasses, localPathClass())
  const all = [...given.split(',').filter((one) => one !== ''), GIVEN].join(',')
  await client.patch(namespaces, 'kube-system', { metadata: { annotations: { [GIVEN_ANNOTATION]: all } } })
}
