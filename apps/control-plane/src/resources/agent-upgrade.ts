import { isConditionTrue, conditionOf } from '@bramble/api/conditions'
import { type FieldError, invalidValue, required } from '@bramble/api/field-error'
import type { AgentUpgrade, AgentUpgradeSpec, AgentUpgradeStatus } from '@bramble/api/types/agent-upgrade'
import type { IntOrString } from '@bramble/api/types/workload'
import { isVersion, VERSION_RULE } from '@bramble/api/version'
import type { ResourceDefinition } from '../api/resource.ts'
import type { ObjectSchema } from '../api/schema/object-schema.ts'
import { ageColumn, nameColumn } from './columns.ts'
import { isSame } from './differences.ts'
import { check, notNegative, within } from './rules.ts'
import { validateSelector } from './selector.ts'
import { atMostAll, shareValue, validateShare } from './workload.ts'

const DEADLINE_SECONDS_MIN = 30
const DEADLINE_SECONDS_MAX = 24 * 3600
/** More than half of the nodes at once, and nothing may be left that shows that the version is bad. */
const LARGE_WAVE_PERCENT = 50

const CONDITIONS: ObjectSchema = {
  type: 'array',
  items: { type: 'ref', ref: 'io.k8s.apimachinery.pkg.apis.meta.v1.Condition' },
}

const STATUS: ObjectSchema = {
  type: 'object',
  required: ['total', 'updated', 'updating', 'failed', 'offline'],
  properties: {
    observedGeneration: { type: 'integer', format: 'int64', description: 'The generation of the spec that this was made of.' },
    version: { type: 'string', description: 'The version that all counts and conditions are about.' },
    total: { type: 'integer', format: 'int32', description: 'Nodes that are selected, and by no newer AgentUpgrade.' },
    updated: { type: 'integer', format: 'int32', description: 'Nodes that run the version and say that all is well.' },
    updating: { type: 'integer', format: 'int32', description: 'Nodes that were told and have not finished.' },
    failed: { type: 'integer', format: 'int32', description: 'Nodes that gave the version up.' },
    offline: {
      type: 'integer',
      format: 'int32',
      description: 'Nodes out of contact that do not run it yet; they get it when they return.',
    },
    failures: {
      type: 'array',
      description: 'Why the first few nodes failed.',
      items: {
        type: 'object',
        required: ['node', 'reason', 'message'],
        properties: { node: { type: 'string' }, reason: { type: 'string' }, message: { type: 'string' } },
      },
    },
    conditions: { ...CONDITIONS, description: 'Progressing, Complete and Aborted.', listType: 'map', listMapKeys: ['type'] },
  },
}

const SPEC: ObjectSchema = {
  type: 'object',
  required: ['version'],
  properties: {
    version: { type: 'string', description: 'The release that agents shall run, e.g. 0.2.0. The control plane must have it.' },
    nodeSelector: {
      type: 'ref',
      ref: 'io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelector',
      description: 'Which nodes. Left out or empty: all.',
    },
    maxUnavailable: {
      type: 'int-or-string',
      description:
        'How many nodes may be at it at once, or a percentage of the selected nodes that are in contact. At least 1. Default 10%.',
    },
    maxFailures: {
      type: 'int-or-string',
      description: 'How many failures end it, or a percentage of the selected nodes. At least 1. Default 1.',
    },
    paused: { type: 'boolean', description: 'No more nodes are told; those that were go on.' },
    aborted: { type: 'boolean', description: 'No more nodes are touched. Final for this version.' },
    deadlineSeconds: {
      type: 'integer',
      format: 'int32',
      description: 'How long a new version may take to be healthy and in contact before the old one returns. Default 600.',
    },
  },
}

