import { duplicate, invalidValue, required } from '@bramble/api/field-error'
import type { FieldError } from '@bramble/api/field-error'
import type { ResourceSlice } from '@bramble/api/types/devices'
import type { ResourceDefinition } from '../../api/resource.ts'
import { ageColumn, nameColumn } from '../columns.ts'
import { driverName } from '../name-rules.ts'
import { check, dnsSubdomain } from '../rules.ts'
import { immutable } from '../workload.ts'
import { atMost, NOT_ALLOCATED, validateName } from './validate-claim-spec.ts'

export const resourceSlices: ResourceDefinition<ResourceSlice> = {
  group: 'resource.k8s.io',
  version: 'v1',
  kind: 'ResourceSlice',
  plural: 'resourceslices',
  scope: 'Cluster',
  durability: 'durable',
  schema: { type: 'ref', ref: 'io.k8s.api.resource.v1.ResourceSlice' },
  columns: [
    nameColumn,
    { name: 'Node', type: 'string', value: ({ spec }) => spec.nodeName ?? '' },
    { name: 'Driver', type: 'string', value: ({ spec }) => spec.driver ?? '' },
    { name: 'Pool', type: 'string', value: ({ spec }) => spec.pool?.name ?? '' },
    ageColumn,
  ],
  fields: ({ spec }) => ({ 'spec.nodeName': spec.nodeName ?? '', 'spec.driver': spec.driver ?? '' }),
  validate: ({ spec }, previous) => [
    ...validateSpec(spec),
    ...immutable('spec.driver', spec.driver, previous, previous?.spec.driver),
    ...immutable('spec.pool.name', spec.pool?.name, previous, previous?.spec.pool?.name),
    ...immutable('spec.nodeName', spec.nodeName, previous, previous?.spec.nodeName),
  ],
  warnings: ({ spec: { driver = '' } }, previous) => [
    ...(driver === driver.toLowerCase()
      ? []
      : [`spec.driver: driver names should be lowercase; ${JSON.stringify(driver)} contains uppercase characters`]),
    ...(previous ? [] : [NOT_ALLOCATED]),
  ],
}

// Source: Kubernetes pkg/apis/resource/validation ValidateResourceSlice.

const DEVICES_MAX = 128
const PLACES = '`nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection`'

function validateSpec(spec: ResourceSlice['spec']): readonly FieldError[] {
  const { driver, pool = {}, nodeName, nodeSelector, allNodes, perDeviceNodeSelection, devices = [] } = spec
  const places = [nodeName !== undefined, nodeSelector !== undefined, allNodes === true, perDeviceNodeSelection === true]
  const count = places.filter(Boolean).length
  return [
    ...driverName('spec.driver', driver),
    ...validatePool(pool),
    ...(nodeName === undefined ? [] : check('spec.nodeName', nodeName, dnsSubdomain)),
    ...(count === 0 ? [required('spec', `exactly one of ${PLACES} is required`)] : []),
    ...(count > 1 ? [invalidValue('spec', undefined, `exactly one of ${PLACES} is required, but multiple fields are set`)] : []),
    ...atMost(devices, DEVICES_MAX, 'spec.devices'),
    ...devices.flatMap(({ name }, index) => [
      ...validateName(name, `spec.devices[${index}].name`),
      ...(name && devices.findIndex((other) => other.name === name) < index ? [duplicate(`spec.devices[${index}].name`, name)] : []),
    ]),
  ]
}

/** A pool's name is one or more subdomains between slashes. */
const validatePool = ({ name, generation = 0, resourceSliceCount = 0 }: NonNullable<ResourceSlice['spec']['pool']>) => [
  ...(name ? name.split('/').flatMap((part) => check('spec.pool.name', part, dnsSubdomain)) : [required('spec.pool.name')]),
  ...(resourceSliceCount > 0 ? [] : [invalidValue('spec.pool.resourceSliceCount', resourceSliceCount, 'must be greater than zero')]),
  ...(generation < 0 ? [invalidValue('spec.pool.generation', generation, 'must be greater than or equal to zero')] : []),
]
