import { isDeepStrictEqual } from 'node:util'
import { timestamp } from '@bramble/api/duration'
import type { KubeObject, ObjectMeta } from '@bramble/api/object'
import { conflict } from '@bramble/api/status-error'
import type { AnyObject } from './machine.ts'
import type { ResourceDefinition } from './resource.ts'

// What the server, not the client, decides in an object's metadata.

/** Fills what a new object gets from the server; drops what only the server may set. Changes the draft in place. */
export function stampNew(resource: ResourceDefinition, draft: KubeObject, { uid, nowMs }: { uid: string; nowMs: number }): void {
  dropServerOnly(draft.metadata)
  draft.metadata.uid = uid
  draft.metadata.creationTimestamp = timestamp(nowMs)
  if (countsGenerations(resource)) draft.metadata.generation = 1
  labelNamespace(resource, draft)
}

/** Gives a changed draft the fields that only the server changes, as they were. In place. */
export function keepServerFields(resource: ResourceDefinition, draft: KubeObject, { metadata }: KubeObject): void {
  dropServerOnly(draft.metadata)
  const kept = {
    name: metadata.name,
    namespace: metadata.namespace,
    generateName: metadata.generateName,
    uid: metadata.uid,
    resourceVersion: metadata.resourceVersion,
    generation: metadata.generation,
    creationTimestamp: metadata.creationTimestamp,
    deletionTimestamp: metadata.deletionTimestamp,
    deletionGracePeriodSeconds: metadata.deletionGracePeriodSeconds,
  }
  Object.assign(draft.metadata, Object.fromEntries(Object.entries(kept).filter(([, value]) => value !== undefined)))
  labelNamespace(resource, draft)
}

/**
 * Refuses a write that was made for another state of the object, or for another object.
 * @throws StatusError 409
 */
export function checkPreconditions(
  resource: ResourceDefinition,
  { uid, resourceVersion }: Partial<ObjectMeta>,
  { metadata }: KubeObject,
): void {
  if (uid && uid !== metadata.uid)
    throw conflict(resource, metadata.name, `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${metadata.uid}`)
  if (resourceVersion && resourceVersion !== '0' && resourceVersion !== metadata.resourceVersion) throw conflict(resource, metadata.name)
}

/** The generation of `draft`: one more when anything but metadata and status differs. */
export function nextGeneration(resource: ResourceDefinition, draft: KubeObject, previous: KubeObject): number | undefined {
  const { generation } = previous.metadata
  if (!countsGenerations(resource)) return generation
  const compared = resource.custom?.countsStatus ? withoutMetadata : contentOf
  return isDeepStrictEqual(compared(draft), compared(previous)) ? generation : (generation ?? 0) + 1
}

/** Core kinds older than the idea have no generation; nor have kinds that nobody observes. Source: the registries' strategies. */
function countsGenerations({ group, kind, subresources, custom }: ResourceDefinition): boolean {
  if (custom) return true
  if (group === '') return kind === 'Pod' || kind === 'ReplicationController'
  const name = `${group}/${kind}`
  return (subresources?.status === true && !UNCOUNTED.has(name)) || WITHOUT_STATUS.has(name)
}

/** They have a status, and a spec that nobody waits for. */
const UNCOUNTED: ReadonlySet<string> = new Set([
  'apiregistration.k8s.io/APIService',
  'certificates.k8s.io/CertificateSigningRequest',
  'resource.k8s.io/ResourceClaim',
  'storage.k8s.io/VolumeAttachment',
])

const WITHOUT_STATUS: ReadonlySet<string> = new Set([
  'discovery.k8s.io/EndpointSlice',
  'networking.k8s.io/NetworkPolicy',
  'networking.k8s.io/IngressClass',
  'scheduling.k8s.io/PriorityClass',
  'admissionregistration.k8s.io/MutatingWebhookConfiguration',
  'admissionregistration.k8s.io/ValidatingWebhookConfiguration',
  'admissionregistration.k8s.io/ValidatingAdmissionPolicyBinding',
  'admissionregistration.k8s.io/MutatingAdmissionPolicy',
  'admissionregistration.k8s.io/MutatingAdmissionPolicyBinding',
  'resource.k8s.io/DeviceClass',
  'resource.k8s.io/ResourceSlice',
])

function withoutMetadata(object: KubeObject): object {
  const { metadata: _metadata, ...content } = object
  return content
}

function contentOf(object: KubeObject): object {
  const { status: _status, ...content } = withoutMetadata(object) as AnyObject
  return content
}

/** A deleted object that nothing holds back any more. */
export function isReleased(resource: ResourceDefinition, object: KubeObject): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds } = object.metadata
  return deletionTimestamp !== undefined && !(deletionGracePeriodSeconds && deletionGracePeriodSeconds > 0) && !isHeld(resource, object)
}

/** Whether finalizers keep the object; a namespace has some of its own in its spec. */
export function isHeld(resource: ResourceDefinition, object: KubeObject): boolean {
  if ((object.metadata.finalizers ?? []).length > 0) return true
  const specFinalizers = isNamespace(resource) ? (object as AnyObject).spec?.['finalizers'] : undefined
  return Array.isArray(specFinalizers) && specFinalizers.length > 0
}

export const isNamespace = ({ group, kind }: ResourceDefinition): boolean => group === '' && kind === 'Namespace'

function labelNamespace(resource: ResourceDefinition, { metadata }: KubeObject): void {
  if (isNamespace(resource) && metadata.name) metadata.labels = { ...metadata.labels, 'kubernetes.io/metadata.name': metadata.name }
}

function dropServerOnly(metadata: ObjectMeta & { selfLink?: string }): void {
  for (const field of [
    'uid',
    'resourceVersion',
    'generation',
    'creationTimestamp',
    'deletionTimestamp',
    'deletionGracePeriodSeconds',
    'selfLink',
    'managedFields',
  ] as const)
    delete (metadata as Partial<typeof metadata>)[field]
}
