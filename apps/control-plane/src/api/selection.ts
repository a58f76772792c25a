import { type FieldRequirement, matchesFields } from '@bramble/api/fields'
import { type LabelRequirement, matchesRequirements } from '@bramble/api/labels'
import type { JsonValue, KubeObject } from '@bramble/api/object'
import type { ResourceDefinition } from './resource.ts'
import { resolve } from './schema/definitions.ts'
import type { ObjectSchema } from './schema/object-schema.ts'

/** Which objects a list or watch asks for. */
export interface Selection {
  readonly labels: readonly LabelRequirement[]
  readonly fields: readonly FieldRequirement[]
}

/**
 * The selection as a test.
 * @throws StatusError 400 when it names a field that the kind cannot be selected by.
 */
export function selector(resource: ResourceDefinition, { labels, fields }: Selection): (object: KubeObject) => boolean {
  if (fields.length > 0) matchesFields(fieldsOf(resource, blank(resource)), fields)
  return (object) =>
    (labels.length === 0 || matchesRequirements(object.metadata.labels, labels)) &&
    (fields.length === 0 || matchesFields(fieldsOf(resource, object), fields))
}

const fieldsOf = (resource: ResourceDefinition, object: KubeObject): Readonly<Record<string, string>> => ({
  ...resource.fields?.(object),
  'metadata.name': object.metadata.name,
  'metadata.namespace': object.metadata.namespace ?? '',
})

/** Deep enough for every field that a kind is selected by. */
const BLANK_DEPTH = 3

/** An object with nothing in it but its structure: tells which fields there are even where no object is. */
const blank = (resource: ResourceDefinition): KubeObject => ({
  ...(blankOf(resource.schema, BLANK_DEPTH) as object),
  metadata: { name: '', uid: '', resourceVersion: '', creationTimestamp: '' },
})

function blankOf(reference: ObjectSchema, depth: number): JsonValue | undefined {
  const schema = resolve(reference)
  if (schema.type === 'array') return []
  if (schema.type === 'map') return {}
  if (schema.type !== 'object') return undefined
  if (depth === 0) return {}
  const inner = Object.entries(schema.properties).map(([name, property]) => [name, blankOf(property, depth - 1)] as const)
  return Object.fromEntries(inner.filter(([, value]) => value !== undefined))
}
