import { createHash } from 'node:crypto'
import type { JsonObject, JsonValue } from '@bramble/api/object'
import { isObject } from '../schema/check.ts'
import { EMPTY, type FieldSet, SetBuilder } from './field-set.ts'
import { compareElements, parseElement } from './path-element.ts'

const DEPTH_MAX = 100

/**
 * A set as `fieldsV1` shows it: `"."` for an element that is in the set and has something below it. Equal sets give one and the
 * same frozen object for as long as somebody holds it: the pods of a ReplicaSet share theirs.
 *
 * @see Source: structured-merge-diff fieldpath/serialize.go.
 */
export function encodeSet(set: FieldSet): JsonObject {
  const known = encoded.get(set)?.deref()
  if (known) return known
  const fields = intern(encodeLevel(set))
  encoded.set(set, new WeakRef(fields))
  return fields
}

/**
 * The set that a `fieldsV1` means. Steps of unknown kinds are left out.
 * @throws Error when it is malformed.
 */
export function decodeSet(fields: JsonValue | undefined): FieldSet {
  if (!isObject(fields)) throw new Error(`fieldsV1 must be an object, not ${JSON.stringify(fields)}`)
  const known = decoded.get(fields)
  if (known) return known
  const { set } = decodeLevel(fields, 0)
  if (Object.isFrozen(fields)) decoded.set(fields, set)
  return set
}

function encodeLevel(set: FieldSet): JsonObject {
  const elements = [...set.members.union(new Set(set.children.keys()))].sort(compareElements)
  const fields: Record<string, JsonObject> = {}
  for (const element of elements) {
    const below = set.children.get(element)
    if (!below) fields[element] = NOTHING
    else fields[element] = set.members.has(element) ? { '.': NOTHING, ...encodeLevel(below) } : encodeLevel(below)
  }
  return Object.freeze(fields)
}

const NOTHING: JsonObject = Object.freeze({})

function decodeLevel(fields: JsonObject, depth: number): { readonly set: FieldSet; readonly isMember: boolean } {
  if (depth > DEPTH_MAX) throw new Error(`fieldsV1 is nested more than ${DEPTH_MAX} levels deep`)
  const names = Object.keys(fields)
  if (names.length === 0) return { set: EMPTY, isMember: true }
  const builder = new SetBuilder()
  let isMember = false
  for (const name of names) {
    if (name === '.') {
      isMember = true
      continue
    }
    const element = parseElement(name)
    if (element === undefined) continue
    const inner = fields[name]
    const below = isObject(inner) ? decodeLevel(inner, depth + 1) : { set: EMPTY, isMember: true }
    if (below.isMember) builder.add(element)
    builder.addBelow(element, below.set)
  }
  const set = builder.build()
  return { set, isMember: isMember || set === EMPTY }
}

// What was decoded once and what has been encoded is remembered as long as somebody else holds it.
const decoded = new WeakMap<JsonObject, FieldSet>()
const encoded = new WeakMap<FieldSet, WeakRef<JsonObject>>()
const interned = new Map<string, WeakRef<JsonObject>>()
const forgotten = new FinalizationRegistry<string>((digest) => {
  if (!interned.get(digest)?.deref()) interned.delete(digest)
})

/** The one object that stands for all that are equal to it. */
function intern(fields: JsonObject): JsonObject {
  const digest = createHash('sha256').update(JSON.stringify(fields)).digest('base64')
  const known = interned.get(digest)?.deref()
  if (known) return known
  interned.set(digest, new WeakRef(fields))
  forgotten.register(fields, digest)
  return fields
}
