import { required } from '@bramble/api/field-error'
import type { FieldError } from '@bramble/api/field-error'
import type { IpAddressObject } from '@bramble/api/types/networking'
import type { ResourceDefinition } from '../../api/resource.ts'
import { nameColumn } from '../columns.ts'
import { canonicalAddress } from '../ip-block.ts'
import { pathSegment, referencedName } from '../name-rules.ts'
import { check, dnsSubdomain } from '../rules.ts'
import { immutable } from '../workload.ts'

/** networking.k8s.io IPAddress: its name is the address. */
export const ipAddresses: ResourceDefinition<IpAddressObject> = {
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'IPAddress',
  plural: 'ipaddresses',
  shortNames: ['ip'],
  scope: 'Cluster',
  durability: 'durable',
  schema: { type: 'ref', ref: 'io.k8s.api.networking.v1.IPAddress' },
  columns: [nameColumn, { name: 'ParentRef', type: 'string', value: parentText }],
  fields: ({ spec: { parentRef = {} } }) => ({
    'spec.parentRef.group': parentRef.group ?? '',
    'spec.parentRef.resource': parentRef.resource ?? '',
    'spec.parentRef.namespace': parentRef.namespace ?? '',
    'spec.parentRef.name': parentRef.name ?? '',
  }),
  validate: ({ metadata, spec: { parentRef } }, previous) =>
    previous
      ? immutable('spec.parentRef', parentRef, previous, previous.spec.parentRef)
      : [...check('metadata.name', metadata.name, canonicalAddress), ...validateParent(parentRef)],
  warnings: (_object, previous) =>
    previous ? [] : ['Bramble gives Services their addresses without IPAddress objects: this one does not reserve its address'],
}

type Parent = NonNullable<IpAddressObject['spec']['parentRef']>

/** Source: Kubernetes pkg/apis/networking/validation validateIPAddressParentReference. */
function validateParent(parent: Parent | undefined): readonly FieldError[] {
  const path = 'spec.parentRef'
  if (!parent) return [required(path)]
  return [
    ...(parent.group ? check(`${path}.group`, parent.group, dnsSubdomain) : []),
    ...referencedName(`${path}.resource`, parent.resource),
    ...referencedName(`${path}.name`, parent.name),
    ...(parent.namespace ? check(`${path}.namespace`, parent.namespace, pathSegment) : []),
  ]
}

function parentText({ spec: { parentRef } }: IpAddressObject): string {
  if (!parentRef) return '<none>'
  const { group, resource = '', namespace, name = '' } = parentRef
  const qualified = (group ? `${resource}.${group}` : resource).toLowerCase()
  return [qualified, ...(namespace ? [namespace] : []), name].join('/')
}
