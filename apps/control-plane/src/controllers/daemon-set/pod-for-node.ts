import { createHash } from 'node:crypto'
import type { NewObject } from '@bramble/api/object'
import { controllerReference } from '@bramble/api/owner'
import type { Affinity, NodeSelectorTerm, Pod } from '@bramble/api/types/pod'
import type { DaemonSet } from '@bramble/api/types/workload'
import { podFromTemplate, safeText } from '../pod-template.ts'
import { REVISION_HASH } from '../revision-history.ts'
import { daemonTolerations } from './eligible.ts'

const NAME_PART_MAX = 57

/** The pod of one node. Its name is a function of set, node and revision, so making it twice cannot make two. */
export function podForNode(set: DaemonSet, nodeName: string, hash: string): NewObject<Pod> {
  const reference = controllerReference('apps/v1', 'DaemonSet', set)
  const pod = podFromTemplate(set.spec.template, set.metadata.namespace!, reference, { name: podName(set, nodeName, hash) })
  pod.metadata.labels = { ...pod.metadata.labels, [REVISION_HASH]: hash }
  pod.spec.tolerations = daemonTolerations(pod.spec)
  pod.spec.affinity = onNode(pod.spec.affinity, nodeName)
  return pod
}

/** The node a pod runs on or, before the scheduler bound it, the one it was made for. */
export function targetNode(pod: Pod): string | undefined {
  if (pod.spec.nodeName !== undefined) return pod.spec.nodeName
  const terms = pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? []
  return terms[0]?.matchFields?.find(({ key, operator }) => key === 'metadata.name' && operator === 'In')?.values?.[0]
}

function podName(set: DaemonSet, nodeName: string, hash: string): string {
  const digest = createHash('sha256').update(`${set.metadata.uid}/${nodeName}/${hash}`).digest('hex').slice(0, 8)
  return `${set.metadata.name.slice(0, NAME_PART_MAX).replace(/[-.]+$/, '')}-${safeText(digest)}`
}

/** The template's affinity was looked at when the node was chosen; the pod's own names the node alone. */
function onNode(affinity: Affinity | undefined, nodeName: string): Affinity {
  const nodeSelectorTerms: NodeSelectorTerm[] = [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: [nodeName] }] }]
  return { ...affinity, nodeAffinity: { ...affinity?.nodeAffinity, requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } } }
}
