import { forbiddenField, invalidValue, notSupported } from '@bramble/api/field-error'
import type { FieldError } from '@bramble/api/field-error'
import type { Lease } from '@bramble/api/types/core'
import type { ResourceDefinition } from '../api/resource.ts'
import { ageColumn, nameColumn } from './columns.ts'
import { check, qualifiedName } from './rules.ts'

export const leases: ResourceDefinition<Lease> = {
  group: 'coordination.k8s.io',
  version: 'v1',
  kind: 'Lease',
  plural: 'leases',
  scope: 'Namespaced',
  durability: 'volatile',
  allowsCreateOnUpdate: true,
  schema: { type: 'ref', ref: 'io.k8s.api.coordination.v1.Lease' },
  columns: [nameColumn, { name: 'Holder', type: 'string', value: (lease) => lease.spec?.holderIdentity ?? '' }, ageColumn],
  validate: validateSpec,
}

/** Source: Kubernetes pkg/apis/coordination/validation ValidateLeaseSpec. */
function validateSpec({ spec = {} }: Lease): readonly FieldError[] {
  const { leaseDurationSeconds = 1, leaseTransitions = 0, strategy, preferredHolder } = spec
  return [
    ...(leaseDurationSeconds > 0 ? [] : [invalidValue('spec.leaseDurationSeconds', leaseDurationSeconds, 'must be greater than 0')]),
    ...(leaseTransitions >= 0 ? [] : [invalidValue('spec.leaseTransitions', leaseTransitions, 'must be greater than or equal to 0')]),
    ...(strategy === undefined ? [] : validateStrategy(strategy)),
    ...(preferredHolder && !strategy ? [forbiddenField('spec.preferredHolder', 'may only be specified if `strategy` is defined')] : []),
  ]
}

const STRATEGIES = ['OldestEmulationVersion']

/** One of Kubernetes' own, or a qualified name of somebody else's. */
const validateStrategy = (strategy: string): readonly FieldError[] =>
  strategy.includes('/')
    ? check('spec.strategy.strategy', strategy, qualifiedName)
    : STRATEGIES.includes(strategy)
      ? []
      : [notSupported('spec.strategy.strategy', strategy, STRATEGIES)]
