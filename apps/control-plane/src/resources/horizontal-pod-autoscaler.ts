import type { HorizontalPodAutoscaler } from '@bramble/api/types/autoscaling'
import type { Column, ResourceDefinition } from '../api/resource.ts'
import { type AutoscalerV1, fromV1, toV1 } from './autoscaler-spec/convert.ts'
import { applyAutoscalerDefaults } from './autoscaler-spec/defaults.ts'
import { targetsText } from './autoscaler-spec/targets.ts'
import { validateAutoscaler } from './autoscaler-spec/validate.ts'
import { ageColumn, nameColumn } from './columns.ts'

const columns: readonly Column<HorizontalPodAutoscaler>[] = [
  nameColumn,
  {
    name: 'Reference',
    type: 'string',
    value: ({ spec: { scaleTargetRef: target } }) => `${target?.kind ?? ''}/${target?.name ?? ''}`,
  },
  { name: 'Targets', type: 'string', value: targetsText },
  { name: 'MinPods', type: 'string', value: ({ spec }) => (spec.minReplicas === undefined ? '<unset>' : String(spec.minReplicas)) },
  { name: 'MaxPods', type: 'string', value: ({ spec }) => spec.maxReplicas ?? 0 },
  { name: 'Replicas', type: 'string', value: ({ status }) => status?.currentReplicas ?? 0 },
  ageColumn,
]

const common = {
  group: 'autoscaling',
  kind: 'HorizontalPodAutoscaler',
  plural: 'horizontalpodautoscalers',
  shortNames: ['hpa'],
  categories: ['all'],
  scope: 'Namespaced',
  durability: 'durable',
  subresources: { status: true },
} as const

export const horizontalPodAutoscalers: ResourceDefinition<HorizontalPodAutoscaler> = {
  ...common,
  version: 'v2',
  schema: { type: 'ref', ref: 'io.k8s.api.autoscaling.v2.HorizontalPodAutoscaler' },
  columns,
  applyDefaults: applyAutoscalerDefaults,
  validate: validateAutoscaler,
  warnings: (_, previous) =>
    previous ? [] : ['no controller of this cluster scales by metrics yet: the autoscaler is stored, and its target keeps its size'],
}

/** The older version: the same objects, as far as it can tell of them. */
export const horizontalPodAutoscalersV1: ResourceDefinition<AutoscalerV1> = {
  ...common,
  version: 'v1',
  schema: { type: 'ref', ref: 'io.k8s.api.autoscaling.v1.HorizontalPodAutoscaler' },
  columns: columns.map((column) => ({ ...column, value: (object: AutoscalerV1, nowMs: number) => column.value(fromV1(object), nowMs) })),
  storage: { resource: horizontalPodAutoscalers as ResourceDefinition, toStored: fromV1, fromStored: toV1 },
  applyDefaults: ({ spec }) => {
    spec.minReplicas ??= 1
  },
}
