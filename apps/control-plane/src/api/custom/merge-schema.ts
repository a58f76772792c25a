import type { JsonSchema } from '@bramble/api/types/custom-resource-definition'
import type { ObjectSchema, PropertySchema } from '../schema/object-schema.ts'
import { ROOT_FIELDS } from './prune.ts'

/** The schema of a kind as patches and server-side apply read it: what is merged by which keys, and what is one piece. */
export function mergeSchema(schema: JsonSchema): ObjectSchema {
  const root = shapeOf({ type: 'object', ...schema })
  const own = root.type === 'object' ? root : { type: 'object' as const, properties: {} }
  const properties = Object.entries(own.properties).filter(([name]) => !ROOT_FIELDS.has(name))
  return { ...own, properties: { ...COMMON, ...Object.fromEntries(properties) } }
}

const COMMON: Readonly<Record<string, PropertySchema>> = {
  apiVersion: { type: 'string' },
  kind: { type: 'string' },
  metadata: { type: 'ref', ref: 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta' },
}

function propertyOf(schema: JsonSchema): PropertySchema {
  const listType = schema['x-kubernetes-list-type']
  const mapKeys = schema['x-kubernetes-list-map-keys']
  const mapType = schema['x-kubernetes-map-type']
  return {
    ...shapeOf(schema),
    ...(schema.description !== undefined && { description: schema.description }),
    ...((listType === 'atomic' || listType === 'set' || listType === 'map') && { listType }),
    ...(mapKeys !== undefined && { listMapKeys: mapKeys }),
    ...((mapType === 'atomic' || mapType === 'granular') && { mapType }),
    ...(schema.default !== undefined && { default: schema.default }),
  }
}

function shapeOf(schema: JsonSchema): ObjectSchema {
  if (schema['x-kubernetes-int-or-string']) return { type: 'int-or-string' }
  switch (schema.type) {
    case 'object':
      return objectOf(schema)
    case 'array':
      return { type: 'array', items: schema.items === undefined ? { type: 'any' } : propertyOf(schema.items) }
    case 'integer':
      return { type: 'integer', format: 'int64' }
    case 'string':
    case 'number':
    case 'boolean':
      return { type: schema.type }
    default:
      return { type: 'any' }
  }
}

function objectOf(schema: JsonSchema): ObjectSchema {
  const { properties, additionalProperties } = schema
  const keepsUnknown = schema['x-kubernetes-preserve-unknown-fields'] === true
  const embedded = schema['x-kubernetes-embedded-resource'] === true ? COMMON : {}
  if (properties === undefined && additionalProperties !== undefined && additionalProperties !== false)
    return { type: 'map', values: additionalProperties === true ? { type: 'any' } : propertyOf(additionalProperties) }
  const own = Object.fromEntries(Object.entries(properties ?? {}).map(([name, property]) => [name, propertyOf(property)]))
  return { type: 'object', properties: { ...own, ...embedded }, ...(keepsUnknown && { rest: { type: 'any' as const } }) }
}
