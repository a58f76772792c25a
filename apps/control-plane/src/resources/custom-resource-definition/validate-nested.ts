import { type FieldError, forbiddenField, required } from '@bramble/api/field-error'
import type { JsonSchema } from '@bramble/api/types/custom-resource-definition'
import { combined, inside, type Subschema } from './subschemas.ts'

const WORDS: readonly (readonly [keyof JsonSchema, string])[] = [
  ['additionalProperties', 'must be undefined to be structural'],
  ['default', 'must be undefined to be structural'],
  ['title', 'must be empty to be structural'],
  ['description', 'must be empty to be structural'],
  ['nullable', 'must be false to be structural'],
  ['x-kubernetes-preserve-unknown-fields', 'must be false to be structural'],
  ['x-kubernetes-embedded-resource', 'must be false to be structural'],
  ['x-kubernetes-int-or-string', 'must be false to be structural'],
  ['x-kubernetes-list-map-keys', 'must be empty to be structural'],
  ['x-kubernetes-list-type', 'must be undefined to be structural'],
  ['x-kubernetes-map-type', 'must be undefined to be structural'],
  ['x-kubernetes-validations', 'must be empty to be structural'],
]

/**
 * A schema within `allOf`, `anyOf`, `oneOf` or `not` may only restrict what the schema around it specifies.
 *
 * @param around The schema of the same value that is structural; undefined when it specifies none.
 * @param mayName Types of `integer` and `string` may be named: the value is one of them.
 */
export function validateNested(
  { schema, path }: Subschema,
  around: JsonSchema | undefined,
  aroundPath: string,
  { mayName }: { readonly mayName: boolean },
): readonly FieldError[] {
  const errors: FieldError[] = []
  if (schema.type && !mayName) errors.push(forbiddenField(`${path}.type`, 'must be empty to be structural'))
  for (const [word, why] of WORDS)
    if (schema[word] !== undefined && schema[word] !== false) errors.push(forbiddenField(`${path}.${word}`, why))
  if (schema.properties && Object.hasOwn(schema.properties, 'metadata'))
    errors.push(forbiddenField(`${path}.properties[metadata]`, 'must not be specified in a nested context'))

  for (const inner of inside(schema, path)) {
    if (inner.path === `${path}.additionalProperties`) continue // forbidden above
    const [specified, specifiedPath] = counterpart(around, aroundPath, inner)
    if (specified === undefined) errors.push(required(specifiedPath, `because it is defined in ${inner.path}`))
    else errors.push(...validateNested(inner, specified, specifiedPath, { mayName: false }))
  }
  const types = mayName && schema.anyOf !== undefined
  for (const inner of combined(schema, path)) errors.push(...validateNested(inner, around, aroundPath, { mayName: types }))
  return errors
}

/** What the structural schema says in the place of a nested one, and where. */
function counterpart(around: JsonSchema | undefined, path: string, { property }: Subschema): readonly [JsonSchema | undefined, string] {
  if (property === undefined) return [around?.items, `${path}.items`]
  const { properties = {}, additionalProperties } = around ?? {}
  if (Object.hasOwn(properties, property)) return [properties[property], `${path}.properties[${property}]`]
  if (typeof additionalProperties === 'object') return [additionalProperties, `${path}.additionalProperties`]
  return [undefined, `${path}.properties[${property}]`]
}
