import { hash } from 'node:crypto'
import type { JsonObject, JsonValue } from '@bramble/api/object'
import { isObject } from '../schema/check.ts'
import { EMPTY, type FieldSet, SetBuilder } from './field-set.ts'
import { LastUsed } from './last-used.ts'
import { parseElement, type PathElement } from './path-element.ts'

const DEPTH_MAX = 100

/**
 * A set as `fieldsV1` shows it: `"."` for an element that is in the set and has something below it. Frozen. Equal sets mostly give
 * one and the same object: the pods of a ReplicaSet share theirs.
 *
 * @see Source: structured-merge-diff fieldpath/serialize.go.
 */
export function encodeSet(set: FieldSet): JsonObject {
  let fields = encoded.get(set)
  if (fields) return fields
  const digest = hash('sha256', textOf(set), 'base64')
  fields = interned.get(digest)
  if (!fields) {
    fields = encodeLevel(set)
    interned.set(digest, fields)
    ours.add(fields)
  }
  encoded.set(set, fields)
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
  if (ours.has(fields)) {
    decoded.set(fields, set)
    encoded.set(set, fields)
  }
  return set
}

function encodeLevel(set: FieldSet): JsonObject {
  const fields: Record<string, JsonObject> = {}
  for (const element of elementsOf(set)) {
    const below = set.children.get(element)
    if (!below) fields[element] = NOTHING
    else fields[element] = set.members.has(element) ? { '.': NOTHING, ...encodeLevel(below) } : encodeLevel(below)
  }
  return Object.freeze(fields)
}

function elementsOf({ members, children }: FieldSet): readonly PathElement[] {
  const elements = [...members]
  for (const element of children.keys()) if (!members.has(element)) elements.push(element)
  return elements.sort()
}

/** Equal for equal sets, and for those only. */
function textOf(set: FieldSet): string {
  let text = ''
  for (const element of elementsOf(set)) {
    const below = set.children.get(element)
    text += `${element.length}:${element}${below ? `${set.members.has(element) ? '.' : ''}{${textOf(below)}}` : ''}`
  }
  return text
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

/** Few: a decoded set is many times as large as what it is decoded from. */
const DECODED_MAX = 64
/** As many sorts of objects share what says who owns their fields. */
const INTERNED_MAX = 512

const decoded = new LastUsed<JsonObject, FieldSet>(DECODED_MAX)
const encoded = new WeakMap<FieldSet, JsonObject>()
const interned = new LastUsed<string, JsonObject>(INTERNED_MAX)
/** Made here, so in order and never changed. */
const ours = new WeakSet<JsonObject>()
