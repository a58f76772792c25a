import { invalidValue } from '@bramble/api/field-error'
import type { JsonObject, JsonValue, KubeObject, ObjectKey } from '@bramble/api/object'
import { apiVersionOf, splitKey } from '@bramble/api/object'
import { badRequest, conflict, invalid, notFound } from '@bramble/api/status-error'
import { storeKey } from '../store/keys.ts'
import { copyOfObject } from './clean-copy.ts'
import { createOnce, placeIn } from './create.ts'
import { readObject } from './decode.ts'
import { type Machine, RACES_MAX } from './machine.ts'
import { withLastApplied } from './managed-fields/last-applied.ts'
import { formatErrors, typedErrors } from './managed-fields/typed-errors.ts'
import { type Author, applied } from './managed-fields/track.ts'
import { zeroObject } from './managed-fields/zero-object.ts'
import type { ApplyResult, WriteContext } from './requests.ts'
import type { ResourceDefinition } from './resource.ts'
import { checkBounds } from './patch/bounds.ts'
import { isObject, TypeMismatch } from './schema/check.ts'
import { sourceOf } from './schema/source-text.ts'
import { topLevel } from './top-level.ts'
import { takenFilter } from './taken-filter.ts'
import { asServed, authorOf } from './tracking.ts'
import { type Change, changeOnce, checkNames, partOf } from './update.ts'
import { storageOf, toStored } from './versions.ts'

/** See `Resources.apply`. Whether it makes or changes an object is decided anew at each try. */
export async function applyObject(
  machine: Machine,
  resource: ResourceDefinition,
  key: ObjectKey,
  body: JsonValue,
  context: WriteContext,
  subresource?: string,
): Promise<ApplyResult> {
  const part = partOf(resource, subresource)
  const config = checkedConfig(resource, body)
  if (isObject(body)) warnOfDuplicates(body, context)
  for (let attempt = 0; attempt < RACES_MAX; attempt++) {
    const isNew = machine.store.get(storeKey(storageOf(resource), key)) === undefined
    if (isNew && subresource !== undefined) throw notFound(resource, splitKey(key).name)
    const object = isNew
      ? await createApplied(machine, resource, key, config, context)
      : await changeOnce(machine, resource, key, context, applying(machine, resource, key, config, context, part), attempt)
    if (object) return { object, isNew }
  }
  throw conflict(resource, splitKey(key).name)
}

/** @returns Undefined when somebody else has made it meanwhile. */
async function createApplied(
  machine: Machine,
  resource: ResourceDefinition,
  key: ObjectKey,
  config: JsonObject,
  context: WriteContext,
): Promise<KubeObject | undefined> {
  context.demandCreate?.()
  const zero = zeroObject(resource)
  const author = authorOf(machine, resource, context)
  const { entries } = applied(author, { live: zero, entries: undefined, zero, config, force: context.force ?? false })
  const object = readMerged(resource, author.manager === 'kubectl' ? withLastApplied(config, config) : config, config)
  const { uid } = object.metadata
  if (uid)
    throw conflict(resource, splitKey(key).name, `uid mismatch: the provided object specified uid ${uid}, and no existing object was found`)
  const draft = toStored(resource, object)
  placeIn(resource, draft, splitKey(key).namespace)
  checkNames(resource, draft, key)
  return createOnce(machine, resource, draft, context, { entries })
}

function applying(
  machine: Machine,
  resource: ResourceDefinition,
  key: ObjectKey,
  config: JsonObject,
  context: WriteContext,
  part: ReturnType<typeof partOf>,
): Change {
  return {
    ...part,
    managed: 'proposed',
    propose: (previous) => {
      const { object, entries } = appliedTo(machine, resource, previous, config, context, part)
      checkUid(resource, object, previous)
      checkNames(resource, object, key)
      const proposed = toStored(resource, object)
      if (entries) proposed.metadata.managedFields = [...entries]
      else delete proposed.metadata.managedFields
      return proposed
    },
  }
}

function appliedTo(
  machine: Machine,
  resource: ResourceDefinition,
  previous: KubeObject,
  config: JsonObject,
  context: WriteContext,
  { subresource, takes }: ReturnType<typeof partOf>,
): { readonly object: KubeObject; readonly entries: readonly unknown[] | undefined } {
  const live = withoutManaged(asServed(resource, previous))
  const read = (merged: JsonObject): KubeObject => readMerged(resource, merged, config)
  const filter = typeof takes === 'function' ? takenFilter(resource, live, config, previous, takes, read) : undefined
  const author = authorOf(machine, resource, context, subresource, filter)
  return applyTo(author, resource, live, previous.metadata.managedFields, config, context)
}

