import type { Pod, Volume } from '@bramble/api/types/pod'
import type { NodeSelectorTerm } from '@bramble/api/types/pod'
import type { PersistentVolume, PersistentVolumeClaim } from '@bramble/api/types/volume'
import type { ConfigSource, PodFacts } from '../environment.ts'
import { VolumeError } from '../pod-files.ts'

/** What a volume of a pod comes to. */
export interface ResolvedVolume {
  /** The field that says of which type it is. */
  readonly field: string
  /** What its claim is bound to. */
  readonly persistent?: PersistentVolume
  readonly readOnly: boolean
}

/**
 * Follows claims to what they are bound to. Pure.
 *
 * @throws VolumeError in Kubernetes' words while a claim is missing or not bound, and when its volume is not for this pod or node.
 * @see Source: kubelet volumemanager createVolumeSpec; Kubernetes "Generic ephemeral volumes".
 */
export function resolveVolume(pod: Pod, volume: Volume, source: ConfigSource, facts: PodFacts): ResolvedVolume {
  const reference = claimOf(pod, volume)
  if (!reference) return { field: sourceField(volume, ['name']), readOnly: false }
  const { name, isOwn } = reference
  const namespace = pod.metadata.namespace ?? ''
  const unprocessed = (problem: string): VolumeError =>
    new VolumeError(volume.name, `error processing PVC ${namespace}/${name}: ${problem}`, { stage: 'process' })

  const claim = source.persistentVolumeClaim(namespace, name)
  if (!claim) throw unprocessed(`failed to fetch PVC from API server: persistentvolumeclaims "${name}" not found`)
  const problem = claimProblem(pod, claim, isOwn)
  if (problem !== undefined) throw unprocessed(problem)
  const volumeName = claim.spec.volumeName!
  const persistent = source.persistentVolume(volumeName)
  if (!persistent) throw unprocessed(`failed to fetch PV ${volumeName} from API server: persistentvolumes "${volumeName}" not found`)
  const { claimRef, volumeMode = 'Filesystem', nodeAffinity } = persistent.spec
  if (!claimRef)
    throw unprocessed(`found PV object ${volumeName} but it has a nil pv.Spec.ClaimRef indicating it is not yet bound to the claim`)
  if (claimRef.uid !== claim.metadata.uid)
    throw unprocessed(
      `found PV object ${volumeName} but its pv.Spec.ClaimRef.UID ${claimRef.uid ?? ''} does not point to claim.UID ${claim.metadata.uid}`,
    )
  const misuse = modeProblem(pod, volume.name, volumeMode)
  if (misuse !== undefined) throw new VolumeError(volume.name, misuse, { stage: 'process' })
  const shownName = persistent.metadata.name
  if (!mayBeHere(nodeAffinity?.required?.nodeSelectorTerms, facts.nodeName))
    throw new VolumeError(volume.name, 'no matching NodeSelectorTerms', { stage: 'affinity', shownName })
  return {
    field: sourceField(persistent.spec as Readonly<Record<string, unknown>>, NO_SOURCES),
    persistent,
    readOnly: volume.persistentVolumeClaim?.readOnly ?? false,
  }
}

/** The claim that a volume is of; its own when the pod's template made it. */
export function claimOf(pod: Pod, volume: Volume): { readonly name: string; readonly isOwn: boolean } | undefined {
  if (volume.persistentVolumeClaim) return { name: volume.persistentVolumeClaim.claimName, isOwn: false }
  if (volume.ephemeral) return { name: `${pod.metadata.name}-${volume.name}`, isOwn: true }
  return undefined
}

/** Fields of a PersistentVolume's spec that are not where its content comes from. */
const NO_SOURCES = [
  'capacity',
  'accessModes',
  'persistentVolumeReclaimPolicy',
  'storageClassName',
  'volumeAttributesClassName',
  'volumeMode',
  'mountOptions',
  'claimRef',
  'nodeAffinity',
]

const sourceField = (holder: object, others: readonly string[]): string =>
  Object.entries(holder).find(([name, value]) => value !== undefined && value !== null && !others.includes(name))?.[0] ?? 'emptyDir'

function claimProblem(pod: Pod, { metadata, spec, status }: PersistentVolumeClaim, isOwn: boolean): string | undefined {
  if (isOwn && !(metadata.ownerReferences ?? []).some(({ uid, controller }) => uid === pod.metadata.uid && controller))
    return `PVC ${metadata.namespace}/${metadata.name} was not created for pod ${pod.metadata.namespace}/${pod.metadata.name} (pod is not owner)`
  if (metadata.deletionTimestamp && !hasRun(pod)) return 'PVC is being deleted'
  if (status?.phase !== 'Bound') return 'PVC is not bound'
  if (!spec.volumeName) return 'PVC has empty pvc.Spec.VolumeName'
  return undefined
}

/** It had the volume before the claim was deleted, and has it until it ends. */
const hasRun = ({ status }: Pod): boolean =>
  [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])].some(({ containerID }) => containerID)

function modeProblem({ spec }: Pod, name: string, mode: string): string | undefined {
  const containers = [...(spec.initContainers ?? []), ...spec.containers]
  const isIn = (field: 'volumeMounts' | 'volumeDevices'): boolean =>
    containers.some((container) => container[field]?.some((use) => use.name === name))
  if (mode !== 'Filesystem' && isIn('volumeMounts')) return `volume ${name} has volumeMode ${mode}, but is specified in volumeMounts`
  if (mode !== 'Block' && isIn('volumeDevices')) return `volume ${name} has volumeMode ${mode}, but is specified in volumeDevices`
  return undefined
}

/** Only names of nodes are known here; what else a term wants, the scheduler has seen to. */
const mayBeHere = (terms: readonly NodeSelectorTerm[] | undefined, nodeName: string): boolean =>
  !terms ||
  terms.some((term) =>
    [
      ...(term.matchExpressions ?? []).filter(({ key }) => key === 'kubernetes.io/hostname'),
      ...(term.matchFields ?? []).filter(({ key }) => key === 'metadata.name'),
    ].every(({ operator, values = [] }) =>
      operator === 'In' ? values.includes(nodeName) : operator === 'NotIn' ? !values.includes(nodeName) : operator === 'Exists',
    ),
  )
