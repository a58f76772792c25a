import { memoryBytes } from '@bramble/api/quantity'
import type { Node } from '@bramble/api/types/node'
import type { StorageClass } from '@bramble/api/types/storage'
import { LOCAL_PATH_PROVISIONER, type PersistentVolume, type PersistentVolumeClaim } from '@bramble/api/types/volume'
import { volumeFolder } from '../../controllers/local-path-provisioner/folder.ts'
import { bestMatch } from '../../controllers/persistent-volume-binder/match.ts'
import { annotation, NO_PROVISIONER, SELECTED_NODE } from '../../controllers/persistent-volume-binder/names.ts'
import { matchesTerm, type PlacedNode } from '../filters/node-affinity.ts'
import type { LateClaim, VolumeNeeds } from './volume-needs.ts'

/** What a late claim gets when its pod goes to a node. */
export interface VolumeDecision {
  readonly claim: PersistentVolumeClaim
  /** Absent: one is to be made there. */
  readonly volume?: PersistentVolume
}

// Source: kube-scheduler plugins/volumebinding binder.go, ConflictReason.
const AFFINITY_CONFLICT = 'node(s) had volume node affinity conflict'
const NONE_TO_BIND = "node(s) didn't find available persistent volumes to bind"
const VOLUME_GONE = 'node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)'

/** What to do for the late claims of a pod on this node, or why the pod cannot be there. Pure. */
export function decideVolumes(needs: VolumeNeeds, node: PlacedNode): readonly VolumeDecision[] | string {
  const { bound, lacksVolume, late, reserved } = needs
  if (lacksVolume) return VOLUME_GONE
  if (!bound.every((volume) => isReachable(volume, node))) return AFFINITY_CONFLICT
  const taken = new Set(reserved)
  const decisions: VolumeDecision[] = []
  for (const each of [...late].sort((a, b) => sizeOf(a.claim) - sizeOf(b.claim))) {
    const decision = decideOne(each, node, taken)
    if (!decision) return NONE_TO_BIND
    if (decision.volume) taken.add(decision.volume.metadata.name)
    decisions.push(decision)
  }
  return decisions
}

function decideOne({ claim, storageClass, volumes }: LateClaim, node: PlacedNode, taken: ReadonlySet<string>): VolumeDecision | undefined {
  const selected = annotation(claim, SELECTED_NODE)
  if (selected !== undefined) return selected === node.metadata.name ? { claim } : undefined
  const volume = bestMatch(claim, volumes, { except: taken, isReachable: (each) => isReachable(each, node) })
  if (volume) return { claim, volume }
  if (storageClass.provisioner === NO_PROVISIONER || !isAllowed(storageClass, node.metadata.labels)) return undefined
  if (storageClass.provisioner === LOCAL_PATH_PROVISIONER && 'why' in volumeFolder(storageClass, node)) return undefined
  return { claim }
}

export function isReachable({ spec: { nodeAffinity } }: PersistentVolume, node: PlacedNode): boolean {
  const terms = nodeAffinity?.required?.nodeSelectorTerms
  return terms === undefined || terms.some((term) => matchesTerm(term, node))
}

/** Source: component-helpers scheduling/corev1 MatchTopologySelectorTerms. */
const isAllowed = ({ allowedTopologies = [] }: StorageClass, labels: Node['metadata']['labels'] = {}): boolean =>
  allowedTopologies.length === 0 ||
  allowedTopologies.some(({ matchLabelExpressions = [] }) =>
    matchLabelExpressions.every(({ key = '', values = [] }) => labels[key] !== undefined && values.includes(labels[key])),
  )

const sizeOf = ({ spec }: PersistentVolumeClaim): number => memoryBytes(spec.resources?.requests?.['storage'])
