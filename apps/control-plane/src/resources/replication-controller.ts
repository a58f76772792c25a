import { invalidValue, required } from '@bramble/api/field-error'
import type { FieldError } from '@bramble/api/field-error'
import type { ReplicationController } from '@bramble/api/types/workload'
import type { ResourceDefinition } from '../api/resource.ts'
import { ageColumn, containerColumns, labelsText, nameColumn, replicaColumns } from './columns.ts'
import { applyPodSpecDefaults } from './pod-spec/defaults.ts'
import { check, notNegative } from './rules.ts'
import { notNegativeFields, scaledWorkload, templateWarnings, validateEndless, validateMatch, validatePodTemplate } from './workload.ts'

export const replicationControllers: ResourceDefinition<ReplicationController> = {
  group: '',
  version: 'v1',
  kind: 'ReplicationController',
  plural: 'replicationcontrollers',
  shortNames: ['rc'],
  categories: ['all'],
  scope: 'Namespaced',
  durability: 'durable',
  schema: { type: 'ref', ref: 'io.k8s.api.core.v1.ReplicationController' },
  columns: [
    nameColumn,
    ...replicaColumns,
    ageColumn,
    ...containerColumns<ReplicationController>(({ spec }) => spec.template?.spec.containers),
    { name: 'Selector', type: 'string', priority: 1, value: ({ spec }) => labelsText(spec.selector) },
  ],
  subresources: scaledWorkload,
  fields: ({ status }) => ({ 'status.replicas': String(status?.replicas ?? 0) }),
  applyDefaults: ({ metadata, spec }) => {
    if (spec.template) {
      spec.template.spec ??= { containers: [] }
      applyPodSpecDefaults(spec.template.spec)
    }
    const labels = spec.template?.metadata?.labels
    if (labels && Object.keys(spec.selector ?? {}).length === 0) spec.selector = { ...labels }
    if (labels && Object.keys(metadata.labels ?? {}).length === 0) metadata.labels = { ...labels }
    spec.replicas ??= 1
  },
  validate: (controller) => [...validateSpec(controller.spec), ...validateStatus(controller)],
  warnings: (controller, previous) => [
    ...templateWarnings(controller, previous),
    ...(previous ? [] : ['no controller of this cluster makes pods for a ReplicationController yet: use a Deployment or a ReplicaSet']),
  ],
}

/** Source: Kubernetes pkg/apis/core/validation ValidateReplicationControllerSpec. */
function validateSpec(spec: ReplicationController['spec']): readonly FieldError[] {
  const { selector = {}, template } = spec
  return [
    ...notNegativeFields(spec, 'minReadySeconds'),
    ...(Object.keys(selector).length === 0 ? [required('spec.selector')] : []),
    ...notNegativeFields(spec, 'replicas'),
    ...(template === undefined
      ? [required('spec.template')]
      : [
          ...validateMatch(
            template,
            Object.entries(selector).map(([key, value]) => ({ key, operator: 'In', values: [value] })),
            'spec.template',
          ),
          ...validatePodTemplate(template, 'spec.template'),
          ...validateEndless('ReplicationController', template.spec, 'spec.template.spec'),
        ]),
  ]
}

/** Source: Kubernetes pkg/apis/core/validation ValidateReplicationControllerStatus. */
function validateStatus({ status }: ReplicationController): readonly FieldError[] {
  if (!status) return []
  return (['fullyLabeledReplicas', 'readyReplicas', 'availableReplicas'] as const).flatMap((field) => {
    const count = status[field] ?? 0
    return [
      ...check(`status.${field}`, count, notNegative),
      ...(count > (status.replicas ?? 0) ? [invalidValue(`status.${field}`, count, 'cannot be greater than status.replicas')] : []),
    ]
  })
}
