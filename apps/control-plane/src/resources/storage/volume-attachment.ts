import { forbiddenField, invalidValue, required, tooLong } from '@bramble/api/field-error'
import type { FieldError } from '@bramble/api/field-error'
import type { VolumeAttachment, VolumeError } from '@bramble/api/types/storage'
import type { ResourceDefinition } from '../../api/resource.ts'
import { ageColumn, nameColumn } from '../columns.ts'
import { driverName } from '../name-rules.ts'
import { check, dnsSubdomain, notNegativeInt32 } from '../rules.ts'
import { immutable } from '../workload.ts'

export const volumeAttachments: ResourceDefinition<VolumeAttachment> = {
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'VolumeAttachment',
  plural: 'volumeattachments',
  scope: 'Cluster',
  durability: 'durable',
  schema: { type: 'ref', ref: 'io.k8s.api.storage.v1.VolumeAttachment' },
  columns: [
    nameColumn,
    { name: 'Attacher', type: 'string', format: 'name', value: ({ spec }) => spec.attacher ?? '' },
    { name: 'PV', type: 'string', value: ({ spec }) => spec.source?.persistentVolumeName ?? '' },
    { name: 'Node', type: 'string', value: ({ spec }) => spec.nodeName ?? '' },
    { name: 'Attached', type: 'boolean', value: ({ status }) => status?.attached ?? false },
    ageColumn,
  ],
  subresources: { status: true },
  fields: ({ spec }) => ({ 'spec.attacher': spec.attacher ?? '', 'spec.nodeName': spec.nodeName ?? '' }),
  validate: (attachment, previous) => [
    ...validateSpec(attachment.spec),
    ...validateStatus(attachment.status ?? {}),
    ...immutable('spec', attachment.spec, previous, previous?.spec),
    ...(previous ? [] : validateNames(attachment.spec)),
  ],
  warnings: (_attachment, previous) =>
    previous
      ? []
      : ['Bramble attaches no volumes itself: a VolumeAttachment takes effect when a CSI driver that attaches runs in the cluster'],
}

// Source: Kubernetes pkg/apis/storage/validation ValidateVolumeAttachment, ValidateVolumeAttachmentV1.

const ONE_SOURCE = 'must specify exactly one of inlineVolumeSpec and persistentVolumeName'

function validateSpec({ attacher, source = {}, nodeName = '' }: VolumeAttachment['spec']): readonly FieldError[] {
  const { persistentVolumeName: volume, inlineVolumeSpec: inline } = source
  return [
    ...(attacher ? [] : [required('spec.attacher')]),
    ...(volume === undefined && inline === undefined ? [required('spec.source', ONE_SOURCE)] : []),
    ...(volume !== undefined && inline !== undefined ? [forbiddenField('spec.source', ONE_SOURCE)] : []),
    ...(volume === '' && inline === undefined
      ? [required('spec.source.persistentVolumeName', 'must specify non empty persistentVolumeName')]
      : []),
    ...check('spec.nodeName', nodeName, dnsSubdomain),
  ]
}

/** Names are looked at when they are new. */
const validateNames = ({ attacher, source: { persistentVolumeName: volume } = {} }: VolumeAttachment['spec']): readonly FieldError[] => [
  ...driverName('spec.attacher', attacher),
  ...(volume === undefined ? [] : check('spec.source.persistentVolumeName', volume, dnsSubdomain)),
]

const METADATA_BYTES_MAX = 256 * 1024
const MESSAGE_BYTES_MAX = 1024

function validateStatus({ attachmentMetadata = {}, attachError, detachError }: NonNullable<VolumeAttachment['status']>) {
  const sizeBytes = Object.entries(attachmentMetadata).reduce((sum, pair) => sum + Buffer.byteLength(pair.join('')), 0)
  return [
    ...(sizeBytes > METADATA_BYTES_MAX ? [tooLong('status.attachmentMetadata', METADATA_BYTES_MAX)] : []),
    ...validateError(attachError, 'status.attachError'),
    ...validateError(detachError, 'status.detachError'),
  ]
}

const validateError = ({ message = '', errorCode = 0 }: VolumeError = {}, path: string): readonly FieldError[] => [
  ...(Buffer.byteLength(message) > MESSAGE_BYTES_MAX ? [tooLong(`${path}.message`, METADATA_BYTES_MAX)] : []),
  ...notNegativeInt32(errorCode).map((fault) => invalidValue(`${path}.errorCode`, errorCode, fault)),
]
