import { invalidValue } from '@bramble/api/field-error'
import { formatSelector, type LabelSelector } from '@bramble/api/labels'
import type { JsonObject, JsonValue, KubeObject, ObjectKey } from '@bramble/api/object'
import { apiVersionOf } from '@bramble/api/object'
import { invalid, unknownResource } from '@bramble/api/status-error'
import { applyTo, checkedConfig, checkUid, withoutManaged } from './apply.ts'
import { copyOfObject } from './clean-copy.ts'
import { decodeObject } from './decode.ts'
import { entryOf, type Machine } from './machine.ts'
import { has, setOf } from './managed-fields/field-set.ts'
import { decodeSet, encodeSet } from './managed-fields/fields-v1.ts'
import type { ManagedFieldsEntry } from './managed-fields/managers.ts'
import { fieldElement } from './managed-fields/path-element.ts'
import { applyPatchTo } from './patch/apply-patch.ts'
import type { PatchType, WriteContext } from './requests.ts'
import type { ResourceDefinition, ScalePaths } from './resource.ts'
import type { ObjectSchema } from './schema/object-schema.ts'
import { asServed, authorOf } from './tracking.ts'
import { changeObject, checkNames } from './update.ts'
import { toStored } from './versions.ts'

const SCALE_SCHEMA: ObjectSchema = { type: 'ref', ref: 'io.k8s.api.autoscaling.v1.Scale' }
const SCALE = { group: 'autoscaling', version: 'v1', kind: 'Scale', schema: SCALE_SCHEMA }

/** Source: autoscaling/v1 Scale. */
export interface Scale extends KubeObject {
  spec?: { replicas?: number }
  status?: { replicas: number; selector?: string }
}

/** See `Resources.getScale`. */
export async function getScale(machine: Machine, resource: ResourceDefinition, key: ObjectKey): Promise<Scale> {
  const paths = scalePaths(resource)
  await machine.store.barrier()
  return scaleOf(entryOf(machine, resource, key).value, paths)
}

/** See `Resources.updateScale`. */
export function updateScale(
  machine: Machine,
  resource: ResourceDefinition,
  key: ObjectKey,
  body: JsonValue,
  context: WriteContext,
): Promise<Scale> {
  const decoded = decodeObject(SCALE, body, context)
  checkNames(resource, decoded, key)
  return changeScale(machine, resource, key, context, () => decoded)
}

/** See `Resources.patchScale`. */
export const patchScale = (
  machine: Machine,
  resource: ResourceDefinition,
  key: ObjectKey,
  type: PatchType,
  body: JsonValue,
  context: WriteContext,
): Promise<Scale> => {
  if (type === 'apply') return applyScale(machine, resource, key, body, context)
  return changeScale(machine, resource, key, context, (before) => applyPatchTo(SCALE, before, type, body, context))
}

/** The replicas of a Scale, applied as a field of what it scales. */
async function applyScale(
  machine: Machine,
  resource: ResourceDefinition,
  key: ObjectKey,
  body: JsonValue,
  context: WriteContext,
): Promise<Scale> {
  const paths = scalePaths(resource)
  const config = checkedConfig(SCALE, body)
  const replicas = (config['spec'] as JsonObject | null | undefined)?.['replicas']
  const changed = await changeObject(machine, resource, key, context, {
    subresource: 'scale',
    managed: 'proposed',
    propose: (previous) => {
      const { metadata } = decodeObject(SCALE, config, { ...context, fieldValidation: 'Ignore' })
      checkUid(resource, { metadata: { ...metadata, uid: metadata.uid ?? previous.metadata.uid } }, previous)
      checkNames(resource, { metadata: { ...metadata, name: metadata.name ?? previous.metadata.name } }, key)
      const live = withoutManaged(asServed(resource, previous))
      const { apiVersion, kind } = live
      const parent: JsonObject = { apiVersion: apiVersion!, kind: kind! }
      if (replicas !== undefined && replicas !== null) setPath(parent, paths.specReplicas, replicas)
      const author = authorOf(machine, resource, context, 'scale')
      const { object, entries } = applyTo(author, resource, live, previous.metadata.managedFields, parent, context)
      checkReplicas(Number(getPath(object, paths.specReplicas) ?? 0), previous.metadata.name)
      const proposed = toStored(resource, object)
      if (metadata.resourceVersion) proposed.metadata.resourceVersion = metadata.resourceVersion
      if (entries) proposed.metadata.managedFields = [...entries]
      else delete proposed.metadata.managedFields
      return proposed
    },
  })
  return scaleOf(changed, paths)
}

