import { invalidValue, required } from '@bramble/api/field-error'
import type { FieldError } from '@bramble/api/field-error'
import type { ServiceCidr } from '@bramble/api/types/networking'
import type { ResourceDefinition } from '../../api/resource.ts'
import { ageColumn, nameColumn } from '../columns.ts'
import { canonicalBlock, parseBlock } from '../ip-block.ts'
import { check } from '../rules.ts'

/** The one that says where the addresses of Services come from; the cluster makes it. */
export const CLUSTER_SERVICE_CIDR = 'kubernetes'

export const serviceCidrs: ResourceDefinition<ServiceCidr> = {
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'ServiceCIDR',
  plural: 'servicecidrs',
  scope: 'Cluster',
  durability: 'durable',
  schema: { type: 'ref', ref: 'io.k8s.api.networking.v1.ServiceCIDR' },
  columns: [nameColumn, { name: 'CIDRs', type: 'string', value: ({ spec }) => (spec.cidrs ?? []).join(',') }, ageColumn],
  subresources: { status: true },
  validate: ({ spec: { cidrs = [] } }, previous) => (previous ? validateUpdate(cidrs, previous.spec.cidrs ?? []) : validateNetworks(cidrs)),
  warnings: ({ metadata }, previous) =>
    previous || metadata.name === CLUSTER_SERVICE_CIDR
      ? []
      : [`Bramble takes the addresses of Services from its setting service-network alone: this ServiceCIDR adds none`],
}

const FAMILIES_RULE = 'may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64'

// Source: Kubernetes pkg/apis/networking/validation ValidateServiceCIDR, ValidateServiceCIDRUpdate.
function validateNetworks(cidrs: readonly string[]): readonly FieldError[] {
  if (cidrs.length === 0) return [required('spec.cidrs', 'at least one CIDR required')]
  if (cidrs.length > 2) return [invalidValue('spec.cidrs', { cidrs }, 'may only hold up to 2 values')]
  const families = cidrs.map((cidr) => parseBlock(cidr)?.family)
  const isOneFamily = cidrs.length === 2 && families[0] === families[1] && families[0] !== undefined
  return [
    ...cidrs.flatMap((cidr, index) => check(`spec.cidrs[${index}]`, cidr, canonicalBlock)),
    ...(isOneFamily ? [invalidValue('spec.cidrs', cidrs, FAMILIES_RULE)] : []),
  ]
}

const IMMUTABLE = 'field is immutable'

/** A network of the other family may be added, nothing else. */
function validateUpdate(cidrs: readonly string[], before: readonly string[]): readonly FieldError[] {
  const changed = before.flatMap((cidr, index) =>
    cidr === cidrs[index] ? [] : [invalidValue(`spec.cidrs[${index}]`, cidrs[index], IMMUTABLE)],
  )
  if (cidrs.length === before.length) return changed
  if (before.length === 1 && cidrs.length === 2) return [...changed, ...validateNetworks(cidrs)]
  return [invalidValue('spec.cidrs', cidrs, IMMUTABLE)]
}
