import { forbiddenField, invalidValue, notSupported, required } from '@bramble/api/field-error'
import type { FieldError } from '@bramble/api/field-error'
import { requirementsOf } from '@bramble/api/labels'
import type { StatefulSet } from '@bramble/api/types/workload'
import type { ResourceDefinition } from '../api/resource.ts'
import { ageColumn, containerColumns, nameColumn } from './columns.ts'
import { isSame } from './differences.ts'
import { applyTemplateDefaults } from './pod-spec/defaults.ts'
import { check, dnsLabel, notNegative } from './rules.ts'
import { isEmptySelector, validateSelector } from './selector.ts'
import { applyClaimDefaults } from './volume-claim-spec/defaults.ts'
import {
  atMostAll,
  notNegativeFields,
  scaledWorkload,
  shareValue,
  templateWarnings,
  validateEndless,
  validateMatch,
  validateShare,
  validateTemplateMetadata,
} from './workload.ts'

type Spec = StatefulSet['spec']

export const statefulSets: ResourceDefinition<StatefulSet> = {
  group: 'apps',
  version: 'v1',
  kind: 'StatefulSet',
  plural: 'statefulsets',
  shortNames: ['sts'],
  categories: ['all'],
  scope: 'Namespaced',
  durability: 'durable',
  schema: { type: 'ref', ref: 'io.k8s.api.apps.v1.StatefulSet' },
  columns: [
    nameColumn,
    { name: 'Ready', type: 'string', value: ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec.replicas ?? 0}` },
    ageColumn,
    ...containerColumns<StatefulSet>(({ spec }) => spec.template.spec.containers),
  ],
  subresources: scaledWorkload,
  applyDefaults: ({ spec }) => {
    applyTemplateDefaults(spec)
    spec.podManagementPolicy ||= 'OrderedReady'
    spec.updateStrategy ??= {}
    if (!spec.updateStrategy.type) {
      spec.updateStrategy.type = 'RollingUpdate'
      spec.updateStrategy.rollingUpdate ??= {}
    }
    if (spec.updateStrategy.type === 'RollingUpdate' && spec.updateStrategy.rollingUpdate) spec.updateStrategy.rollingUpdate.partition ??= 0
    spec.persistentVolumeClaimRetentionPolicy ??= {}
    spec.persistentVolumeClaimRetentionPolicy.whenDeleted ||= 'Retain'
    spec.persistentVolumeClaimRetentionPolicy.whenScaled ||= 'Retain'
    spec.replicas ??= 1
    spec.revisionHistoryLimit ??= 10
    for (const claim of spec.volumeClaimTemplates ?? []) {
      claim.apiVersion ??= 'v1'
      claim.kind ??= 'PersistentVolumeClaim'
      applyClaimDefaults(claim)
    }
  },
  validate: (set, previous) => [
    ...validateSpec(set.spec, previous !== undefined),
    ...(previous ? validateUpdate(set.spec, previous.spec) : []),
    ...validateStatus(set.status, previous?.status),
  ],
  warnings: (set, previous) => [
    ...templateWarnings(set, previous),
    ...((set.spec.revisionHistoryLimit ?? 0) < 0
      ? ['spec.revisionHistoryLimit: a negative value retains all historical revisions; a value >= 0 is recommended']
      : []),
    ...(previous ? [] : ['no controller of this cluster makes pods for a StatefulSet yet: it is stored, and nothing runs']),
  ],
}

/** Source: Kubernetes pkg/apis/apps/validation ValidateStatefulSetSpec. @param isUpdate Names that were let in once stay. */
function validateSpec(spec: Spec, isUpdate: boolean): readonly FieldError[] {
  const { podManagementPolicy: policy, persistentVolumeClaimRetentionPolicy: retention, selector, serviceName, template } = spec
  return [
    ...(policy === 'OrderedReady' || policy === 'Parallel'
      ? []
      : [invalidValue('spec.podManagementPolicy', policy, "must be 'OrderedReady' or 'Parallel'")]),
    ...validateStrategy(spec.updateStrategy ?? {}),
    ...(['whenDeleted', 'whenScaled'] as const).flatMap((field) =>
      retention?.[field] === 'Retain' || retention?.[field] === 'Delete'
        ? []
        : [notSupported(`spec.persistentVolumeClaimRetentionPolicy.${field}`, retention?.[field] ?? '', ['Delete', 'Retain'])],
    ),
    ...notNegativeFields(spec, 'replicas', 'minReadySeconds'),
    ...(spec.ordinals ? check('spec.ordinals.start', spec.ordinals.start ?? 0, notNegative) : []),
    ...(serviceName && !isUpdate ? check('spec.serviceName', serviceName, dnsLabel) : []),
    ...(selector === undefined ? [required('spec.selector')] : validateSelector(selector, 'spec.selector')),
    ...(selector !== undefined && isEmptySelector(selector)
      ? [invalidValue('spec.selector', selector, 'empty selector is invalid for statefulset')]
      : []),
    ...(selector === undefined ? [] : validateMatch(template, requirementsOf(selector), 'spec.template')),
    ...validateTemplateMetadata(template, 'spec.template'),
    ...validateEndless('StatefulSet', template.spec, 'spec.template.spec'),
  ]
}

function validateStrategy({ type, rollingUpdate }: NonNullable<Spec['updateStrategy']>): readonly FieldError[] {
  const path = 'spec.updateStrategy.rollingUpdate'
  if (type === 'OnDelete')
    return rollingUpdate ? [invalidValue(path, rollingUpdate, "only allowed for updateStrategy 'RollingUpdate'")] : []
  if (type !== 'RollingUpdate') return [invalidValue('spec.updateStrategy', { type }, "must be 'RollingUpdate' or 'OnDelete'")]
  const { partition = 0, maxUnavailable } = rollingUpdate ?? {}
  return [
    ...check(`${path}.partition`, partition, notNegative),
    ...(maxUnavailable === undefined
      ? []
      : [
          ...validateShare(`${path}.maxUnavailable`, maxUnavailable),
          ...(shareValue(maxUnavailable) === 0 ? [invalidValue(`${path}.maxUnavailable`, maxUnavailable, 'cannot be 0')] : []),
          ...atMostAll(`${path}.maxUnavailable`, maxUnavailable),
        ]),
  ]
}

const UPDATABLE: readonly (keyof Spec)[] = [
  'replicas',
  'ordinals',
  'template',
  'updateStrategy',
  'revisionHistoryLimit',
  'persistentVolumeClaimRetentionPolicy',
  'minReadySeconds',
]
const FORBIDDEN =
  "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"

function validateUpdate(spec: Spec, before: Spec): readonly FieldError[] {
  const fixed = (one: Spec): object => Object.fromEntries(Object.entries(one).filter(([field]) => !UPDATABLE.includes(field as keyof Spec)))
  return isSame(fixed(spec), fixed(before)) ? [] : [forbiddenField('spec', FORBIDDEN)]
}

const COUNTS = [
  'replicas',
  'readyReplicas',
  'currentReplicas',
  'updatedReplicas',
  'availableReplicas',
  'observedGeneration',
  'collisionCount',
] as const

/** Source: Kubernetes pkg/apis/apps/validation ValidateStatefulSetStatus. */
function validateStatus(status: StatefulSet['status'], before: StatefulSet['status']): readonly FieldError[] {
  if (!status) return []
  const { replicas = 0, readyReplicas = 0, availableReplicas = 0, collisionCount = 0 } = status
  return [
    ...COUNTS.flatMap((field) => check(`status.${field}`, status[field] ?? 0, notNegative)),
    ...(['readyReplicas', 'currentReplicas', 'updatedReplicas', 'availableReplicas'] as const).flatMap((field) =>
      (status[field] ?? 0) > replicas ? [invalidValue(`status.${field}`, status[field], 'cannot be greater than status.replicas')] : [],
    ),
    ...(availableReplicas > readyReplicas
      ? [invalidValue('status.availableReplicas', availableReplicas, 'cannot be greater than status.readyReplicas')]
      : []),
    ...(collisionCount < (before?.collisionCount ?? 0)
      ? [invalidValue('status.collisionCount', collisionCount, 'cannot be decremented')]
      : []),
  ]
}
