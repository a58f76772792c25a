import { forbiddenField, invalidValue, notSupported, required } from '@bramble/api/field-error'
import type { FieldError } from '@bramble/api/field-error'
import type { Timestamp } from '@bramble/api/object'
import { quantityText } from '@bramble/api/quantity-text'
import type { PersistentVolume } from '@bramble/api/types/volume'
import type { ResourceDefinition } from '../api/resource.ts'
import { ageColumn, nameColumn } from './columns.ts'
import { isSame } from './differences.ts'
import { validateTerms } from './pod-spec/validate-scheduling.ts'
import { check, dnsSubdomain, withoutBacksteps } from './rules.ts'
import {
  accessModesText,
  classOf,
  oldClassWarnings,
  phaseText,
  validateAccessModes,
  validatePositive,
  VOLUME_MODES,
} from './volume-claim-spec/volume-rules.ts'
import { immutable } from './workload.ts'

type Spec = PersistentVolume['spec']

export const persistentVolumes: ResourceDefinition<PersistentVolume> = {
  group: '',
  version: 'v1',
  kind: 'PersistentVolume',
  plural: 'persistentvolumes',
  shortNames: ['pv'],
  scope: 'Cluster',
  durability: 'durable',
  schema: { type: 'ref', ref: 'io.k8s.api.core.v1.PersistentVolume' },
  columns: [
    nameColumn,
    { name: 'Capacity', type: 'string', value: ({ spec }) => quantityText(spec.capacity?.['storage']) },
    { name: 'Access Modes', type: 'string', value: ({ spec }) => accessModesText(spec.accessModes) },
    { name: 'Reclaim Policy', type: 'string', value: ({ spec }) => spec.persistentVolumeReclaimPolicy ?? '' },
    { name: 'Status', type: 'string', value: phaseText },
    {
      name: 'Claim',
      type: 'string',
      value: ({ spec: { claimRef } }) => (claimRef ? `${claimRef.namespace ?? ''}/${claimRef.name ?? ''}` : ''),
    },
    { name: 'StorageClass', type: 'string', value: classOf },
    { name: 'VolumeAttributesClass', type: 'string', value: ({ spec }) => spec.volumeAttributesClassName ?? '<unset>' },
    { name: 'Reason', type: 'string', value: ({ status }) => status?.reason ?? '' },
    ageColumn,
    { name: 'VolumeMode', type: 'string', priority: 1, value: ({ spec }) => spec.volumeMode ?? '<unset>' },
  ],
  subresources: { status: true },
  applyDefaults: (draft) => {
    draft.status ??= {}
    draft.status.phase ||= 'Pending'
    draft.spec.persistentVolumeReclaimPolicy ||= 'Retain'
    draft.spec.volumeMode ||= 'Filesystem'
    if (draft.spec.hostPath) draft.spec.hostPath.type ??= ''
  },
  noteTimes: notePhaseChange,
  validate: ({ spec }, previous) => [...validateSpec(spec), ...(previous ? validateUpdate(spec, previous) : [])],
  warnings: (volume) => [
    ...oldClassWarnings(volume),
    ...(volume.spec.persistentVolumeReclaimPolicy === 'Recycle'
      ? [
          'spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.',
        ]
      : []),
  ],
}

/** Whoever changes the phase may say when; otherwise it is now. Source: Kubernetes pkg/registry/core/persistentvolume strategy.go. */
function notePhaseChange({ status = {} }: PersistentVolume, previous: PersistentVolume | undefined, now: Timestamp): void {
  const { phase, lastPhaseTransitionTime: before } = previous?.status ?? {}
  if (status.phase !== phase) {
    if (status.lastPhaseTransitionTime === undefined || status.lastPhaseTransitionTime === before) status.lastPhaseTransitionTime = now
  } else if (status.lastPhaseTransitionTime === undefined && before !== undefined) status.lastPhaseTransitionTime = before
}

const RECLAIM_POLICIES: readonly string[] = ['Delete', 'Recycle', 'Retain']

/** Source: Kubernetes pkg/apis/core/validation ValidatePersistentVolumeSpec. */
function validateSpec(spec: Spec): readonly FieldError[] {
  const { accessModes = [], capacity = {}, persistentVolumeReclaimPolicy: reclaim, storageClassName, volumeMode, hostPath } = spec
  const isRoot = hostPath?.path !== undefined && /^\/[/.]*$/.test(hostPath.path)
  return [
    ...(accessModes.length === 0 ? [required('spec.accessModes')] : []),
    ...validateAccessModes(accessModes, 'spec.accessModes'),
    ...(Object.keys(capacity).length === 0 ? [required('spec.capacity')] : []),
    ...(capacity['storage'] === undefined || Object.keys(capacity).length > 1
      ? [notSupported('spec.capacity', capacity, ['storage'])]
      : []),
    ...Object.entries(capacity).flatMap(([name, amount]) => validatePositive(amount, `spec.capacity[${name}]`)),
    ...(reclaim && !RECLAIM_POLICIES.includes(reclaim)
      ? [notSupported('spec.persistentVolumeReclaimPolicy', reclaim, RECLAIM_POLICIES)]
      : []),
    ...validateNodeAffinity(spec.nodeAffinity),
    ...validateSource(spec),
    ...(isRoot && reclaim === 'Recycle'
      ? [forbiddenField('spec.persistentVolumeReclaimPolicy', "may not be 'recycle' for a hostPath mount of '/'")]
      : []),
    ...(storageClassName ? check('spec.storageClassName', storageClassName, dnsSubdomain) : []),
    ...(volumeMode && !VOLUME_MODES.includes(volumeMode) ? [notSupported('spec.volumeMode', volumeMode, VOLUME_MODES)] : []),
    ...validateAttributesClass(spec),
  ]
}

