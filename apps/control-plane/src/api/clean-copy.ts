import type { KubeObject } from '@bramble/api/object'

/**
 * A deep copy of plain JSON that may be changed, without what is undefined. Unlike structuredClone it shares nothing and
 * keeps objects comparable: `{ a: undefined }` becomes `{}`.
 */
export function cleanCopy<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map((item: unknown) => cleanCopy(item === undefined ? null : item)) as T
  const copy: Record<string, unknown> = {}
  for (const [name, inner] of Object.entries(value)) if (inner !== undefined) copy[name] = cleanCopy(inner)
  return copy as T
}

/** Like {@link cleanCopy}, but `metadata.managedFields` is the same list: it is replaced as a whole, never changed. */
export function copyOfObject<T extends KubeObject>(object: T): T {
  const { managedFields, ...metadata } = object.metadata
  const copy = cleanCopy({ ...object, metadata })
  return { ...copy, metadata: { ...copy.metadata, ...(managedFields && { managedFields }) } }
}
