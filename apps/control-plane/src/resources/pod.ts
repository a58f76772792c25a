import { isConditionTrue } from '@bramble/api/conditions'
import { forbiddenField } from '@bramble/api/field-error'
import { isTerminal, type Pod, type PodSpec } from '@bramble/api/types/pod'
import type { ResourceDefinition } from '../api/resource.ts'
import { ageColumn, nameColumn } from './columns.ts'
import { applyPodDefaults } from './pod-spec/pod-defaults.ts'
import { podRow } from './pod-spec/pod-row.ts'
import type { PodSpecRest } from './pod-spec/pod-spec-rest.ts'
import { nameWarnings, podWarnings } from './pod-spec/warnings.ts'
import { validateEphemeralUpdate, withEphemeralContainers } from './pod-spec/validate-ephemeral.ts'
import { validateResize, withResources } from './pod-spec/validate-resize.ts'
import { validatePodUpdate } from './pod-spec/validate-update.ts'
import { validatePodSpec } from './pod-spec/validate.ts'

export const pods: ResourceDefinition<Pod> = {
  group: '',
  version: 'v1',
  kind: 'Pod',
  plural: 'pods',
  shortNames: ['po'],
  categories: ['all'],
  scope: 'Namespaced',
  durability: 'durable',
  schema: { type: 'ref', ref: 'io.k8s.api.core.v1.Pod' },
  columns: [
    nameColumn,
    { name: 'Ready', type: 'string', value: (pod, nowMs) => podRow(pod, nowMs).ready },
    { name: 'Status', type: 'string', value: (pod, nowMs) => podRow(pod, nowMs).status },
    { name: 'Restarts', type: 'string', value: (pod, nowMs) => podRow(pod, nowMs).restarts },
    ageColumn,
    { name: 'IP', type: 'string', priority: 1, value: (pod) => pod.status?.podIPs?.[0]?.ip || pod.status?.podIP || '<none>' },
    { name: 'Node', type: 'string', priority: 1, value: (pod) => pod.spec.nodeName || '<none>' },
    { name: 'Nominated Node', type: 'string', priority: 1, value: (pod) => nominatedNodeName(pod) || '<none>' },
    { name: 'Readiness Gates', type: 'string', priority: 1, value: gatesText },
  ],
  subresources: {
    status: true,
    named: [
      { name: 'log', kind: 'Pod', verbs: ['get'] },
      { name: 'attach', kind: 'PodAttachOptions', verbs: ['create', 'get'] },
      { name: 'exec', kind: 'PodExecOptions', verbs: ['create', 'get'] },
      { name: 'portforward', kind: 'PodPortForwardOptions', verbs: ['create', 'get'] },
      { name: 'proxy', kind: 'PodProxyOptions', verbs: ['create', 'delete', 'get', 'patch', 'update'] },
      { name: 'binding', kind: 'Binding', verbs: ['create'] },
      {
        name: 'ephemeralcontainers',
        kind: 'Pod',
        verbs: ['get', 'patch', 'update'],
        take: withEphemeralContainers,
        validate: (pod, previous) => [...validatePodSpec(pod.spec, 'spec', 'pod'), ...validateEphemeralUpdate(pod, previous)],
      },
      { name: 'eviction', kind: 'Eviction', group: 'policy', version: 'v1', verbs: ['create'] },
      {
        name: 'resize',
        kind: 'Pod',
        verbs: ['get', 'patch', 'update'],
        take: withResources,
        validate: (pod, previous) => [...validatePodSpec(pod.spec, 'spec', 'pod'), ...validateResize(pod, previous)],
      },
    ],
  },
  // Source: pod strategy CheckGracefulDelete: what does not run needs no time to end
  gracePeriodSeconds: (pod) => (pod.spec.nodeName && !isTerminal(pod) ? (pod.spec.terminationGracePeriodSeconds ?? 30) : 0),
  fields: (pod) => ({
    'spec.nodeName': pod.spec.nodeName ?? '',
    'spec.restartPolicy': pod.spec.restartPolicy ?? '',
    'spec.schedulerName': pod.spec.schedulerName ?? '',
    'spec.serviceAccountName': pod.spec.serviceAccountName ?? '',
    'spec.hostNetwork': String(pod.spec.hostNetwork ?? false),
    'status.phase': pod.status?.phase ?? '',
    'status.podIP': pod.status?.podIPs?.[0]?.ip ?? pod.status?.podIP ?? '',
    'status.podIPs': pod.status?.podIPs?.[0]?.ip ?? pod.status?.podIP ?? '',
    'status.nominatedNodeName': nominatedNodeName(pod),
  }),
  prepare: (draft, previous) => {
    if (previous) keepAdmitted(draft.spec, previous.spec)
  },
  applyDefaults: applyPodDefaults,
  validate: (pod, previous) => [
    ...validatePodSpec(pod.spec, 'spec', 'pod'),
    ...(previous
      ? validatePodUpdate(pod.spec, previous.spec)
      : pod.spec.ephemeralContainers?.length
        ? [forbiddenField('spec.ephemeralContainers', 'cannot be set on create')]
        : []),
  ],
  warnings: (pod, previous) => (previous ? [] : [...nameWarnings(pod, "in the Pod's hostname"), ...podWarnings(pod, '')]),
}

/** What admission added to the pod and the manifest of its author does not repeat. */
function keepAdmitted(spec: PodSpec & PodSpecRest, previous: PodSpec & PodSpecRest): void {
  spec.priority ??= previous.priority
  spec.preemptionPolicy ??= previous.preemptionPolicy
  const missing = (previous.tolerations ?? []).filter(
    (old) => ADDED_KEYS.has(old.key ?? '') && !spec.tolerations?.some(({ key }) => key === old.key),
  )
  if (missing.length > 0) spec.tolerations = [...(spec.tolerations ?? []), ...missing]
}

const ADDED_KEYS: ReadonlySet<string> = new Set(['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'])

const nominatedNodeName = (pod: Pod): string => (pod.status as { nominatedNodeName?: string } | undefined)?.nominatedNodeName ?? ''

function gatesText(pod: Pod): string {
  const gates = pod.spec.readinessGates ?? []
  if (gates.length === 0) return '<none>'
  return `${gates.filter(({ conditionType }) => isConditionTrue(pod.status?.conditions, conditionType)).length}/${gates.length}`
}
