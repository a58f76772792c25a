import { forbiddenField, notSupported, required } from '@bramble/api/field-error'
import type { FieldError } from '@bramble/api/field-error'
import type { PriorityClass } from '@bramble/api/types/scheduling'
import type { ResourceDefinition } from '../../api/resource.ts'
import { ageColumn, nameColumn } from '../columns.ts'
import { immutable } from '../workload.ts'

export const priorityClasses: ResourceDefinition<PriorityClass> = {
  group: 'scheduling.k8s.io',
  version: 'v1',
  kind: 'PriorityClass',
  plural: 'priorityclasses',
  shortNames: ['pc'],
  scope: 'Cluster',
  durability: 'durable',
  schema: { type: 'ref', ref: 'io.k8s.api.scheduling.v1.PriorityClass' },
  columns: [
    nameColumn,
    { name: 'Value', type: 'integer', value: ({ value }) => value ?? 0 },
    { name: 'Global-Default', type: 'boolean', value: ({ globalDefault }) => globalDefault ?? false },
    ageColumn,
    { name: 'PreemptionPolicy', type: 'string', priority: 1, value: ({ preemptionPolicy }) => preemptionPolicy ?? '' },
  ],
  applyDefaults: (draft) => {
    draft.value ??= 0
    draft.preemptionPolicy ??= 'PreemptLowerPriority'
  },
  validate: (priorityClass, previous) => (previous ? validateUpdate(priorityClass, previous) : validateNew(priorityClass)),
}

/** The classes that every cluster has. Source: Kubernetes pkg/apis/scheduling/v1 SystemPriorityClasses. */
export const SYSTEM_PRIORITIES: ReadonlyMap<string, number> = new Map([
  ['system-node-critical', 2_000_001_000],
  ['system-cluster-critical', 2_000_000_000],
])

const SYSTEM_PREFIX = 'system-'
const USER_VALUE_MAX = 1_000_000_000
const POLICIES = ['Never', 'PreemptLowerPriority']

// Source: Kubernetes pkg/apis/scheduling/validation ValidatePriorityClass, ValidatePriorityClassUpdate.

function validateNew({ metadata: { name = '' }, value = 0, globalDefault = false, preemptionPolicy }: PriorityClass) {
  return [
    ...(name.startsWith(SYSTEM_PREFIX)
      ? systemFaults(name, value, globalDefault).map((fault) =>
          forbiddenField(
            'metadata.name',
            `priority class names with '${SYSTEM_PREFIX}' prefix are reserved for system use only. error: ${fault}`,
          ),
        )
      : value > USER_VALUE_MAX
        ? [forbiddenField('value', `maximum allowed value of a user defined priority is ${USER_VALUE_MAX}`)]
        : []),
    ...validatePolicy(preemptionPolicy),
  ]
}

function systemFaults(name: string, value: number, globalDefault: boolean): readonly string[] {
  const expected = SYSTEM_PRIORITIES.get(name)
  if (expected === undefined) return [`${name} is not a known system priority class`]
  if (value !== expected) return [`value of ${name} PriorityClass must be ${expected}`]
  return globalDefault ? [`globalDefault of ${name} PriorityClass must be false`] : []
}

function validatePolicy(policy: string | undefined): readonly FieldError[] {
  if (policy === '') return [required('preemptionPolicy')]
  return policy === undefined || POLICIES.includes(policy) ? [] : [notSupported('preemptionPolicy', policy, POLICIES)]
}

const validateUpdate = ({ value, preemptionPolicy }: PriorityClass, previous: PriorityClass): readonly FieldError[] => [
  ...((value ?? 0) === (previous.value ?? 0) ? [] : [forbiddenField('value', 'may not be changed in an update.')]),
  ...immutable('preemptionPolicy', preemptionPolicy, previous, previous.preemptionPolicy),
]
