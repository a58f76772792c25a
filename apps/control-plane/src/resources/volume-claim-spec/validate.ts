import { forbiddenField, invalidValue, notSupported, required } from '@bramble/api/field-error'
import type { FieldError } from '@bramble/api/field-error'
import { quantityValue } from '@bramble/api/quantity'
import type { Quantity } from '@bramble/api/types/pod'
import type { ClaimSpec, DataSource, PersistentVolumeClaim } from '@bramble/api/types/volume'
import { differences, isSame } from '../differences.ts'
import { check, dnsLabel, dnsSubdomain } from '../rules.ts'
import { validateSelector } from '../selector.ts'
import { immutable } from '../workload.ts'
import { validateAccessModes, validatePositive, VOLUME_MODES } from './volume-rules.ts'

/** Source: Kubernetes pkg/apis/core/validation ValidatePersistentVolumeClaimSpec. */
export function validateClaim(spec: ClaimSpec): readonly FieldError[] {
  const { accessModes = [], storageClassName, volumeMode, volumeAttributesClassName } = spec
  return [
    ...(accessModes.length === 0 ? [required('spec.accessModes', 'at least 1 access mode is required')] : []),
    ...validateSelector(spec.selector, 'spec.selector'),
    ...validateAccessModes(accessModes, 'spec.accessModes'),
    ...validateStorage(spec.resources?.requests?.['storage'], 'spec.resources[storage]'),
    ...(storageClassName ? check('spec.storageClassName', storageClassName, dnsSubdomain) : []),
    ...(volumeMode && !VOLUME_MODES.includes(volumeMode) ? [notSupported('spec.volumeMode', volumeMode, VOLUME_MODES)] : []),
    ...validateSources(spec),
    ...(volumeAttributesClassName ? check('spec.volumeAttributesClassName', volumeAttributesClassName, dnsSubdomain) : []),
  ]
}

const validateStorage = (storage: Quantity | undefined, path: string): readonly FieldError[] =>
  storage === undefined ? [required(path)] : validatePositive(storage, path)

function validateSources({ dataSource, dataSourceRef }: ClaimSpec): readonly FieldError[] {
  const errors: FieldError[] = [
    ...(dataSource ? validateSource(dataSource, 'spec.dataSource') : []),
    ...(dataSourceRef ? validateSource(dataSourceRef, 'spec.dataSourceRef') : []),
    ...(dataSourceRef?.namespace ? check('spec.dataSourceRef.namespace', dataSourceRef.namespace, dnsLabel) : []),
  ]
  if (dataSource && dataSourceRef?.namespace)
    errors.push(invalidValue('spec', 'spec.dataSource', 'may not be specified when dataSourceRef.namespace is specified'))
  else if (dataSource && dataSourceRef && !isSame(dataSource, { ...dataSourceRef, namespace: undefined }))
    errors.push(invalidValue('spec', 'spec.dataSource', 'must match dataSourceRef'))
  return errors
}

const validateSource = ({ apiGroup, kind, name }: DataSource, path: string): readonly FieldError[] => [
  ...(name ? [] : [required(`${path}.name`)]),
  ...(kind ? [] : [required(`${path}.kind`)]),
  ...(apiGroup || kind === 'PersistentVolumeClaim'
    ? []
    : [invalidValue(path, kind ?? '', "must be 'PersistentVolumeClaim' when referencing the default apiGroup")]),
  ...(apiGroup ? check(`${path}.apiGroup`, apiGroup, dnsSubdomain) : []),
]

const OLD_CLASS = 'volume.beta.kubernetes.io/storage-class'
const FIXED = 'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims'

/**
 * A claim stays what it is: a volume is put in once, a class is named once, and a bound claim may ask for more.
 * @see Source: Kubernetes pkg/apis/core/validation ValidatePersistentVolumeClaimUpdate.
 */
export function validateClaimUpdate(claim: PersistentVolumeClaim, before: PersistentVolumeClaim): readonly FieldError[] {
  const errors: FieldError[] = []
  const oldClass = before.metadata.annotations?.[OLD_CLASS]
  if (oldClass !== claim.metadata.annotations?.[OLD_CLASS])
    errors.push(...immutable(`metadata.annotations[${OLD_CLASS}]`, claim.metadata.annotations?.[OLD_CLASS] ?? '', before, oldClass ?? ''))
  const changed = differences(before.spec, comparable(claim, before), 'spec')
  if (changed.length > 0) errors.push(forbiddenField('spec', `${FIXED}\nchanged: ${changed.join(', ')}`))
  errors.push(...validateSize(claim, before), ...immutable('volumeMode', claim.spec.volumeMode, before, before.spec.volumeMode))
  const path = 'spec.volumeAttributesClassName'
  if (before.spec.volumeAttributesClassName !== undefined) {
    if (claim.spec.volumeAttributesClassName === undefined)
      errors.push(forbiddenField(path, 'update from non-nil value to nil is forbidden'))
    else if (claim.spec.volumeAttributesClassName === '' && before.spec.volumeAttributesClassName !== '')
      errors.push(forbiddenField(path, 'update from non-nil value to an empty string is forbidden'))
  }
  return errors
}

/** The new spec with what may change as it was. */
function comparable({ spec, status }: PersistentVolumeClaim, { metadata, spec: before }: PersistentVolumeClaim): ClaimSpec {
  const oldClass = metadata.annotations?.[OLD_CLASS]
  const mayNameClass = before.storageClassName === undefined && (oldClass === undefined || oldClass === spec.storageClassName)
  const isBound = status?.phase === 'Bound'
  return {
    ...spec,
    ...(!before.volumeName && { volumeName: before.volumeName }),
    ...(mayNameClass && { storageClassName: before.storageClassName }),
    ...(isBound && { resources: withStorage(spec.resources, before.resources?.requests?.['storage']) }),
    ...(isBound && spec.volumeAttributesClassName !== undefined && { volumeAttributesClassName: before.volumeAttributesClassName }),
  }
}

const withStorage = (resources: ClaimSpec['resources'], storage: Quantity | undefined): ClaimSpec['resources'] => ({
  ...resources,
  requests: { ...resources?.requests, ...(storage !== undefined && { storage }) },
})

/** What was asked for may shrink again while it was not given: down to above what there is. */
function validateSize({ spec }: PersistentVolumeClaim, before: PersistentVolumeClaim): readonly FieldError[] {
  const amount = (quantity: Quantity | undefined): number => quantityValue(quantity ?? 0) ?? 0
  const asked = amount(spec.resources?.requests?.['storage'])
  const isShrunk = asked < amount(before.spec.resources?.requests?.['storage'])
  return isShrunk && asked <= amount(before.status?.capacity?.['storage'])
    ? [forbiddenField('spec.resources.requests.storage', 'field can not be less than status.capacity')]
    : []
}
