import { forbiddenField, invalidValue, notSupported, required } from '@bramble/api/field-error'
import type { FieldError } from '@bramble/api/field-error'
import type { Deployment, IntOrString } from '@bramble/api/types/workload'
import type { ResourceDefinition } from '../api/resource.ts'
import { ageColumn, nameColumn, templateColumns } from './columns.ts'
import { applyTemplateDefaults } from './pod-spec/defaults.ts'
import { atMostAll, notNegativeFields, scaledWorkload, shareValue, templateWarnings, validateShare, validateWorkload } from './workload.ts'

export const deployments: ResourceDefinition<Deployment> = {
  group: 'apps',
  version: 'v1',
  kind: 'Deployment',
  plural: 'deployments',
  shortNames: ['deploy'],
  categories: ['all'],
  scope: 'Namespaced',
  durability: 'durable',
  schema: { type: 'ref', ref: 'io.k8s.api.apps.v1.Deployment' },
  columns: [
    nameColumn,
    { name: 'Ready', type: 'string', value: ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec.replicas ?? 0}` },
    { name: 'Up-to-date', type: 'string', value: ({ status }) => status?.updatedReplicas ?? 0 },
    { name: 'Available', type: 'string', value: ({ status }) => status?.availableReplicas ?? 0 },
    ageColumn,
    ...templateColumns<Deployment>(),
  ],
  subresources: scaledWorkload,
  applyDefaults: ({ spec }) => {
    applyTemplateDefaults(spec)
    spec.replicas ??= 1
    spec.strategy ??= {}
    spec.strategy.type ||= 'RollingUpdate'
    if (spec.strategy.type === 'RollingUpdate') {
      spec.strategy.rollingUpdate ??= {}
      spec.strategy.rollingUpdate.maxUnavailable ??= '25%'
      spec.strategy.rollingUpdate.maxSurge ??= '25%'
    }
    spec.revisionHistoryLimit ??= 10
    spec.progressDeadlineSeconds ??= 600
  },
  validate: (deployment, previous) => [
    ...notNegativeFields(deployment.spec, 'replicas'),
    ...validateWorkload('ReplicaSet', deployment, previous, 'deployment'),
    ...validateStrategy(deployment.spec.strategy ?? {}),
    ...notNegativeFields(deployment.spec, 'minReadySeconds', 'revisionHistoryLimit', 'progressDeadlineSeconds'),
    ...validateDeadline(deployment.spec),
  ],
  warnings: templateWarnings,
}

type Strategy = NonNullable<Deployment['spec']['strategy']>

/** Source: Kubernetes pkg/apis/apps/validation ValidateDeploymentStrategy. */
function validateStrategy({ type, rollingUpdate }: Strategy): readonly FieldError[] {
  const path = 'spec.strategy.rollingUpdate'
  if (type === 'Recreate') return rollingUpdate ? [forbiddenField(path, "may not be specified when strategy `type` is 'Recreate'")] : []
  if (type !== 'RollingUpdate') return [notSupported('spec.strategy.type', type, ['Recreate', 'RollingUpdate'])]
  if (rollingUpdate === undefined) return [required(path, 'this should be defaulted and never be nil')]
  const { maxUnavailable = 0, maxSurge = 0 } = rollingUpdate
  return [
    ...validateShare(`${path}.maxUnavailable`, maxUnavailable),
    ...validateShare(`${path}.maxSurge`, maxSurge),
    ...standsStill(`${path}.maxUnavailable`, maxUnavailable, maxSurge),
    ...atMostAll(`${path}.maxUnavailable`, maxUnavailable),
  ]
}

/** With neither a pod more nor a pod less, a rollout could not take a single step. */
const standsStill = (path: string, maxUnavailable: IntOrString, maxSurge: IntOrString): readonly FieldError[] =>
  shareValue(maxUnavailable) === 0 && shareValue(maxSurge) === 0
    ? [invalidValue(path, maxUnavailable, 'may not be 0 when `maxSurge` is 0')]
    : []

const validateDeadline = ({ progressDeadlineSeconds = 0, minReadySeconds = 0 }: Deployment['spec']): readonly FieldError[] =>
  progressDeadlineSeconds <= minReadySeconds
    ? [invalidValue('spec.progressDeadlineSeconds', progressDeadlineSeconds, 'must be greater than minReadySeconds')]
    : []
