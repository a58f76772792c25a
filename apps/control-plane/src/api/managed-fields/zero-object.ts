import type { JsonObject, JsonValue } from '@bramble/api/object'
import { apiVersionOf } from '@bramble/api/object'
import type { ResourceDefinition } from '../resource.ts'
import type { ObjectSchema } from '../schema/object-schema.ts'
import { shapeOf } from './shape.ts'

/** Structs that are part of what holds them, not pointed at: they are there before anybody writes them. */
const ALWAYS_THERE: ReadonlySet<string> = new Set(['metadata', 'spec', 'status', 'template', 'jobTemplate', 'strategy', 'updateStrategy'])
/** Lists that are never left out. */
const NULL_LISTS: ReadonlySet<string> = new Set(['containers'])

/**
 * What a new object is compared with. Of a built-in kind it is what Go makes of nothing, so that nobody comes to own `spec`
 * itself by writing into it; of any other it is empty.
 */
export function zeroObject({ group, version, kind, schema, custom }: ResourceDefinition): JsonObject {
  const known = zeros.get(schema)
  const typeMeta = { apiVersion: apiVersionOf(group, version), kind }
  if (known) return { ...known, ...typeMeta }
  const made = custom ? {} : zeroOf(schema, 0)
  zeros.set(schema, made)
  return { ...made, ...typeMeta }
}

const zeros = new WeakMap<ObjectSchema, JsonObject>()
const DEPTH_MAX = 6

function zeroOf(schema: ObjectSchema, depth: number): JsonObject {
  const shape = shapeOf(schema)
  const zero: Record<string, JsonValue> = {}
  if (shape.type !== 'map' || !shape.fields || depth > DEPTH_MAX) return zero
  for (const [name, property] of Object.entries(shape.fields)) {
    const inner = shapeOf(property)
    if (inner.type === 'list' && NULL_LISTS.has(name)) zero[name] = null
    if (inner.type === 'map' && inner.fields && !inner.isAtomic && ALWAYS_THERE.has(name)) zero[name] = zeroOf(property, depth + 1)
  }
  return zero
}
