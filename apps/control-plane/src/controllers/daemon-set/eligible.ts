import type { Node } from '@bramble/api/types/node'
import type { PodSpec, Toleration } from '@bramble/api/types/pod'
import type { DaemonSet } from '@bramble/api/types/workload'
import { matchesNodeAffinity } from '../../scheduler/filters/node-affinity.ts'
import { toleratesTaints } from '../../scheduler/filters/taints.ts'

/** What every pod of a DaemonSet bears. Source: Kubernetes DaemonSet concepts, "Taints and tolerations". */
const DAEMON_TOLERATIONS: readonly Toleration[] = [
  { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute' },
  { key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute' },
  { key: 'node.kubernetes.io/disk-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/memory-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/pid-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/unschedulable', operator: 'Exists', effect: 'NoSchedule' },
]
const HOST_NETWORK_TOLERATION: Toleration = { key: 'node.kubernetes.io/network-unavailable', operator: 'Exists', effect: 'NoSchedule' }

/** The template's own tolerations, and those of every daemon. */
export function daemonTolerations(spec: PodSpec): Toleration[] {
  const own = spec.tolerations ?? []
  const added = [...DAEMON_TOLERATIONS, ...(spec.hostNetwork ? [HOST_NETWORK_TOLERATION] : [])].filter(
    ({ key, effect }) =>
      !own.some((one) => one.key === key && one.effect === effect && one.operator === 'Exists' && one.tolerationSeconds === undefined),
  )
  return [...own, ...added]
}

/**
 * Whether a pod of the set shall run on the node, and whether one that is there may stay.
 * A taint that keeps new pods away (NoSchedule) does not drive a running one out.
 */
export function eligibility(set: DaemonSet, node: Node): { readonly run: boolean; readonly keep: boolean } {
  const { spec } = set.spec.template
  const fits = (spec.nodeName === undefined || spec.nodeName === node.metadata.name) && matchesNodeAffinity(spec, node)
  const tolerations = daemonTolerations(spec)
  const keep = fits && toleratesTaints(node.spec.taints, tolerations, ['NoExecute'])
  return { run: keep && toleratesTaints(node.spec.taints, tolerations, ['NoSchedule']), keep }
}