/** A configuration laid over a live object, both in the version of the request; decoded. */
export function applyTo(
  author: Author,
  resource: ResourceDefinition,
  live: JsonObject,
  managedFields: readonly unknown[] | undefined,
  config: JsonObject,
  { force = false }: WriteContext,
): { readonly object: KubeObject; readonly entries: readonly unknown[] | undefined } {
  const zero = zeroObject(resource)
  const { object, entries } = applied(author, { live, entries: managedFields, zero, config, force })
  return { object: object === live ? copyOfObject(live as unknown as KubeObject) : readMerged(resource, object, config), entries }
}

/**
 * The body of an apply: a configuration of the kind that the URL names.
 *
 * @throws StatusError 400; Kubernetes answers 500 to fields that the kind has not, though it is the client's mistake: the words are the same.
 * @see Source: apimachinery pkg/util/managedfields/internal versioncheck.go, structuredmerge.go.
 */
export function checkedConfig(resource: Pick<ResourceDefinition, 'group' | 'version' | 'kind' | 'schema'>, body: JsonValue): JsonObject {
  if (!isObject(body)) throw badRequest('error decoding YAML: error unmarshaling JSON: the configuration must be an object')
  checkBounds(body)
  const kind = kindText(body)
  if (body['apiVersion'] !== apiVersionOf(resource.group, resource.version) || body['kind'] !== resource.kind)
    throw badRequest(`invalid object type: ${kind}`)
  const metadata = isObject(body['metadata']) ? body['metadata'] : {}
  if (Array.isArray(metadata['managedFields'])) throw badRequest('metadata.managedFields must be nil')
  const errors = typedErrors(topLevel(resource.schema), body)
  if (errors.length > 0) throw badRequest(`failed to create typed patch object (${nameText(metadata)}; ${kind}): ${formatErrors(errors)}`)
  return body
}

/** `apps/v1, Kind=Deployment`. */
function kindText({ apiVersion, kind }: JsonObject): string {
  const [version = '', group = ''] = typeof apiVersion === 'string' ? apiVersion.split('/').reverse() : []
  return `${group}/${version}, Kind=${typeof kind === 'string' ? kind : ''}`
}

const nameText = ({ namespace, name }: JsonObject): string => `${textOr(namespace)}/${textOr(name)}`
const textOr = (value: JsonValue | undefined): string => (typeof value === 'string' ? value : '')

/** @throws StatusError 400 when a value is not what the kind has there: a number that is no integer, a time that is none. */
function readMerged(resource: ResourceDefinition, merged: JsonObject, config: JsonObject): KubeObject {
  try {
    return readObject(resource, merged, []).value
  } catch (error) {
    if (!(error instanceof TypeMismatch)) throw error
    const metadata = isObject(config['metadata']) ? config['metadata'] : {}
    throw badRequest(`failed to convert new typed object (${nameText(metadata)}; ${kindText(config)}) to object: ${error.message}`)
  }
}

/** Source: apimachinery pkg/api/validation ValidateObjectMetaUpdate. */
export function checkUid({ group, kind }: ResourceDefinition, { metadata }: KubeObject, previous: KubeObject): void {
  const { uid, name } = previous.metadata
  if (metadata.uid && metadata.uid !== uid)
    throw invalid(group, kind, name, [invalidValue('metadata.uid', metadata.uid, 'field is immutable')])
}

/** Repeated keys, each with its line. Source: apiserver pkg/endpoints/handlers/patch.go applyPatcher, rest.go parseYAMLWarnings. */
function warnOfDuplicates(body: JsonObject, { fieldValidation, warn }: WriteContext): void {
  const problems = fieldValidation === 'Ignore' ? [] : (sourceOf(body)?.problems ?? [])
  for (const problem of problems) {
    if (fieldValidation === 'Strict') throw badRequest(`error strict decoding YAML: error converting YAML to JSON: ${problem}`)
    for (const line of problem.split('\n').slice(1)) warn(line.trim())
  }
}

export function withoutManaged(object: JsonObject): JsonObject {
  const metadata = object['metadata'] as JsonObject
  if (metadata['managedFields'] === undefined) return object
  const { managedFields: _managedFields, ...rest } = metadata
  return { ...object, metadata: rest }
}
