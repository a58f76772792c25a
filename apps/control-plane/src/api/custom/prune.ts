import type { JsonObject, JsonValue } from '@bramble/api/object'
import { badRequest } from '@bramble/api/status-error'
import type { JsonSchema } from '@bramble/api/types/custom-resource-definition'
import { type Checked, checkedKey, checkObject, DEPTH_MAX, isObject } from '../schema/check.ts'
import type { ObjectSchema } from '../schema/object-schema.ts'

const UNKNOWN_MAX = 100
const METADATA: ObjectSchema = { type: 'ref', ref: 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta' }
/** What every object has, whatever its schema says. */
export const ROOT_FIELDS: ReadonlySet<string> = new Set(['apiVersion', 'kind', 'metadata'])

interface Place {
  readonly value: JsonValue
  /** Undefined: nothing is specified, so no field is known. */
  readonly schema: JsonSchema | undefined
  readonly path: string
  readonly depth: number
  /** Unknown fields stay although the schema at hand does not say so. */
  readonly keeps: boolean
  readonly unknown: string[]
}

/**
 * A decoded body without the fields that the schema does not specify; a copy. Types are left to validation, but for the
 * object's metadata, which is the same for every kind.
 *
 * @throws TypeMismatch for metadata of the wrong type; StatusError 400 when it is nested too deep or has a `__proto__` key.
 * @see Source: apiextensions-apiserver pkg/apiserver/schema/pruning/algorithm.go.
 */
export function readCustomObject(schema: JsonSchema, body: JsonObject): Checked {
  const unknown: string[] = []
  const { metadata, ...rest } = body
  const value = prune({
    value: rest,
    schema: { ...schema, 'x-kubernetes-embedded-resource': true },
    path: '',
    depth: 0,
    keeps: false,
    unknown,
  })
  const checked = checkObject({ type: 'object', properties: { metadata: METADATA } }, metadata === undefined ? {} : { metadata })
  return {
    value: { ...(value as Record<string, JsonValue>), ...withoutEmpty(checked.value) },
    unknown: [...checked.unknown, ...unknown],
  }
}

/** Metadata passes through Go's types, in which lists and maps without content are as good as absent. */
function withoutEmpty({ metadata }: Checked['value']): Record<string, JsonValue> {
  if (!isObject(metadata)) return {}
  const isEmpty = (value: JsonValue | undefined): boolean => typeof value === 'object' && value !== null && Object.keys(value).length === 0
  return { metadata: Object.fromEntries(Object.entries(metadata).filter(([, value]) => !isEmpty(value))) as JsonObject }
}

/** A part of an object without what `schema` does not specify; a copy. `unknown` gets the paths of what was dropped. */
export const pruned = (schema: JsonSchema, value: JsonValue, unknown: string[] = []): JsonValue =>
  prune({ value, schema, path: '', depth: 0, keeps: false, unknown })

function prune(place: Place): JsonValue {
  const { value, depth } = place
  if (depth > DEPTH_MAX) throw badRequest(`the object is nested more than ${DEPTH_MAX} levels deep`)
  const keeps = place.keeps || place.schema?.['x-kubernetes-preserve-unknown-fields'] === true
  if (Array.isArray(value)) return (value as readonly JsonValue[]).map((item, index) => pruneItem({ ...place, keeps }, item, index))
  return isObject(value) ? pruneObject({ ...place, keeps }, value) : value
}

const pruneItem = (place: Place, item: JsonValue, index: number): JsonValue =>
  prune({
    ...place,
    value: item,
    schema: place.schema?.items,
    path: `${place.path}[${index}]`,
    depth: place.depth + 1,
    keeps: place.keeps && place.schema?.items === undefined,
  })

function pruneObject(place: Place, value: JsonObject): JsonValue {
  const { schema, path, depth, keeps, unknown } = place
  const isResource = schema?.['x-kubernetes-embedded-resource'] === true
  const result: Record<string, JsonValue> = {}
  for (const [name, inner] of Object.entries(value)) {
    if (inner === undefined) continue
    const innerPath = path === '' ? name : `${path}.${name}`
    const specified = schemaOf(schema, name)
    if (isResource && ROOT_FIELDS.has(name))
      result[name] = prune({ ...place, value: inner, schema: undefined, depth: depth + 1, keeps: true })
    else if (specified !== undefined || keeps) {
      const next = { value: inner, path: innerPath, depth: depth + 1, unknown }
      result[checkedKey(name)] = prune({ ...next, ...rulesOf(specified, keeps) })
    } else if (unknown.length < UNKNOWN_MAX) unknown.push(innerPath)
  }
  return result
}

const rulesOf = (specified: JsonSchema | true | undefined, keeps: boolean): Pick<Place, 'schema' | 'keeps'> =>
  typeof specified === 'object' ? { schema: specified, keeps: false } : { schema: undefined, keeps: specified === true || keeps }

/** How a field is specified; true: it may be there, and be anything. */
export function schemaOf(schema: JsonSchema | undefined, name: string): JsonSchema | true | undefined {
  if (schema?.properties !== undefined && Object.hasOwn(schema.properties, name)) return schema.properties[name]
  const { additionalProperties } = schema ?? {}
  return additionalProperties === false ? undefined : additionalProperties
}
