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
