import type { JsonObject, JsonValue } from '@bramble/api/object'
import { isObject } from '../schema/check.ts'
import { compare } from './compare.ts'
import { difference, EMPTY, type FieldSet } from './field-set.ts'
import { setOfObject } from './object-set.ts'
import { canonicalJson } from './path-element.ts'
import { typedErrors } from './typed-errors.ts'
import type { ObjectSchema } from '../schema/object-schema.ts'

/** Where client-side apply keeps what it applied. */
export const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration'
/** Source: apimachinery pkg/api/validation TotalAnnotationSizeLimitB. */
const ANNOTATIONS_BYTES_MAX = 256 * 1024

/**
 * The fields that client-side apply owned, by its annotation, and that are still as it left them: kubectl may take those without
 * a conflict when it goes over to server-side apply.
 *
 * @see Source: apimachinery pkg/util/managedfields/internal/lastappliedmanager.go.
 */
export function lastAppliedSet(schema: ObjectSchema, live: JsonObject): FieldSet {
  const text = annotationsOf(live)[LAST_APPLIED]
  if (typeof text !== 'string' || text === '') return EMPTY
  const applied = parse(text)
  if (!isObject(applied) || applied['apiVersion'] !== live['apiVersion'] || typedErrors(schema, applied).length > 0) return EMPTY
  const { added, modified, removed } = compare(schema, applied, live)
  return difference(difference(difference(setOfObject(schema, applied), modified), added), removed)
}

/**
 * The object with the annotation brought up to what is applied now, if it has one.
 * @see Source: apimachinery pkg/util/managedfields/internal/lastappliedupdater.go.
 */
export function withLastApplied(object: JsonObject, config: JsonObject): JsonObject {
  const { [LAST_APPLIED]: before, ...annotations } = annotationsOf(object)
  if (typeof before !== 'string' || before === '') return object
  const value = `${goJson(withoutAnnotation(config))}\n`
  const sizeBytes = Object.entries(annotations).reduce(
    (sum, [name, text]) => sum + Buffer.byteLength(name) + Buffer.byteLength(String(text)),
    Buffer.byteLength(LAST_APPLIED) + Buffer.byteLength(value),
  )
  const next = sizeBytes > ANNOTATIONS_BYTES_MAX ? annotations : { ...annotations, [LAST_APPLIED]: value }
  return { ...object, metadata: { ...(object['metadata'] as JsonObject), annotations: next } }
}

function annotationsOf(object: JsonObject): JsonObject {
  const metadata = object['metadata']
  const annotations = isObject(metadata) ? metadata['annotations'] : undefined
  return isObject(annotations) ? annotations : {}
}

function withoutAnnotation(config: JsonObject): JsonObject {
  const metadata = config['metadata']
  if (!isObject(metadata) || !isObject(metadata['annotations'])) return config
  const { [LAST_APPLIED]: _own, ...annotations } = metadata['annotations']
  return { ...config, metadata: { ...metadata, annotations } }
}

function parse(text: string): JsonValue | undefined {
  try {
    return JSON.parse(text) as JsonValue
  } catch {
    return undefined
  }
}

/** JSON as Go's encoder writes it: fields in order, and nothing that HTML could misread. */
const goJson = (value: JsonValue): string =>
  canonicalJson(value).replace(/[<>&\u2028\u2029]/g, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`)
