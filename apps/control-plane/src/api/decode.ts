import type { JsonObject, JsonValue, KubeObject } from '@bramble/api/object'
import { apiVersionOf } from '@bramble/api/object'
import { badRequest } from '@bramble/api/status-error'
import type { WriteContext } from './requests.ts'
import type { ResourceDefinition } from './resource.ts'
import { checkObject, isObject, TypeMismatch } from './schema/check.ts'
import { resolve } from './schema/definitions.ts'
import type { ObjectSchema } from './schema/object-schema.ts'

type Kind = Pick<ResourceDefinition, 'group' | 'version' | 'kind' | 'schema' | 'custom'>

/**
 * The body of a write as an object of its kind, a copy that may be changed. A missing apiVersion and kind are those of the
 * URL. Unknown and repeated fields refuse the write (Strict), warn, or are dropped in silence.
 *
 * @throws StatusError 400
 */
export function decodeObject(
  resource: Kind,
  body: JsonValue,
  context: Pick<WriteContext, 'fieldValidation' | 'duplicateFields' | 'warn'>,
): KubeObject {
  const { kind, version } = resource
  if (!isObject(body))
    throw badRequest(
      `the object provided is unrecognized (must be of type ${kind}): couldn't get version/kind; json parse error: json: cannot unmarshal ${Array.isArray(body) ? 'array' : typeof body} into Go value of type struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }`,
    )
  checkTypeMeta(resource, body)
  const cannot = (why: string): Error => badRequest(`${kind} in version ${JSON.stringify(version)} cannot be handled as a ${kind}: ${why}`)
  try {
    const { value, strict } = readObject(resource, body, context.duplicateFields ?? [])
    if (strict.length > 0 && context.fieldValidation === 'Strict') throw cannot(`strict decoding error: ${strict.join(', ')}`)
    if (context.fieldValidation === 'Warn') for (const warning of strict) context.warn(warning)
    return value
  } catch (error) {
    throw error instanceof TypeMismatch ? cannot(error.message) : error
  }
}

/** @throws TypeMismatch */
export function readObject(
  resource: Kind,
  body: JsonObject,
  duplicates: readonly string[],
): { value: KubeObject; strict: readonly string[] } {
  const { value, unknown } = resource.custom?.read(body) ?? checkObject(topLevel(resource.schema), body)
  const strict = [
    ...duplicates.map((path) => `duplicate field ${JSON.stringify(path)}`),
    ...unknown.map((path) => `unknown field ${JSON.stringify(path)}`),
  ]
  // What Go decodes into always has a spec, if empty: validation can look into it.
  const schema = resolve(resource.schema)
  const hasSpec =
    !resource.custom &&
    schema.type === 'object' &&
    schema.properties['spec'] !== undefined &&
    resolve(schema.properties['spec']).type === 'object'
  const object = {
    apiVersion: apiVersionOf(resource.group, resource.version),
    kind: resource.kind,
    metadata: {},
    ...(hasSpec && { spec: {} }),
    ...value,
  }
  return {
    value: { ...object, apiVersion: apiVersionOf(resource.group, resource.version), kind: resource.kind } as unknown as KubeObject,
    strict,
  }
}

/** Source: apiserver pkg/endpoints/handlers/create.go: a body of another version or kind is refused, not converted. */
function checkTypeMeta({ group, version, kind }: Kind, body: JsonObject): void {
  const expected = apiVersionOf(group, version)
  const found = body['apiVersion'] ?? ''
  const foundKind = body['kind'] ?? ''
  if (found !== '' && found !== expected)
    throw badRequest(`the API version in the data (${String(found)}) does not match the expected API version (${expected})`)
  if (foundKind !== '' && foundKind !== kind)
    throw badRequest(
      `${String(foundKind)} in version ${JSON.stringify(version)} cannot be handled as a ${kind}: the kind in the data does not match that of the URL`,
    )
}

const TYPE_META: Readonly<Record<string, ObjectSchema>> = {
  apiVersion: { type: 'string' },
  kind: { type: 'string' },
  metadata: { type: 'ref', ref: 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta' },
}

/** A kind's own schema may leave out what every kind has. */
function topLevel(schema: ObjectSchema): ObjectSchema {
  if (schema.type !== 'object' || schema.properties['metadata'] !== undefined) return schema
  return { ...schema, properties: { ...TYPE_META, ...schema.properties } }
}
