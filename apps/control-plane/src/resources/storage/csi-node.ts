import { duplicate, invalidValue, required } from '@bramble/api/field-error'
import type { FieldError } from '@bramble/api/field-error'
import type { CsiNode, CsiNodeDriver } from '@bramble/api/types/storage'
import type { ResourceDefinition } from '../../api/resource.ts'
import { ageColumn, nameColumn } from '../columns.ts'
import { isSame } from '../differences.ts'
import { driverName } from '../name-rules.ts'
import { check, notNegative, qualifiedName } from '../rules.ts'

export const csiNodes: ResourceDefinition<CsiNode> = {
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'CSINode',
  plural: 'csinodes',
  scope: 'Cluster',
  durability: 'durable',
  schema: { type: 'ref', ref: 'io.k8s.api.storage.v1.CSINode' },
  columns: [nameColumn, { name: 'Drivers', type: 'integer', value: ({ spec }) => (spec.drivers ?? []).length }, ageColumn],
  applyDefaults: ({ spec }) => {
    spec.drivers ??= []
  },
  validate: ({ spec: { drivers = [] } }, previous) => [
    ...drivers.flatMap((driver, index) => validateDriver(driver, drivers, index)),
    ...(previous ? validateKept(drivers, previous.spec.drivers ?? []) : []),
  ],
}

// Source: Kubernetes pkg/apis/storage/validation validateCSINodeDrivers, ValidateCSINodeUpdate.

const NODE_ID_CHARACTERS_MAX = 256

function validateDriver(
  { name = '', nodeID, allocatable, topologyKeys = [] }: CsiNodeDriver,
  all: readonly CsiNodeDriver[],
  index: number,
) {
  const path = `spec.drivers[${index}]`
  return [
    ...driverName(`${path}.name`, name),
    ...(nodeID ? [] : [required(`${path}.nodeID`)]),
    ...(nodeID && nodeID.length > NODE_ID_CHARACTERS_MAX
      ? [invalidValue(`${path}.nodeID`, nodeID, `must be ${NODE_ID_CHARACTERS_MAX} characters or less`)]
      : []),
    ...(allocatable?.count === undefined ? [] : check(`${path}.allocatable.count`, allocatable.count, notNegative)),
    ...(all.findIndex((other) => (other.name ?? '') === name) < index ? [duplicate(`${path}.name`, name)] : []),
    ...topologyKeys.flatMap((key, at) => [
      ...(key === '' ? [required(path)] : []),
      ...(topologyKeys.indexOf(key) < at ? [duplicate(path, key)] : []),
      ...check(path, key, qualifiedName),
    ]),
  ]
}

/** A driver that stays may change how many volumes it takes, nothing else. */
function validateKept(drivers: readonly CsiNodeDriver[], before: readonly CsiNodeDriver[]): readonly FieldError[] {
  return drivers.map(withoutAllocatable).flatMap((driver) => {
    const known = before.filter(({ name }) => name === driver.name).map(withoutAllocatable)
    const isKept = known.length === 0 || known.some((one) => isSame(one, driver))
    return isKept ? [] : [invalidValue('spec.drivers', driver, 'field is immutable')]
  })
}

const withoutAllocatable = ({ allocatable: _, ...driver }: CsiNodeDriver): CsiNodeDriver => driver
