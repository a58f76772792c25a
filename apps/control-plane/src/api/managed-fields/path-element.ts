import type { JsonObject, JsonValue } from '@bramble/api/object'
import { isObject } from '../schema/check.ts'

/**
 * One step of a path in a field set, in the form that `fieldsV1` writes: `f:name` a field, `k:{"name":"c"}` the item of a list
 * with keys, `v:"x"` the item of a set, `i:0` an index. The text is canonical: equal steps are equal strings.
 *
 * @see Source: structured-merge-diff fieldpath/serialize-pe.go.
 */
export type PathElement = string

export const fieldElement = (name: string): PathElement => `f:${name}`

export const valueElement = (value: JsonValue): PathElement => `v:${canonicalJson(value)}`

/** @param keys What is known of the item's keys, in any order. */
export const keyElement = (keys: JsonObject): PathElement => `k:${canonicalJson(keys)}`

/**
 * A step as a client wrote it.
 *
 * @returns Undefined for kinds of steps that nobody knows: they are left out.
 * @throws Error when it is none.
 */
export function parseElement(text: string): PathElement | undefined {
  if (text[1] !== ':') throw new Error(`missing colon: ${text}`)
  const rest = text.slice(2)
  switch (text[0]) {
    case 'f':
      return text
    case 'v':
      return valueElement(JSON.parse(rest) as JsonValue)
    case 'k': {
      const keys = JSON.parse(rest) as JsonValue
      if (!isObject(keys)) throw new Error(`no keys: ${text}`)
      return keyElement(keys)
    }
    case 'i':
      if (!/^[+-]?\d{1,15}$/.test(rest)) throw new Error(`no index: ${text}`)
      return `i:${Number(rest)}`
    default:
      return undefined
  }
}

/** The name of a field; undefined for other steps. */
export const fieldName = (element: PathElement): string | undefined => (element.startsWith('f:') ? element.slice(2) : undefined)

/** As messages show a path: `.spec.ports[port=80,protocol="TCP"].name`. */
export const formatPath = (path: readonly PathElement[]): string => path.map(formatElement).join('')

export function formatElement(element: PathElement): string {
  const rest = element.slice(2)
  switch (element[0]) {
    case 'f':
      return `.${rest}`
    case 'k':
      return `[${Object.entries(JSON.parse(rest) as JsonObject)
        .map(([name, value]) => `${name}=${canonicalJson(value!)}`)
        .join(',')}]`
    case 'v':
      return `[=${rest}]`
    default:
      return `[${rest}]`
  }
}

/** JSON with the fields of objects in order. */
export function canonicalJson(value: JsonValue): string {
  if (Array.isArray(value)) return `[${(value as readonly JsonValue[]).map(canonicalJson).join(',')}]`
  if (!isObject(value)) return JSON.stringify(value)
  const fields = Object.keys(value).sort()
  return `{${fields.flatMap((name) => (value[name] === undefined ? [] : [`${JSON.stringify(name)}:${canonicalJson(value[name])}`])).join(',')}}`
}
