import type { JsonObject, JsonValue } from '@bramble/api/object'
import { isObject } from '../check.ts'
import type { OpenApiVersion } from './schemas.ts'

const COMPONENTS = '#/components/schemas/'
/** What version 2 has no words for: clients of its time would misread the rest. */
const NOT_IN_V2 = ['oneOf', 'anyOf', 'not', 'nullable', 'x-kubernetes-int-or-string', 'x-kubernetes-preserve-unknown-fields']

/**
 * The schema of a custom kind in either version of OpenAPI.
 *
 * @param refer Is told each definition that it refers to, and says how.
 * @see Source: apiextensions-apiserver pkg/controller/openapi/v2/conversion.go: what cannot be said in version 2 is left open.
 */
export function customSchema(schema: JsonObject, openApi: OpenApiVersion, refer: (name: string) => string): JsonObject {
  const isV2 = openApi === 'v2'
  const result: Record<string, JsonValue> = {}
  for (const [key, value] of Object.entries(isV2 ? inV2(schema) : schema))
    if (value !== undefined && key !== '$ref') result[key] = inner(key, value, (each) => customSchema(each, openApi, refer))
  const { $ref } = schema
  if (typeof $ref !== 'string' || !$ref.startsWith(COMPONENTS)) return result
  const reference = { $ref: refer($ref.slice(COMPONENTS.length)) }
  return isV2 ? { ...result, ...reference } : { ...result, allOf: [reference] }
}

/** Where a schema has schemas; everything else is data. */
function inner(key: string, value: JsonValue, convert: (schema: JsonObject) => JsonObject): JsonValue {
  const converted = (each: JsonValue): JsonValue => (isObject(each) ? convert(each) : each)
  switch (key) {
    case 'properties':
      return isObject(value) ? Object.fromEntries(Object.entries(value).map(([name, each]) => [name, converted(each!)])) : value
    case 'items':
    case 'additionalProperties':
    case 'not':
      return converted(value)
    case 'allOf':
    case 'anyOf':
    case 'oneOf':
      return Array.isArray(value) ? (value as readonly JsonValue[]).map(converted) : value
    default:
      return value
  }
}

function inV2(schema: JsonObject): JsonObject {
  const isOpen = schema['x-kubernetes-preserve-unknown-fields'] === true || schema['nullable'] === true
  const dropped = new Set([
    ...NOT_IN_V2,
    ...(isOpen ? ['type', 'properties', 'items', 'additionalProperties', 'required'] : []),
    ...(schema['x-kubernetes-int-or-string'] === true ? ['type'] : []),
  ])
  return Object.fromEntries(Object.entries(schema).filter(([key]) => !dropped.has(key)))
}
