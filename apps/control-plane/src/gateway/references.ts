import { type KubeObject, splitKey } from '@bramble/api/object'
import type { Pod } from '@bramble/api/types/pod'
import {
  LOCAL_PATH_PROVISIONER,
  type PersistentVolume,
  type PersistentVolumeClaim,
  PROVISIONED_BY,
  type SecretReference,
  VOLUME_NODE,
} from '@bramble/api/types/volume'
import { namedBy } from '../resources/pod-spec/named-by.ts'
import { idOf } from './assignments.ts'

// What a node sees because something that it sees names it: pod → ConfigMap, Secret, claim, CSIDriver; claim → volume; volume → Secret,
// CSIDriver.

const NONE: ReadonlySet<string> = new Set()

/** Ids of what an object names that nodes see. */
export function referencesOf(object: KubeObject | undefined): ReadonlySet<string> {
  switch (object?.kind) {
    case 'Pod':
      return podReferences(object as Pod)
    case 'PersistentVolumeClaim':
      return claimReferences(object as PersistentVolumeClaim)
    case 'PersistentVolume':
      return volumeReferences(object as PersistentVolume)
    default:
      return NONE
  }
}

function podReferences(pod: Pod): ReadonlySet<string> {
  const ids = new Set(namedBy(pod).map(({ kind, name }) => idOf(kind, `${pod.metadata.namespace}/${name}`)))
  for (const { csi } of pod.spec.volumes ?? []) if (csi) ids.add(idOf('CSIDriver', csi.driver))
  return ids
}

/** Anybody may write any volume's name into a claim; that it is bound says the binder. */
const claimReferences = ({ spec: { volumeName }, status }: PersistentVolumeClaim): ReadonlySet<string> =>
  volumeName && status?.phase === 'Bound' ? new Set([idOf('PersistentVolume', volumeName)]) : NONE

function volumeReferences({ spec: { csi } }: PersistentVolume): ReadonlySet<string> {
  if (!csi) return NONE
  const named = [csi.nodeStageSecretRef, csi.nodePublishSecretRef, csi.nodeExpandSecretRef].filter(
    (reference): reference is Required<SecretReference> => Boolean(reference?.name && reference.namespace),
  )
  const ids = new Set(named.map(({ namespace, name }) => idOf('Secret', `${namespace}/${name}`)))
  if (csi.driver) ids.add(idOf('CSIDriver', csi.driver))
  return ids
}

/** The node that must remove the folder of a volume, as nobody claims it any more; undefined when there is nothing to remove. */
export function removerOf(volume: PersistentVolume | undefined): string | undefined {
  const { annotations = {} } = volume?.metadata ?? {}
  const isLeft = volume?.status?.phase === 'Released' || volume?.status?.phase === 'Failed'
  if (!isLeft || volume.spec.persistentVolumeReclaimPolicy !== 'Delete') return undefined
  return annotations[PROVISIONED_BY] === LOCAL_PATH_PROVISIONER ? annotations[VOLUME_NODE] : undefined
}

export function splitId(id: string): { readonly kind: string; readonly key: string } {
  const space = id.indexOf(' ')
  return { kind: id.slice(0, space), key: id.slice(space + 1) }
}

export function refOf(id: string): { readonly kind: string; readonly namespace?: string; readonly name: string } {
  const { kind, key } = splitId(id)
  return { kind, ...splitKey(key) }
}
