import type { JsonSchema } from '@bramble/api/types/custom-resource-definition'

export interface Subschema {
  readonly schema: JsonSchema
  readonly path: string
  /** Of `properties`. */
  readonly property?: string
}

/** A list or map item of the wrong sort is another rule's word; nothing looks into it. */
const isSchema = (value: unknown): value is JsonSchema => typeof value === 'object' && value !== null && !Array.isArray(value)

/** The schemas of what is inside a value: fields, entries of maps, items. */
export const inside = ({ properties = {}, additionalProperties, items }: JsonSchema, path: string): readonly Subschema[] => [
  ...Object.entries(properties).map(([property, schema]) => ({ schema, path: `${path}.properties[${property}]`, property })),
  ...(isSchema(additionalProperties) ? [{ schema: additionalProperties, path: `${path}.additionalProperties` }] : []),
  ...(isSchema(items) ? [{ schema: items, path: `${path}.items` }] : []),
]

/** The schemas that say more of the same value. */
export const combined = ({ allOf = [], anyOf = [], oneOf = [], not }: JsonSchema, path: string): readonly Subschema[] => [
  ...Object.entries({ allOf, anyOf, oneOf }).flatMap(([word, schemas]) =>
    schemas.map((schema, index) => ({ schema, path: `${path}.${word}[${index}]` })),
  ),
  ...(isSchema(not) ? [{ schema: not, path: `${path}.not` }] : []),
]

/** Every schema directly in another. */
export const subschemas = (schema: JsonSchema, path: string): readonly Subschema[] => [...inside(schema, path), ...combined(schema, path)]
