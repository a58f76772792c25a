import type { JsonValue } from '@bramble/api/object'
import type { JsonSchema } from '@bramble/api/types/custom-resource-definition'
import { isObject } from '../schema/check.ts'

/**
 * Finds what an item of a list was before: by its keys in a list of type map. Items of other lists have no identity.
 * @see Source: k8s.io/apiserver pkg/cel/common CorrelatedObject.
 */
export function correlatedItem(schema: JsonSchema, previous: JsonValue | undefined): (item: JsonValue) => JsonValue | undefined {
  if (schema['x-kubernetes-list-type'] !== 'map' || !Array.isArray(previous)) return () => undefined
  const keys = schema['x-kubernetes-list-map-keys'] ?? []
  const idOf = (item: JsonValue): string | undefined => (isObject(item) ? JSON.stringify(keys.map((key) => item[key] ?? null)) : undefined)
  const before = new Map((previous as readonly JsonValue[]).map((item) => [idOf(item), item]))
  return (item) => {
    const id = idOf(item)
    return id === undefined ? undefined : before.get(id)
  }
}