function validateNodeAffinity(affinity: Spec['nodeAffinity']): readonly FieldError[] {
  if (affinity === undefined) return []
  const path = 'spec.nodeAffinity.required'
  if (affinity.required === undefined) return [required(path, 'must specify required node constraints')]
  return validateTerms(affinity.required.nodeSelectorTerms, `${path}.nodeSelectorTerms`)
}

function validateAttributesClass({ volumeAttributesClassName: name, csi }: Spec): readonly FieldError[] {
  if (name === undefined) return []
  const path = 'spec.volumeAttributesClassName'
  return [
    ...(name === '' ? [required(path, 'an empty string is disallowed')] : check(path, name, dnsSubdomain)),
    ...(csi === undefined ? [required('spec.csi', 'has to be specified when using volumeAttributesClassName')] : []),
  ]
}

const COMMON: ReadonlySet<string> = new Set([
  'accessModes',
  'capacity',
  'claimRef',
  'mountOptions',
  'nodeAffinity',
  'persistentVolumeReclaimPolicy',
  'storageClassName',
  'volumeAttributesClassName',
  'volumeMode',
])

/** The source of a volume: all of its spec that is not common to volumes of every type. */
const sourceOf = (spec: Spec): object =>
  Object.fromEntries(Object.entries(spec).filter(([field, value]) => !COMMON.has(field) && value !== undefined))

function validateSource(spec: Spec): readonly FieldError[] {
  const [first, ...more] = Object.keys(sourceOf(spec))
  if (first === undefined) return [required('spec', 'must specify a volume type')]
  return [...validateFirst(spec, first), ...more.map((type) => forbiddenField(`spec.${type}`, 'may not specify more than 1 volume type'))]
}

function validateFirst({ hostPath, local, nfs, csi, nodeAffinity }: Spec, type: string): readonly FieldError[] {
  const needed = (field: string, value: string | undefined): readonly FieldError[] => (value ? [] : [required(`spec.${type}.${field}`)])
  switch (type) {
    case 'hostPath':
      return [...needed('path', hostPath!.path), ...check('spec.hostPath.path', hostPath!.path ?? '', withoutBacksteps)]
    case 'local':
      return [
        ...needed('path', local!.path),
        ...check('spec.local.path', local!.path ?? '', withoutBacksteps),
        ...(nodeAffinity?.required ? [] : [required('spec.nodeAffinity', 'Local volume requires node affinity')]),
      ]
    case 'nfs':
      return [
        ...needed('server', nfs!.server),
        ...needed('path', nfs!.path),
        ...(nfs!.path?.startsWith('/') ? [] : [invalidValue('spec.nfs.path', nfs!.path ?? '', 'must be an absolute path')]),
      ]
    case 'csi':
      return [
        ...needed('driver', csi!.driver),
        ...(csi!.driver ? check('spec.csi.driver', csi!.driver.toLowerCase(), dnsSubdomain) : []),
        ...needed('volumeHandle', csi!.volumeHandle),
      ]
    default:
      return [] // the schema knows its shape; no cluster of ours can mount it
  }
}

/** Source: Kubernetes pkg/apis/core/validation ValidatePersistentVolumeUpdate. */
function validateUpdate(spec: Spec, previous: PersistentVolume): readonly FieldError[] {
  const before = previous.spec
  const expands = before.csi && !before.csi.controllerExpandSecretRef && spec.csi?.controllerExpandSecretRef
  const now = expands ? { ...spec, csi: { ...spec.csi, controllerExpandSecretRef: undefined } } : spec
  return [
    ...(isSame(sourceOf(now), sourceOf(before))
      ? []
      : [forbiddenField('spec.persistentvolumesource', 'spec.persistentvolumesource is immutable after creation')]),
    ...immutable('volumeMode', spec.volumeMode, previous, before.volumeMode),
    ...(before.nodeAffinity ? immutable('nodeAffinity', spec.nodeAffinity, previous, before.nodeAffinity) : []),
    ...(before.volumeAttributesClassName !== undefined && spec.volumeAttributesClassName === undefined
      ? [forbiddenField('spec.volumeAttributesClassName', 'update from non-nil value to nil is forbidden')]
      : []),
  ]
}