export const agentUpgrades: ResourceDefinition<AgentUpgrade> = {
  group: 'bramble.dev',
  version: 'v1',
  kind: 'AgentUpgrade',
  plural: 'agentupgrades',
  shortNames: ['au'],
  scope: 'Cluster',
  durability: 'durable',
  schema: {
    type: 'object',
    required: ['spec'],
    description: 'AgentUpgrade brings the agents of nodes to a version, some at a time. The newest that selects a node has it.',
    properties: {
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: { type: 'ref', ref: 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta' },
      spec: { ...SPEC, description: 'What is wanted.' },
      status: { ...STATUS, description: 'How far it is.' },
    },
  },
  columns: [
    nameColumn,
    { name: 'Version', type: 'string', value: ({ spec }) => spec.version ?? '' },
    { name: 'Updated', type: 'string', value: ({ status }) => `${status?.updated ?? 0}/${status?.total ?? 0}` },
    { name: 'Failed', type: 'integer', value: ({ status }) => status?.failed ?? 0 },
    { name: 'Offline', type: 'integer', value: ({ status }) => status?.offline ?? 0 },
    { name: 'Status', type: 'string', value: ({ status }) => upgradeStatusText(status) },
    ageColumn,
    { name: 'Message', type: 'string', priority: 1, value: ({ status }) => conditionOf(status?.conditions, 'Progressing')?.message ?? '' },
  ],
  subresources: { status: true },
  applyDefaults: ({ spec }) => {
    spec.maxUnavailable ??= '10%'
    spec.maxFailures ??= 1
    spec.deadlineSeconds ??= 600
  },
  validate: ({ spec, status }) => [...validateSpec(spec), ...validateStatus(status)],
  warnings: ({ spec }, previous) => (previous && isSame(previous.spec, spec) ? [] : warningsOf(spec)),
}

/** One word for how it stands: `Progressing`, `Complete`, `Aborted`, or why nothing goes on. */
export function upgradeStatusText(status: AgentUpgradeStatus | undefined): string {
  const progressing = conditionOf(status?.conditions, 'Progressing')
  if (isConditionTrue(status?.conditions, 'Aborted')) return 'Aborted'
  if (!progressing) return 'Pending'
  return progressing.status === 'True' ? 'Progressing' : (progressing.reason ?? '')
}

function validateSpec(spec: AgentUpgradeSpec): readonly FieldError[] {
  const { version, nodeSelector, maxUnavailable, maxFailures, deadlineSeconds } = spec
  return [
    ...(version ? check('spec.version', version, (text) => (isVersion(text) ? [] : [VERSION_RULE])) : [required('spec.version')]),
    ...validateSelector(nodeSelector, 'spec.nodeSelector'),
    ...validateSome('spec.maxUnavailable', maxUnavailable, 'must be at least 1: to hold the rollout, set spec.paused'),
    ...validateSome('spec.maxFailures', maxFailures, 'must be at least 1: with 1 the first failure ends the rollout'),
    ...(deadlineSeconds === undefined
      ? []
      : check('spec.deadlineSeconds', deadlineSeconds, within(DEADLINE_SECONDS_MIN, DEADLINE_SECONDS_MAX))),
  ]
}

function validateSome(path: string, value: IntOrString | undefined, whyNotNone: string): readonly FieldError[] {
  if (value === undefined) return []
  const errors = [...validateShare(path, value), ...atMostAll(path, value)]
  return errors.length === 0 && shareValue(value) === 0 ? [invalidValue(path, value, whyNotNone)] : errors
}

const COUNTS = ['total', 'updated', 'updating', 'failed', 'offline'] as const

const validateStatus = (status: AgentUpgradeStatus | undefined): readonly FieldError[] =>
  status ? COUNTS.flatMap((field) => check(`status.${field}`, status[field] ?? 0, notNegative)) : []

function warningsOf({ maxUnavailable, aborted, paused }: AgentUpgradeSpec): readonly string[] {
  return [
    ...(typeof maxUnavailable === 'string' && shareValue(maxUnavailable) > LARGE_WAVE_PERCENT
      ? [`spec.maxUnavailable: with ${maxUnavailable} most nodes get the version before any has shown that it works`]
      : []),
    ...(aborted && paused ? ['spec.paused: has no effect, as the rollout is aborted'] : []),
  ]
}
