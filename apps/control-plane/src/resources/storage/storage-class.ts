import { duplicate, required } from '@bramble/api/field-error'
import type { FieldError } from '@bramble/api/field-error'
import type { StorageClass } from '@bramble/api/types/storage'
import type { ResourceDefinition } from '../../api/resource.ts'
import { ageColumn, nameColumn } from '../columns.ts'
import { isSame } from '../differences.ts'
import { check, oneOf, qualifiedName } from '../rules.ts'
import { immutable } from '../workload.ts'
import { isDefaultStorageClass } from './default-class.ts'
import { provisionerName, unchangeable, validateParameters } from './parameters.ts'

export const storageClasses: ResourceDefinition<StorageClass> = {
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'StorageClass',
  plural: 'storageclasses',
  shortNames: ['sc'],
  scope: 'Cluster',
  durability: 'durable',
  schema: { type: 'ref', ref: 'io.k8s.api.storage.v1.StorageClass' },
  columns: [
    { ...nameColumn, value: (object) => `${object.metadata.name}${isDefaultStorageClass(object) ? ' (default)' : ''}` },
    { name: 'Provisioner', type: 'string', value: ({ provisioner }) => provisioner ?? '' },
    { name: 'ReclaimPolicy', type: 'string', value: ({ reclaimPolicy }) => reclaimPolicy ?? 'Delete' },
    { name: 'VolumeBindingMode', type: 'string', value: ({ volumeBindingMode }) => volumeBindingMode ?? 'Immediate' },
    { name: 'AllowVolumeExpansion', type: 'string', value: ({ allowVolumeExpansion }) => allowVolumeExpansion ?? false },
    ageColumn,
  ],
  applyDefaults: (draft) => {
    draft.reclaimPolicy ??= 'Delete'
    draft.volumeBindingMode ??= 'Immediate'
  },
  validate: (storageClass, previous) => (previous ? validateUpdate(storageClass, previous) : validateNew(storageClass)),
}

// Source: Kubernetes pkg/apis/storage/validation ValidateStorageClass, ValidateStorageClassUpdate.

const validateNew = (storageClass: StorageClass): readonly FieldError[] => [
  ...provisionerName('provisioner', storageClass.provisioner),
  ...validateParameters(storageClass.parameters, true),
  ...(storageClass.reclaimPolicy === '' ? [] : oneOf('reclaimPolicy', storageClass.reclaimPolicy, ['Delete', 'Retain'])),
  ...oneOf('volumeBindingMode', storageClass.volumeBindingMode, ['Immediate', 'WaitForFirstConsumer']),
  ...validateTopologies(storageClass.allowedTopologies ?? []),
]

const validateUpdate = (storageClass: StorageClass, previous: StorageClass): readonly FieldError[] => [
  ...unchangeable('parameters', storageClass.parameters, previous.parameters),
  ...unchangeable('provisioner', storageClass.provisioner, previous.provisioner),
  ...unchangeable('reclaimPolicy', storageClass.reclaimPolicy, previous.reclaimPolicy),
  ...immutable('volumeBindingMode', storageClass.volumeBindingMode, previous, previous.volumeBindingMode),
]

type Topologies = NonNullable<StorageClass['allowedTopologies']>

function validateTopologies(terms: Topologies): readonly FieldError[] {
  return terms.flatMap(({ matchLabelExpressions = [] }, index) => {
    const path = `allowedTopologies[${index}].matchLabelExpressions`
    const isRepeated = terms.slice(0, index).some((other) => isSame(other.matchLabelExpressions, matchLabelExpressions))
    return [
      ...matchLabelExpressions.flatMap(({ key = '', values = [] }, at) => [
        ...(values.length === 0 ? [required(`${path}[${at}].values`)] : []),
        ...values.flatMap((value, valueAt) =>
          values.indexOf(value) < valueAt ? [duplicate(`${path}[${at}].values[${valueAt}]`, value)] : [],
        ),
        ...check(`${path}[${at}].key`, key, qualifiedName),
        ...(matchLabelExpressions.findIndex((other) => (other.key ?? '') === key) < at ? [duplicate(`${path}[${at}].key`, key)] : []),
      ]),
      ...(isRepeated ? [duplicate(path, '')] : []),
    ]
  })
}
