import { conditionOf } from '@bramble/api/conditions'
import { duplicate, forbiddenField, invalidValue } from '@bramble/api/field-error'
import type { FieldError } from '@bramble/api/field-error'
import type { Node, NodeAddress, Taint } from '@bramble/api/types/node'
import { AGENT_VERSION_ANNOTATION } from '@bramble/api/types/node-config'
import { isVersion, VERSION_RULE } from '@bramble/api/version'
import type { ResourceDefinition } from '../api/resource.ts'
import { ageColumn, nameColumn } from './columns.ts'
import { parseNetwork } from './ip-address.ts'
import { validateEffect } from './pod-spec/validate-scheduling.ts'
import { check, labelValue, qualifiedName } from './rules.ts'

export const nodes: ResourceDefinition<Node> = {
  group: '',
  version: 'v1',
  kind: 'Node',
  plural: 'nodes',
  shortNames: ['no'],
  scope: 'Cluster',
  durability: 'durable',
  schema: { type: 'ref', ref: 'io.k8s.api.core.v1.Node' },
  columns: [
    nameColumn,
    { name: 'Status', type: 'string', value: statusText },
    { name: 'Roles', type: 'string', value: rolesText },
    ageColumn,
    { name: 'Version', type: 'string', value: (node) => node.status?.nodeInfo?.kubeletVersion ?? '' },
    { name: 'Internal-IP', type: 'string', priority: 1, value: (node) => address(node, 'InternalIP') },
    { name: 'External-IP', type: 'string', priority: 1, value: (node) => address(node, 'ExternalIP') },
    { name: 'OS-Image', type: 'string', priority: 1, value: (node) => node.status?.nodeInfo?.osImage || '<unknown>' },
    { name: 'Kernel-Version', type: 'string', priority: 1, value: (node) => node.status?.nodeInfo?.kernelVersion || '<unknown>' },
    {
      name: 'Container-Runtime',
      type: 'string',
      priority: 1,
      value: (node) => node.status?.nodeInfo?.containerRuntimeVersion || '<unknown>',
    },
  ],
  subresources: {
    status: true,
    named: [{ name: 'proxy', kind: 'NodeProxyOptions', verbs: ['create', 'delete', 'get', 'patch', 'update'] }],
  },
  fields: (node) => ({ 'spec.unschedulable': String(node.spec.unschedulable ?? false) }),
  applyDefaults: ({ spec }) => {
    if (spec.podCIDR && !spec.podCIDRs?.length) spec.podCIDRs = [spec.podCIDR]
    if (spec.podCIDRs?.[0]) spec.podCIDR ||= spec.podCIDRs[0]
  },
  validate: (node, previous) => [
    ...validateTaints(node.spec.taints ?? []),
    ...validatePodNetworks(node),
    ...(previous ? validateUpdate(node, previous) : []),
  ],
  warnings: versionWarnings,
}

/** Annotations are not refused; but a person who mistypes a version would wait for ever. */
function versionWarnings({ metadata }: Node, previous: Node | undefined): readonly string[] {
  const wanted = metadata.annotations?.[AGENT_VERSION_ANNOTATION]
  if (wanted === undefined || isVersion(wanted) || wanted === previous?.metadata.annotations?.[AGENT_VERSION_ANNOTATION]) return []
  return [`metadata.annotations[${AGENT_VERSION_ANNOTATION}]: ${JSON.stringify(wanted)} ${VERSION_RULE}: the node is not told`]
}

/** Source: Kubernetes pkg/apis/core/validation validateNodeTaints. */
function validateTaints(taints: readonly Taint[]): readonly FieldError[] {
  return taints.flatMap(({ key, value = '', effect }, index) => {
    const path = `spec.taints[${index}]`
    const isRepeated = taints.findIndex((other) => other.key === key && other.effect === effect) < index
    return [
      ...check(`${path}.key`, key ?? '', qualifiedName),
      ...check(`${path}.value`, value, labelValue),
      ...validateEffect(effect, `${path}.effect`, false),
      ...(isRepeated ? [duplicate(path, taints[index])] : []),
    ]
  })
}

const CIDR_RULE = 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)'

function validatePodNetworks({ spec: { podCIDR, podCIDRs = [] } }: Node): readonly FieldError[] {
  return [
    ...podCIDRs.flatMap((network, index) => (parseNetwork(network) ? [] : [invalidValue(`spec.podCIDRs[${index}]`, network, CIDR_RULE)])),
    ...(podCIDR && podCIDR !== podCIDRs[0]
      ? [invalidValue('spec.podCIDRs', podCIDRs, 'must contain `spec.podCIDR` as its first element')]
      : []),
  ]
}

/** Source: Kubernetes pkg/apis/core/validation ValidateNodeUpdate. */
function validateUpdate({ spec }: Node, { spec: before }: Node): readonly FieldError[] {
  const errors: FieldError[] = []
  if (before.podCIDR && spec.podCIDR !== before.podCIDR)
    errors.push(forbiddenField('spec.podCIDRs', 'node updates may not change podCIDR except from "" to valid'))
  if (before.providerID && spec.providerID !== before.providerID)
    errors.push(forbiddenField('spec.providerID', 'node updates may not change providerID except from "" to valid'))
  return errors
}

function statusText(node: Node): string {
  const ready = conditionOf(node.status?.conditions, 'Ready')
  const text = ready === undefined ? 'Unknown' : ready.status === 'True' ? 'Ready' : 'NotReady'
  return node.spec.unschedulable ? `${text},SchedulingDisabled` : text
}

const ROLE_PREFIX = 'node-role.kubernetes.io/'

function rolesText(node: Node): string {
  const roles = new Set<string>()
  for (const [key, value] of Object.entries(node.metadata.labels ?? {})) {
    if (key.startsWith(ROLE_PREFIX) && key.length > ROLE_PREFIX.length) roles.add(key.slice(ROLE_PREFIX.length))
    if (key === 'kubernetes.io/role' && value !== '') roles.add(value)
  }
  return roles.size === 0 ? '<none>' : [...roles].sort().join(',')
}

const address = (node: Node, type: NodeAddress['type']): string =>
  node.status?.addresses?.find((one) => one.type === type)?.address ?? '<none>'
