import type { JsonObject } from '@bramble/api/object'
import type { ResourceDefinition } from '../resource.ts'
import { definition, type Descriptions, readDescriptions } from './definitions.ts'
import type { ObjectSchema, PropertySchema } from './object-schema.ts'

const PREFIX = '#/components/schemas/'

/** The schemas of some kinds and of everything they refer to, with descriptions, by definition name. */
export function schemasOf(resources: readonly ResourceDefinition[]): JsonObject {
  const descriptions = readDescriptions()
  const schemas: Record<string, JsonObject> = {}
  const waiting: string[] = []
  const refer = (name: string): string => {
    waiting.push(name)
    return PREFIX + name
  }
  for (const resource of resources) {
    const name = schemaName(resource)
    const schema = resource.schema.type === 'ref' ? definition(resource.schema.ref) : resource.schema
    const { group, version, kind } = resource
    schemas[name] = { ...convert(schema, descriptions[name], refer), 'x-kubernetes-group-version-kind': [{ group, version, kind }] }
  }
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop())
    schemas[name] ??= convert(definition(name), descriptions[name], refer)
  return schemas
}

/** `io.k8s.api.core.v1.Pod`; a kind with a schema of its own is named like those of custom resources. */
const schemaName = ({ schema, group, version, kind }: ResourceDefinition): string =>
  schema.type === 'ref' ? schema.ref : [...group.split('.').reverse(), version, kind].join('.')

function convert(schema: ObjectSchema, texts: Descriptions[string] | undefined, refer: (name: string) => string): JsonObject {
  const text = texts?.[''] ?? (schema.type === 'object' ? schema.description : undefined)
  const description = text === undefined ? {} : { description: text }
  switch (schema.type) {
    case 'ref':
      return { allOf: [{ $ref: refer(schema.ref) }] }
    case 'map':
      return { type: 'object', additionalProperties: convert(schema.values, undefined, refer) }
    case 'array':
      return { type: 'array', items: convert(schema.items, undefined, refer) }
    case 'quantity':
      return { type: 'string', format: 'quantity' }
    case 'int-or-string':
      return { type: 'string', format: 'int-or-string' }
    case 'any':
      return description
    case 'object':
      return {
        ...description,
        type: 'object',
        ...(schema.required && { required: schema.required }),
        properties: Object.fromEntries(
          Object.entries(schema.properties).map(([name, property]) => [name, convertProperty(property, texts?.[name], refer)]),
        ),
      }
    default:
      return { ...description, type: schema.type, ...('format' in schema && schema.format && { format: schema.format }) }
  }
}

function convertProperty(property: PropertySchema, text: string | undefined, refer: (name: string) => string): JsonObject {
  const description = text ?? property.description
  const { patchMergeKey, patchStrategy, listType, listMapKeys, mapType } = property
  return {
    ...(description !== undefined && { description }),
    ...convert(property, undefined, refer),
    ...(patchMergeKey && { 'x-kubernetes-patch-merge-key': patchMergeKey }),
    ...(patchStrategy && { 'x-kubernetes-patch-strategy': patchStrategy.join(',') }),
    ...(listType && { 'x-kubernetes-list-type': listType }),
    ...(listMapKeys && { 'x-kubernetes-list-map-keys': listMapKeys }),
    ...(mapType && { 'x-kubernetes-map-type': mapType }),
  }
}
