import { isDeepStrictEqual } from 'node:util'
import { duplicate, type FieldError, invalidValue, notListed, required, tooLong, tooMany, typeInvalid } from '@bramble/api/field-error'
import type { JsonObject, JsonValue } from '@bramble/api/object'
import type { JsonSchema } from '@bramble/api/types/custom-resource-definition'
import { isObject } from '../schema/check.ts'
import { spend } from './check-budget.ts'
import { checkCombinations } from './combinations.ts'
import { correlatedItem } from './correlate.ts'
import { checkEmbedded } from './embedded.ts'
import { hasFormat } from './formats.ts'
import { patternOf } from './patterns.ts'
import { schemaOf } from './prune.ts'

/** A value beside what stood in its place before, as far as anybody can tell. */
export interface Placed {
  readonly value: JsonValue
  readonly previous?: JsonValue | undefined
  /** '' for the object itself. */
  readonly path: string
}

/**
 * What is wrong with a value by its schema, in Kubernetes' words. What has not changed since `previous` is not looked at: a
 * schema that became stricter does not stand in the way of those who change something else.
 *
 * Pruned and defaulted before; rules of `x-kubernetes-validations` are not part of it.
 *
 * @see Source: k8s.io/kube-openapi pkg/validation; apiextensions-apiserver pkg/apiserver/validation.
 */
export function checkValue(schema: JsonSchema, { value, previous, path }: Placed): readonly FieldError[] {
  spend(STEP_COST)
  if (previous !== undefined && isDeepStrictEqual(value, previous)) return []
  const wrongType = checkType(schema, value, path)
  if (value === null) return wrongType
  return [
    ...wrongType,
    ...checkCombinations(schema, { value, path }, checkValue),
    ...checkContent(schema, { value, previous, path }),
    ...checkEnum(schema, value, path),
  ]
}

/** Nobody reads more. */
const ERRORS_MAX = 100

/** Of one value and one schema. */
const STEP_COST = 25

function checkContent(schema: JsonSchema, { value, previous, path }: Placed): readonly FieldError[] {
  if (typeof value === 'string') return checkString(schema, value, path)
  if (typeof value === 'number') return checkNumber(schema, value, path)
  if (Array.isArray(value)) return checkArray(schema, value as readonly JsonValue[], previous, path)
  return isObject(value) ? checkObject(schema, value, previous, path) : []
}

/** As they are called in messages: by their place in the body. */
const inBody = (path: string): string => `${path} in body`

function checkType(schema: JsonSchema, value: JsonValue, path: string): readonly FieldError[] {
  const types = schema['x-kubernetes-int-or-string'] ? ['integer', 'string'] : schema.type === undefined ? [] : [schema.type]
  if (types.length === 0) return []
  if (value === null) return schema.nullable ? [] : [mismatch(path, types.join(','), 'null')]
  const found = typeOf(value)
  const fits = types.includes(found) || (found === 'integer' && types.includes('number'))
  return fits ? [] : [mismatch(path, types.join(','), found)]
}

const mismatch = (path: string, type: string, found: string): FieldError =>
  typeInvalid(path, found, `${inBody(path)} must be of type ${type}: ${JSON.stringify(found)}`)

export function typeOf(value: JsonValue): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'array'
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number'
  return typeof value
}

function checkEnum({ enum: allowed }: JsonSchema, value: JsonValue, path: string): readonly FieldError[] {
  spend(allowed?.length ?? 0)
  if (
    allowed === undefined ||
    allowed.length === 0 ||
    allowed.some((one) => one === value || (typeof one === 'object' && isDeepStrictEqual(one, value)))
  )
    return []
  return [
    notListed(
      path,
      value,
      allowed.map((one) => (typeof one === 'string' ? one : JSON.stringify(one))),
    ),
  ]
}

function checkString(schema: JsonSchema, text: string, path: string): readonly FieldError[] {
  const { minLength, maxLength, pattern, format } = schema
  const errors: FieldError[] = []
  const length = minLength !== undefined || maxLength !== undefined ? codePoints(text) : 0
  if (maxLength !== undefined && length > maxLength) errors.push(tooLong(path, maxLength))
  if (minLength !== undefined && length < minLength)
    errors.push(invalidValue(path, text, `${inBody(path)} should be at least ${minLength} chars long`))
  if (pattern !== undefined && !patternOf(pattern).test(text))
    errors.push(invalidValue(path, text, `${inBody(path)} should match '${pattern}'`))
  if (format !== undefined && !hasFormat(format, text))
    errors.push(typeInvalid(path, text, `${inBody(path)} must be of type ${format}: ${JSON.stringify(text)}`))
  return errors
}

export function codePoints(text: string): number {
  let count = 0
  for (const _ of text) count++
  return count
}

