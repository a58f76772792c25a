/**
 * Paths at which two JSON values differ; empty when they mean the same. Absent, null, `{}` and `[]` mean the same,
 * as in Kubernetes' semantic equality.
 */
export function differences(before: unknown, after: unknown, path: string): readonly string[] {
  if (Object.is(before, after) || (isNothing(before) && isNothing(after))) return []
  if (isList(before ?? after) && isList(after ?? before))
    return listDifferences((before ?? []) as unknown[], (after ?? []) as unknown[], path)
  if (isRecord(before ?? after) && isRecord(after ?? before)) {
    const [left, right] = [(before ?? {}) as Record<string, unknown>, (after ?? {}) as Record<string, unknown>]
    return [...new Set([...Object.keys(left), ...Object.keys(right)])]
      .sort()
      .flatMap((key) => differences(left[key], right[key], `${path}.${key}`))
  }
  return [path]
}

export const isSame = (before: unknown, after: unknown): boolean => differences(before, after, '').length === 0

const listDifferences = (before: readonly unknown[], after: readonly unknown[], path: string): readonly string[] =>
  before.length === after.length ? before.flatMap((value, index) => differences(value, after[index], `${path}[${index}]`)) : [path]

const isNothing = (value: unknown): boolean =>
  value === undefined ||
  value === null ||
  (typeof value === 'object' && Object.values(value).every(isNothing) && (!Array.isArray(value) || value.length === 0))
const isList = (value: unknown): boolean => Array.isArray(value)
const isRecord = (value: unknown): boolean => typeof value === 'object' && value !== null && !Array.isArray(value)
