import type { ObjectMeta } from '@bramble/api/object'
import { copyOfObject } from './clean-copy.ts'
import type { AnyObject } from './machine.ts'
import { only, without } from './managed-fields/reset-fields.ts'
import type { Filter } from './managed-fields/updater.ts'
import type { ResourceDefinition } from './resource.ts'

// What a write by way of /status can change: the status, and of most built-in kinds the metadata.

const METADATA = ['labels', 'annotations', 'finalizers', 'ownerReferences'] as const
type MetadataField = (typeof METADATA)[number]

/** Metadata that stays as it was. Source: the registries' status strategies, PrepareForUpdate and GetResetFields. */
const KEPT: Readonly<Record<string, readonly MetadataField[]>> = {
  '/Pod': ['ownerReferences'],
  'apps/Deployment': ['labels'],
  'admissionregistration.k8s.io/ValidatingAdmissionPolicy': METADATA,
  'apiextensions.k8s.io/CustomResourceDefinition': METADATA,
  'flowcontrol.apiserver.k8s.io/FlowSchema': METADATA,
  'flowcontrol.apiserver.k8s.io/PriorityLevelConfiguration': METADATA,
  'networking.k8s.io/ServiceCIDR': METADATA,
  'resource.k8s.io/ResourceClaim': METADATA,
  'storage.k8s.io/VolumeAttachment': METADATA,
}

const keptBy = ({ group, kind, custom }: ResourceDefinition): readonly MetadataField[] =>
  custom ? METADATA : (KEPT[`${group}/${kind}`] ?? [])

/** The stored object with what counts of a proposal. */
export function withStatusOf(resource: ResourceDefinition, proposed: AnyObject, previous: AnyObject): AnyObject {
  const draft = copyOfObject(previous)
  if (proposed.status !== undefined || previous.status !== undefined) draft.status = proposed.status ?? {}
  const kept = keptBy(resource)
  for (const field of METADATA) if (!kept.includes(field)) take(draft.metadata, proposed.metadata, field)
  return draft
}

function take<Field extends MetadataField>(to: ObjectMeta, from: ObjectMeta, field: Field): void {
  if (from[field] === undefined) delete to[field]
  else to[field] = from[field]
}

export const statusFilter = (resource: ResourceDefinition): Filter => {
  const counts = only('f:status', 'f:metadata')
  const drops = without(...keptBy(resource).map((field) => ['f:metadata', `f:${field}`]))
  return (set) => drops(counts(set))
}