async function changeScale(
  machine: Machine,
  resource: ResourceDefinition,
  key: ObjectKey,
  context: WriteContext,
  next: (before: Scale) => Scale,
): Promise<Scale> {
  const paths = scalePaths(resource)
  const changed = await changeObject(machine, resource, key, context, {
    subresource: 'scale',
    propose: (previous) => {
      const scale = next(scaleOf(previous, paths))
      const replicas = scale.spec?.replicas ?? 0
      checkReplicas(replicas, previous.metadata.name)
      const draft = copyOfObject(previous)
      draft.metadata.uid = scale.metadata.uid
      draft.metadata.resourceVersion = scale.metadata.resourceVersion
      setPath(draft, paths.specReplicas, replicas)
      return draft
    },
  })
  return scaleOf(changed, paths)
}

function checkReplicas(replicas: number, name: string): void {
  if (replicas < 0)
    throw invalid('autoscaling', 'Scale', name, [invalidValue('spec.replicas', replicas, 'must be greater than or equal to 0')])
}

function scaleOf(object: KubeObject, paths: ScalePaths): Scale {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata
  const managedFields = replicasOwners(object, paths)
  const selector = getPath(object, paths.labelSelector)
  const text = typeof selector === 'string' ? selector : selector === undefined ? undefined : formatSelector(asSelector(selector as object))
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: {
      name,
      ...(namespace !== undefined && { namespace }),
      uid,
      resourceVersion,
      creationTimestamp,
      ...(managedFields.length > 0 && { managedFields }),
    },
    spec: { replicas: Number(getPath(object, paths.specReplicas) ?? 0) },
    status: { replicas: Number(getPath(object, paths.statusReplicas) ?? 0), ...(text !== undefined && { selector: text }) },
  }
}

/** ReplicationControllers select by plain labels. */
const asSelector = (selector: object): LabelSelector =>
  Object.values(selector).some((value) => typeof value === 'string') ? { matchLabels: selector as Record<string, string> } : selector

/** Those who own the replicas, as managers of the Scale. Source: apimachinery pkg/util/managedfields/scalehandler.go. */
function replicasOwners({ metadata }: KubeObject, paths: ScalePaths): ManagedFieldsEntry[] {
  const path = steps(paths.specReplicas).map(fieldElement)
  return ((metadata.managedFields ?? []) as ManagedFieldsEntry[])
    .filter(({ fieldsV1 }) => has(decodeSet(fieldsV1), path))
    .map((entry) => ({ ...entry, apiVersion: apiVersionOf(SCALE.group, SCALE.version), fieldsV1: REPLICAS }))
}

const REPLICAS = encodeSet(setOf(['f:spec', 'f:replicas']))

/** @throws StatusError 404 when the kind cannot be scaled. */
function scalePaths({ subresources }: ResourceDefinition): ScalePaths {
  if (!subresources?.scale) throw unknownResource()
  return subresources.scale
}

/** `.spec.replicas`, with or without the leading dot. */
const steps = (path: string): readonly string[] => path.replace(/^\./, '').split('.')

function getPath(object: unknown, path: string): unknown {
  return steps(path).reduce<unknown>(
    (found, step) => (typeof found === 'object' && found !== null ? (found as Record<string, unknown>)[step] : undefined),
    object,
  )
}

function setPath(object: object, path: string, value: unknown): void {
  const names = [...steps(path)]
  const last = names.pop()!
  let place = object as Record<string, unknown>
  for (const name of names) {
    place[name] ??= {}
    place = place[name] as Record<string, unknown>
  }
  place[last] = value
}