function checkNumber(schema: JsonSchema, value: number, path: string): readonly FieldError[] {
  const { minimum, maximum, exclusiveMinimum = false, exclusiveMaximum = false, multipleOf, format } = schema
  const errors: FieldError[] = []
  const refuse = (why: string): void => {
    errors.push(invalidValue(path, value, `${inBody(path)} should be ${why}`))
  }
  if (!isInRange(value, format)) errors.push(typeInvalid(path, value, `${inBody(path)} must be of type ${format}`))
  if (multipleOf !== undefined && !isMultiple(value, multipleOf)) refuse(`a multiple of ${multipleOf}`)
  if (maximum !== undefined && (exclusiveMaximum ? value >= maximum : value > maximum))
    refuse(exclusiveMaximum ? `less than ${maximum}` : `less than or equal to ${maximum}`)
  if (minimum !== undefined && (exclusiveMinimum ? value <= minimum : value < minimum))
    refuse(exclusiveMinimum ? `greater than ${minimum}` : `greater than or equal to ${minimum}`)
  return errors
}

function isInRange(value: number, format: string | undefined): boolean {
  switch (format) {
    case 'int32':
      return !Number.isInteger(value) || (value >= -(2 ** 31) && value < 2 ** 31)
    case 'int64':
      return Math.abs(value) <= 2 ** 63
    case 'float':
      return Math.abs(value) <= 3.4028234663852886e38
    default:
      return true
  }
}

/** Decimal fractions are not exact: 0.3 is a multiple of 0.1. */
const isMultiple = (value: number, of: number): boolean => of > 0 && Math.abs(value / of - Math.round(value / of)) < 1e-9

function checkArray(schema: JsonSchema, value: readonly JsonValue[], previous: JsonValue | undefined, path: string): readonly FieldError[] {
  const { minItems, maxItems, uniqueItems = false, items } = schema
  const errors: FieldError[] = []
  if (minItems !== undefined && value.length < minItems)
    errors.push(invalidValue(path, value.length, `${inBody(path)} should have at least ${minItems} items`))
  if (maxItems !== undefined && value.length > maxItems) errors.push(tooMany(path, value.length, maxItems))
  if (uniqueItems && duplicates(value, itself).length > 0)
    errors.push(invalidValue(path, value, `${inBody(path)} shouldn't contain duplicates`))
  if (items !== undefined) {
    const before = correlatedItem(schema, previous)
    for (const [index, item] of value.entries()) {
      if (errors.length >= ERRORS_MAX) break
      for (const error of checkValue(items, { value: item, previous: before(item), path: `${path}[${index}]` })) errors.push(error)
    }
  }
  return [...errors, ...checkUnique(schema, value, path)]
}

/** Sets and maps have no two items alike. Source: apiextensions-apiserver pkg/apiserver/schema/listtype. */
function checkUnique(schema: JsonSchema, value: readonly JsonValue[], path: string): readonly FieldError[] {
  const listType = schema['x-kubernetes-list-type']
  if (listType === 'set') return duplicates(value, itself).map((index) => duplicate(`${path}[${index}]`, value[index]))
  if (listType !== 'map') return []
  const keys = schema['x-kubernetes-list-map-keys'] ?? []
  const keyOf = (item: JsonValue): JsonValue =>
    isObject(item) ? Object.fromEntries(keys.filter((key) => item[key] !== undefined).map((key) => [key, item[key]!])) : null
  return duplicates(value, keyOf).map((index) => duplicate(`${path}[${index}]`, keyOf(value[index]!)))
}

const itself = (value: JsonValue): JsonValue => value

/** Places of items that stood in the list before. */
function duplicates(list: readonly JsonValue[], by: (item: JsonValue) => JsonValue): readonly number[] {
  const seen = new Set<string>()
  return list.flatMap((item, index) => {
    const key = canonical(by(item))
    const isRepeated = seen.has(key)
    seen.add(key)
    return isRepeated ? [index] : []
  })
}

/** Equal values have equal texts: the order of fields does not count. */
const canonical = (value: JsonValue): string =>
  JSON.stringify(value, (_, inner: JsonValue) =>
    isObject(inner) ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1))) : inner,
  )

function checkObject(schema: JsonSchema, value: JsonObject, previous: JsonValue | undefined, path: string): readonly FieldError[] {
  const { minProperties, maxProperties, required: names = [] } = schema
  const errors: FieldError[] = []
  const count = Object.keys(value).length
  if (minProperties !== undefined && count < minProperties)
    errors.push(invalidValue(path, count, `${inBody(path)} should have at least ${minProperties} properties`))
  if (maxProperties !== undefined && count > maxProperties) errors.push(tooMany(path, count, maxProperties))
  const before = isObject(previous) ? previous : undefined
  for (const [name, inner] of Object.entries(value)) {
    const specified = schemaOf(schema, name)
    if (errors.length >= ERRORS_MAX) break
    if (inner === undefined || typeof specified !== 'object') continue
    const was = before !== undefined && Object.hasOwn(before, name) ? before[name] : undefined
    for (const error of checkValue(specified, { value: inner, previous: was, path: join(path, name) })) errors.push(error)
  }
  for (const name of names) if (!Object.hasOwn(value, name)) errors.push(required(join(path, name)))
  return schema['x-kubernetes-embedded-resource'] ? [...errors, ...checkEmbedded(value, path)] : errors
}

export const join = (path: string, name: string): string => (path === '' ? name : `${path}.${name}`)
