import type { JsonValue } from '@bramble/api/object'
import { badRequest } from '@bramble/api/status-error'
import { isObject } from '../schema/check.ts'

const DEPTH_MAX = 100

/**
 * Refuses what no object is like before anything walks through it.
 * @throws StatusError 400 when a value is nested too deep, or has a key that would change the prototype of what it is copied to.
 */
export function checkBounds(value: JsonValue, depth = 0): void {
  if (depth > DEPTH_MAX) throw badRequest(`the object is nested more than ${DEPTH_MAX} levels deep`)
  if (Array.isArray(value)) for (const item of value as readonly JsonValue[]) checkBounds(item, depth + 1)
  else if (isObject(value))
    for (const name of Object.keys(value)) {
      if (name === '__proto__') throw badRequest('the key "__proto__" is not allowed')
      checkBounds(value[name] ?? null, depth + 1)
    }
}
