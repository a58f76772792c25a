import type { KubeObject } from '@bramble/api/object'
import type { StorageClass } from '@bramble/api/types/storage'
import { isPlainPath, VOLUME_FOLDER } from '@bramble/api/types/volume'

/** A class may keep its volumes to nodes that have them in this folder. Nodes make and remove volumes in their own folder only. */
export const FOLDER_PARAMETER = 'path'

/** Where volumes of the class are on the node, or why it cannot have any. */
export function volumeFolder(
  { parameters }: StorageClass,
  { metadata: { name, annotations } }: Pick<KubeObject, 'metadata'>,
): { readonly folder: string } | { readonly why: string } {
  const folder = annotations?.[VOLUME_FOLDER]
  const wanted = parameters?.[FOLDER_PARAMETER]
  if (folder === undefined) return { why: `node "${name}" does not say where it keeps volumes (annotation ${VOLUME_FOLDER})` }
  if (!isPlainPath(folder)) return { why: `node "${name}" keeps volumes in "${folder}", which is no absolute path` }
  if (wanted !== undefined && wanted !== folder) return { why: `node "${name}" keeps volumes in "${folder}", not in "${wanted}"` }
  return { folder }
}
