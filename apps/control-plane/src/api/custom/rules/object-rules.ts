import { isDeepStrictEqual } from 'node:util'
import { duplicate, type FieldError, forbiddenField, invalidValue, required } from '@bramble/api/field-error'
import type { JsonValue } from '@bramble/api/object'
import type { JsonSchema, ValidationRule } from '@bramble/api/types/custom-resource-definition'
import { typeOf } from '../check-value.ts'
import { correlatedItem } from '../correlate.ts'
import { resolveFieldPath } from '../field-path.ts'
import { isObject } from '../../schema/check.ts'
import { Budget } from './budget.ts'
import type { Expression, RulePlace, Values } from './compile.ts'
import { rulesEngine } from './library.ts'

type CheckRules = (value: JsonValue, previous: JsonValue | undefined) => readonly FieldError[]

/**
 * What the rules of a schema say of an object; undefined when it has none. Compiled when they are needed first.
 *
 * Rules that speak of `oldSelf` run where there was a value before; the others do not run where nothing has changed since.
 *
 * @see Source: apiextensions-apiserver pkg/apiserver/schema/cel/validation.go.
 */
export function rulesOf(schema: JsonSchema): CheckRules | undefined {
  if (!hasRules(schema)) return undefined
  let root: Place | undefined
  return (value, previous) => {
    root ??= placeOf(schema, true)
    const run: Run = { budget: new Budget(), errors: [] }
    if (root) check(root, { value, previous, path: '' }, run)
    return run.errors
  }
}

/** A schema with rules, or with rules inside. */
interface Place {
  readonly schema: JsonSchema
  readonly type: RulePlace | undefined
  readonly rules: readonly Rule[]
  readonly properties: ReadonlyMap<string, Place>
  readonly values: Place | undefined
  readonly items: Place | undefined
}

interface Rule {
  readonly source: ValidationRule
  readonly expression: Expression
  readonly message: Expression | undefined
  /** `.spec` and the like, as errors print it. */
  readonly fieldPath: string
}

const hasRules = (schema: JsonSchema): boolean =>
  (schema['x-kubernetes-validations'] ?? []).length > 0 ||
  Object.values(schema.properties ?? {}).some(hasRules) ||
  (typeof schema.additionalProperties === 'object' && hasRules(schema.additionalProperties)) ||
  (schema.items !== undefined && hasRules(schema.items))

function placeOf(schema: JsonSchema | boolean | undefined, isRoot = false): Place | undefined {
  if (typeof schema !== 'object' || !hasRules(schema)) return undefined
  const sources = schema['x-kubernetes-validations'] ?? []
  const type = sources.length > 0 ? new (rulesEngine().RulePlace)(schema, isRoot) : undefined
  const properties = Object.entries(schema.properties ?? {}).flatMap(([name, inner]) => {
    const place = placeOf(inner)
    return place ? [[name, place] as const] : []
  })
  return {
    schema,
    type,
    rules: type ? sources.map((source) => ruleOf(type, schema, source)) : [],
    properties: new Map(properties),
    values: placeOf(schema.additionalProperties),
    items: placeOf(schema.items),
  }
}

function ruleOf(type: RulePlace, schema: JsonSchema, source: ValidationRule): Rule {
  const isOptional = source.optionalOldSelf === true
  const field = source.fieldPath ? resolveFieldPath(schema, source.fieldPath, { allowsLists: false }) : undefined
  return {
    source,
    expression: type.compile(source.rule, 'bool', isOptional),
    message: source.messageExpression ? type.compile(source.messageExpression, 'string', isOptional) : undefined,
    fieldPath: typeof field === 'object' ? field.path : '',
  }
}

interface Placed {
  readonly value: JsonValue
  readonly previous: JsonValue | undefined
  readonly path: string
}
interface Run {
  readonly budget: Budget
  readonly errors: FieldError[]
}

