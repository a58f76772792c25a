import type { JsonObject, JsonValue } from '@bramble/api/object'
import { isObject } from '../schema/check.ts'
import type { ObjectSchema } from '../schema/object-schema.ts'
import { ItemError, itemElement, type ListShape, type MapShape, type ScalarShape, schemaAt, shapeFor } from './shape.ts'
import { fieldElement, formatElement } from './path-element.ts'

/** What is wrong with a value at a path: `.spec.replicas`, '' for the whole. */
export interface TypedError {
  readonly path: string
  readonly message: string
}

const ERRORS_MAX = 50

/**
 * What keeps a value from being one of its schema: fields that are not declared, values of the wrong type, items that occur twice.
 * Ends at the first field of a map that is not declared, as clients know it.
 *
 * @see Source: structured-merge-diff typed/validate.go.
 */
export function typedErrors(schema: ObjectSchema, value: JsonValue): readonly TypedError[] {
  const errors: TypedError[] = []
  check(schema, value, '', errors)
  return errors
}

/** Source: structured-merge-diff typed/helpers.go ValidationErrors.Error. */
export const formatErrors = (errors: readonly TypedError[]): string => {
  const each = errors.map(({ path, message }) => `${path}: ${message}`)
  return each.length === 1 ? each[0]! : ['errors:', ...each.map((line) => `  ${line}`)].join('\n')
}

function check(schema: ObjectSchema, value: JsonValue, path: string, errors: TypedError[]): void {
  if (errors.length >= ERRORS_MAX) return
  const shape = shapeFor(schema, value)
  switch (shape.type) {
    case 'map':
      return checkMap(shape, value, path, errors)
    case 'list':
      return checkList(shape, value, path, errors)
    case 'scalar':
      return checkScalar(shape, value, path, errors)
  }
}

function checkMap(shape: MapShape, value: JsonValue, path: string, errors: TypedError[]): void {
  if (value === null) return
  if (!isObject(value)) {
    errors.push({ path, message: `expected map, got &{${goPrint(value)}}` })
    return
  }
  for (const name of Object.keys(value).sort()) {
    const inner = value[name]
    if (inner === undefined) continue
    const at = path + formatElement(fieldElement(name))
    const schema = schemaAt(shape, name)
    if (schema === undefined) {
      errors.push({ path: at, message: 'field not declared in schema' })
      return
    }
    check(schema, inner, at, errors)
  }
}

function checkList(shape: ListShape, value: JsonValue, path: string, errors: TypedError[]): void {
  if (value === null) return
  if (!Array.isArray(value)) {
    errors.push({ path, message: `expected list, got &{${goPrint(value)}}` })
    return
  }
  const seen = new Set<string>()
  for (const [index, item] of (value as readonly JsonValue[]).entries()) {
    let element = `i:${index}`
    if (shape.relation !== 'atomic') {
      try {
        element = itemElement(shape, item)
      } catch (error) {
        if (!(error instanceof ItemError)) throw error
        errors.push({ path, message: `element ${index}: ${error.message}` })
        return
      }
      if (seen.has(element)) errors.push({ path, message: `duplicate entries for key ${formatElement(element)}` })
      seen.add(element)
    }
    check(shape.items, item, path + formatElement(element), errors)
  }
}

function checkScalar({ of }: ScalarShape, value: JsonValue, path: string, errors: TypedError[]): void {
  if (value === null) return
  const type = typeof value
  if (of === 'numeric' && type !== 'number') errors.push({ path, message: `expected numeric (int or float), got ${goType(value)}` })
  if (of === 'string' && type !== 'string')
    errors.push({ path, message: `expected string, got &value.valueUnstructured{Value:${shortened(goSyntax(value))}}` })
  if (of === 'boolean' && type !== 'boolean') errors.push({ path, message: `expected boolean, got &{${goPrint(value)}}` })
  if (of === 'any scalar' && type === 'object') errors.push({ path, message: `expected any scalar, got &{${goPrint(value)}}` })
}

const SHOWN_CHARACTERS_MAX = 1_000

/** A message says what a value is, not all of it. */
export const shortened = (text: string): string => (text.length <= SHOWN_CHARACTERS_MAX ? text : `${text.slice(0, SHOWN_CHARACTERS_MAX)}…`)

/** A value as Go's `%v` shows it; only the beginning of a long one. */
export const goPrint = (value: JsonValue | undefined): string => shortened(printed(value))

function printed(value: JsonValue | undefined): string {
  if (value === null || value === undefined) return '<nil>'
  if (Array.isArray(value)) return `[${(value as readonly JsonValue[]).map(printed).join(' ')}]`
  if (isObject(value)) return `map[${fieldsOf(value, printed)}]`
  return String(value)
}

/** As `%T` does. */
function goType(value: JsonValue): string {
  if (Array.isArray(value)) return '[]interface {}'
  if (isObject(value)) return 'map[string]interface {}'
  if (typeof value === 'number') return Number.isInteger(value) ? 'int64' : 'float64'
  return typeof value === 'boolean' ? 'bool' : typeof value
}

/** As `%#v` does. */
function goSyntax(value: JsonValue): string {
  if (value === null) return 'interface {}(nil)'
  if (Array.isArray(value)) return `[]interface {}{${(value as readonly JsonValue[]).map(goSyntax).join(', ')}}`
  if (isObject(value))
    return `map[string]interface {}{${Object.keys(value)
      .sort()
      .map((name) => `${JSON.stringify(name)}:${goSyntax(value[name]!)}`)
      .join(', ')}}`
  return JSON.stringify(value)
}

const fieldsOf = (value: JsonObject, show: (value: JsonValue | undefined) => string): string =>
  Object.keys(value)
    .sort()
    .map((name) => `${name}:${show(value[name])}`)
    .join(' ')
