import { invalidValue, notSupported } from '@bramble/api/field-error'
import type { FieldError } from '@bramble/api/field-error'
import type { PodDisruptionBudget } from '@bramble/api/types/policy'
import type { ResourceDefinition } from '../api/resource.ts'
import { ageColumn, nameColumn } from './columns.ts'
import { check, notNegative } from './rules.ts'
import { validateSelector } from './selector.ts'
import { atMostAll, validateShare } from './workload.ts'

export const podDisruptionBudgets: ResourceDefinition<PodDisruptionBudget> = {
  group: 'policy',
  version: 'v1',
  kind: 'PodDisruptionBudget',
  plural: 'poddisruptionbudgets',
  shortNames: ['pdb'],
  scope: 'Namespaced',
  durability: 'durable',
  schema: { type: 'ref', ref: 'io.k8s.api.policy.v1.PodDisruptionBudget' },
  columns: [
    nameColumn,
    { name: 'Min Available', type: 'string', value: ({ spec }) => String(spec.minAvailable ?? 'N/A') },
    { name: 'Max Unavailable', type: 'string', value: ({ spec }) => String(spec.maxUnavailable ?? 'N/A') },
    { name: 'Allowed Disruptions', type: 'integer', value: ({ status }) => status?.disruptionsAllowed ?? 0 },
    ageColumn,
  ],
  subresources: { status: true },
  validate: (budget) => [...validateSpec(budget.spec), ...validateStatus(budget.status)],
}

/** Source: Kubernetes pkg/apis/policy/validation ValidatePodDisruptionBudgetSpec. */
function validateSpec(spec: PodDisruptionBudget['spec']): readonly FieldError[] {
  const { minAvailable, maxUnavailable, selector, unhealthyPodEvictionPolicy: policy } = spec
  return [
    ...(minAvailable !== undefined && maxUnavailable !== undefined
      ? [invalidValue('spec', spec, 'minAvailable and maxUnavailable cannot be both set')]
      : []),
    ...(['minAvailable', 'maxUnavailable'] as const).flatMap((field) =>
      spec[field] === undefined ? [] : [...validateShare(`spec.${field}`, spec[field]), ...atMostAll(`spec.${field}`, spec[field])],
    ),
    ...validateSelector(selector, 'spec.selector'),
    ...(policy === undefined || policy === 'AlwaysAllow' || policy === 'IfHealthyBudget'
      ? []
      : [notSupported('spec.unhealthyPodEvictionPolicy', policy, ['AlwaysAllow', 'IfHealthyBudget'])]),
  ]
}

const COUNTS = ['disruptionsAllowed', 'currentHealthy', 'desiredHealthy', 'expectedPods'] as const

const validateStatus = (status: PodDisruptionBudget['status']): readonly FieldError[] =>
  status ? COUNTS.flatMap((field) => check(`status.${field}`, status[field] ?? 0, notNegative)) : []