function check(place: Place, placed: Placed, run: Run): void {
  const { value, previous, path } = placed
  if (value === null || run.budget.isExhausted) return
  if (place.type) checkRules(place, place.type, placed, run)
  if (isObject(value)) {
    const before = isObject(previous) ? previous : undefined
    for (const [name, inner] of Object.entries(value)) {
      if (inner === undefined) continue
      const property = place.properties.get(name)
      const next = property ?? (place.schema.properties && Object.hasOwn(place.schema.properties, name) ? undefined : place.values)
      const innerPath = property ? (path === '' ? name : `${path}.${name}`) : `${path}[${name}]`
      const was = before && Object.hasOwn(before, name) ? before[name] : undefined
      if (next) check(next, { value: inner, previous: was, path: innerPath }, run)
    }
  } else if (Array.isArray(value) && place.items) {
    const before = correlatedItem(place.schema, previous)
    for (const [index, item] of (value as readonly JsonValue[]).entries())
      check(place.items, { value: item, previous: before(item), path: `${path}[${index}]` }, run)
  }
}

function checkRules({ rules }: Place, type: RulePlace, { value, previous, path }: Placed, { budget, errors }: Run): void {
  const isChanged = previous === undefined || !isDeepStrictEqual(value, previous)
  const due = rules.filter(({ expression, source }) =>
    expression.usesOldSelf ? previous !== undefined || source.optionalOldSelf === true : isChanged,
  )
  if (due.length === 0) return
  const oldSelf = previous === undefined ? undefined : type.convert(previous)
  const values: Values = { self: type.convert(value), ...(oldSelf !== undefined && { oldSelf }) }
  for (const rule of due) {
    budget.startRule()
    const fault = faultOf(rule, values, budget)
    if (fault !== undefined) errors.push(errorOf(rule, fault, path, typeOf(value)))
    if (budget.isExhausted) return
  }
}

/** @returns Undefined when the rule holds. */
function faultOf({ source, expression, message }: Rule, values: Values, budget: Budget): string | undefined {
  const { evaluationMessage } = rulesEngine()
  const shown = source.message?.trim() || source.rule.trim()
  try {
    const holds = expression.run(values, budget)
    if (!budget.isRuleExhausted && !budget.isExhausted) {
      if (holds === true) return undefined
      return (message && ownMessage(message, values, budget)) ?? (source.message?.trim() || `failed rule: ${source.rule.trim()}`)
    }
  } catch (error) {
    if (!budget.isRuleExhausted && !budget.isExhausted) return `${evaluationMessage(error)} evaluating rule: ${shown}`
  }
  return budget.isExhausted
    ? 'validation failed due to running out of cost budget, no further validation rules will be run'
    : `call cost exceeds limit for rule: ${shown}, no further validation rules will be run due to call cost exceeds limit for rule: ${shown}`
}

const MESSAGE_LENGTH_MAX = 5 * 1024

/** A message that cannot be made, or that says nothing, is left to the fixed one. */
function ownMessage(message: Expression, values: Values, budget: Budget): string | undefined {
  try {
    const text = message.run(values, budget)
    if (typeof text !== 'string') return undefined
    const trimmed = text.trim()
    return trimmed === '' || trimmed.length > MESSAGE_LENGTH_MAX || /[\n\r]/.test(trimmed) ? undefined : trimmed
  } catch {
    return undefined
  }
}

function errorOf({ source: { reason }, fieldPath }: Rule, fault: string, path: string, type: string): FieldError {
  const at = fieldPath === '' ? path || '<nil>' : path === '' ? fieldPath : `${path}.${fieldPath}`
  switch (reason) {
    case 'FieldValueForbidden':
      return forbiddenField(at, fault)
    case 'FieldValueRequired':
      return required(at, fault)
    case 'FieldValueDuplicate':
      return duplicate(at, type)
    default:
      return invalidValue(at, type, fault)
  }
}
