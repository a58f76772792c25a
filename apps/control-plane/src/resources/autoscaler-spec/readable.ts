import { isObject, checkObject, TypeMismatch } from '../../api/schema/check.ts'

/**
 * A value from an annotation, which anybody may have written, as the type that it shall be; undefined when it is another.
 * @param definition Of autoscaling/v2.
 */
export function readable<T extends object>(definition: string, value: unknown): T | undefined {
  if (!isObject(value as null)) return undefined
  try {
    return checkObject({ type: 'ref', ref: `io.k8s.api.autoscaling.v2.${definition}` }, value as object as never).value as T
  } catch (error) {
    if (error instanceof TypeMismatch) return undefined
    throw error
  }
}
