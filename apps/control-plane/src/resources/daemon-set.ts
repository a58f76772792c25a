import { invalidValue, notSupported, required } from '@bramble/api/field-error'
import type { FieldError } from '@bramble/api/field-error'
import type { DaemonSet } from '@bramble/api/types/workload'
import type { ResourceDefinition } from '../api/resource.ts'
import { ageColumn, labelsText, nameColumn, templateColumns } from './columns.ts'
import { applyTemplateDefaults } from './pod-spec/defaults.ts'
import { atMostAll, notNegativeFields, shareValue, templateWarnings, validateShare, validateWorkload } from './workload.ts'

export const daemonSets: ResourceDefinition<DaemonSet> = {
  group: 'apps',
  version: 'v1',
  kind: 'DaemonSet',
  plural: 'daemonsets',
  shortNames: ['ds'],
  categories: ['all'],
  scope: 'Namespaced',
  durability: 'durable',
  schema: { type: 'ref', ref: 'io.k8s.api.apps.v1.DaemonSet' },
  columns: [
    nameColumn,
    { name: 'Desired', type: 'integer', value: ({ status }) => status?.desiredNumberScheduled ?? 0 },
    { name: 'Current', type: 'integer', value: ({ status }) => status?.currentNumberScheduled ?? 0 },
    { name: 'Ready', type: 'integer', value: ({ status }) => status?.numberReady ?? 0 },
    { name: 'Up-to-date', type: 'integer', value: ({ status }) => status?.updatedNumberScheduled ?? 0 },
    { name: 'Available', type: 'integer', value: ({ status }) => status?.numberAvailable ?? 0 },
    { name: 'Node Selector', type: 'string', value: ({ spec }) => labelsText(spec.template.spec.nodeSelector) },
    ageColumn,
    ...templateColumns<DaemonSet>(),
  ],
  subresources: { status: true },
  applyDefaults: ({ spec }) => {
    applyTemplateDefaults(spec)
    spec.updateStrategy ??= {}
    spec.updateStrategy.type ||= 'RollingUpdate'
    if (spec.updateStrategy.type === 'RollingUpdate') {
      spec.updateStrategy.rollingUpdate ??= {}
      spec.updateStrategy.rollingUpdate.maxUnavailable ??= 1
      spec.updateStrategy.rollingUpdate.maxSurge ??= 0
    }
    spec.revisionHistoryLimit ??= 10
  },
  validate: (daemonSet, previous) => [
    ...validateWorkload('DaemonSet', daemonSet, previous),
    ...notNegativeFields(daemonSet.spec, 'minReadySeconds', 'revisionHistoryLimit'),
    ...validateStrategy(daemonSet.spec.updateStrategy ?? {}),
  ],
  warnings: templateWarnings,
}

/** Source: Kubernetes pkg/apis/apps/validation ValidateDaemonSetUpdateStrategy. */
function validateStrategy({ type, rollingUpdate }: NonNullable<DaemonSet['spec']['updateStrategy']>): readonly FieldError[] {
  const path = 'spec.updateStrategy.rollingUpdate'
  if (type === 'OnDelete') return []
  if (type !== 'RollingUpdate') return [notSupported('spec.updateStrategy.type', type, ['OnDelete', 'RollingUpdate'])]
  if (rollingUpdate === undefined) return [required(path)]
  const { maxUnavailable = 0, maxSurge = 0 } = rollingUpdate
  const errors: FieldError[] = [
    ...validateShare(`${path}.maxUnavailable`, maxUnavailable),
    ...atMostAll(`${path}.maxUnavailable`, maxUnavailable),
    ...validateShare(`${path}.maxSurge`, maxSurge),
    ...atMostAll(`${path}.maxSurge`, maxSurge),
  ]
  const [less, more] = [shareValue(maxUnavailable) !== 0, shareValue(maxSurge) !== 0]
  if (less && more) errors.push(invalidValue(`${path}.maxSurge`, maxSurge, 'may not be set when maxUnavailable is non-zero'))
  if (!less && !more) errors.push(required(`${path}.maxUnavailable`, 'cannot be 0 when maxSurge is 0'))
  return errors
}
