import type { JsonSchema } from '@bramble/api/types/custom-resource-definition'

export interface FieldPath {
  /** As errors print it: `spec.items[name].x`. */
  readonly path: string
  readonly schema: JsonSchema
}

const STEP = /\.([A-Za-z_]\w*)|\[['"]([^'"]*)['"]\]|\[(\d+)\]|(.)/gy
const STEPS_MAX = 100

/**
 * What a path of fields leads to in a schema: `.spec.replicas`, `.spec['a.b']`.
 *
 * @returns Why it is no such path, when it is none.
 * @see Source: apiextensions-apiserver pkg/apiserver/schema/cel ValidFieldPath.
 */
export function resolveFieldPath(root: JsonSchema, text: string, { allowsLists }: { readonly allowsLists: boolean }): FieldPath | string {
  let schema = root
  let path = ''
  let count = 0
  for (const [whole, field, key, index, other] of text.matchAll(STEP)) {
    if (++count > STEPS_MAX) return `path exceeds ${STEPS_MAX} elements`
    if (other !== undefined) return `expected [ or . but got: ${other}`
    if (index !== undefined)
      return allowsLists ? 'array index is not supported: only fields and keys of maps have a place' : 'array notation is not allowed'
    const name = field ?? key!
    const next = inside(schema, name)
    if (!next) return `does not refer to a valid field`
    path = field !== undefined || schema.properties ? (path === '' ? name : `${path}.${name}`) : `${path}[${name}]`
    schema = next
    if (whole === '') break
  }
  return path === '' ? 'must not be empty' : { path, schema }
}

function inside({ properties, additionalProperties }: JsonSchema, name: string): JsonSchema | undefined {
  if (properties && Object.hasOwn(properties, name)) return properties[name]
  return typeof additionalProperties === 'object' ? additionalProperties : undefined
}
