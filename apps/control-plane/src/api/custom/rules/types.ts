import { type Environment, evaluate } from '@marcbachmann/cel-js'
import type { JsonObject, JsonValue } from '@bramble/api/object'
import type { JsonSchema } from '@bramble/api/types/custom-resource-definition'
import { isObject } from '../../schema/check.ts'
import { charge, weigh } from './budget.ts'

/** How values of a schema look to rules. */
export interface RuleType {
  /** In the library's words: `int`, `list<Object2>`. */
  readonly name: string
  convert(value: JsonValue): unknown
}

/** What every object has; of the metadata only the names are seen. */
const RESOURCE: Readonly<Record<string, JsonSchema>> = {
  apiVersion: { type: 'string' },
  kind: { type: 'string' },
  metadata: { type: 'object', properties: { name: { type: 'string' }, generateName: { type: 'string' } } },
}

/**
 * The type of a schema, declared in an environment.
 *
 * @param isRoot The schema is that of a whole object.
 * @returns Undefined when rules cannot see such values: nothing is said of what they are.
 * @see Source: k8s.io/apiserver pkg/cel/common SchemaDeclType; Kubernetes documentation, "Type system integration".
 */
export function declareType(environment: Environment, schema: JsonSchema, isRoot: boolean): RuleType | undefined {
  let count = 0
  const nameObject = (): string => `Object${++count}`
  return typeOf({ environment, nameObject }, schema, isRoot)
}

interface Declaring {
  readonly environment: Environment
  nameObject(): string
}

function typeOf(declaring: Declaring, schema: JsonSchema, isRoot = false): RuleType | undefined {
  const type = plainType(declaring, schema, isRoot)
  return type && schema.nullable ? { name: 'dyn', convert: (value) => (value === null ? null : type.convert(value)) } : type
}

function plainType(declaring: Declaring, schema: JsonSchema, isRoot: boolean): RuleType | undefined {
  if (schema['x-kubernetes-int-or-string']) return { name: 'dyn', convert: (value) => (typeof value === 'number' ? integer(value) : value) }
  switch (schema.type) {
    case 'boolean':
      return { name: 'bool', convert: same }
    case 'integer':
      return { name: 'int', convert: integer }
    case 'number':
      return { name: 'double', convert: same }
    case 'string':
      return STRINGS[schema.format ?? ''] ?? { name: 'string', convert: same }
    case 'array':
      return listType(declaring, schema)
    case 'object':
      return typeof schema.additionalProperties === 'object'
        ? mapType(declaring, schema.additionalProperties)
        : objectType(declaring, schema, isRoot)
    default:
      return undefined
  }
}

const same = (value: JsonValue): unknown => value
const integer = (value: JsonValue): unknown => (typeof value === 'number' && Number.isInteger(value) ? BigInt(value) : value)

const STRINGS: Readonly<Record<string, RuleType>> = {
  byte: { name: 'bytes', convert: (value) => (typeof value === 'string' ? new Uint8Array(Buffer.from(value, 'base64')) : value) },
  date: { name: 'google.protobuf.Timestamp', convert: instant },
  'date-time': { name: 'google.protobuf.Timestamp', convert: instant },
  duration: { name: 'google.protobuf.Duration', convert: (value) => evaluate('duration(text)', { text: value }) },
}

function instant(value: JsonValue): unknown {
  const date = new Date(String(value))
  return Number.isNaN(date.getTime()) ? value : date
}

function listType(declaring: Declaring, schema: JsonSchema): RuleType | undefined {
  const item = schema.items && typeOf(declaring, schema.items)
  if (!item) return undefined
  const isSet = schema['x-kubernetes-list-type'] === 'set'
  return {
    name: `list<${item.name}>`,
    convert: (value) => {
      if (!Array.isArray(value)) return value
      const items = (value as readonly JsonValue[]).map((each) => item.convert(each))
      return isSet ? new Set(items) : items
    },
  }
}

function mapType(declaring: Declaring, values: JsonSchema): RuleType | undefined {
  const type = typeOf(declaring, values)
  return (
    type && {
      name: `map<string, ${type.name}>`,
      convert: (value) => (isObject(value) ? new Map(Object.entries(value).map(([key, inner]) => [key, type.convert(inner!)])) : value),
    }
  )
}

function objectType(declaring: Declaring, schema: JsonSchema, isRoot: boolean): RuleType {
  const { environment } = declaring
  const name = declaring.nameObject()
  const isResource = isRoot || schema['x-kubernetes-embedded-resource'] === true
  const properties = { ...schema.properties, ...(isResource && RESOURCE) }
  const fields = new Map<string, RuleType>()
  for (const [property, inner] of Object.entries(properties)) {
    const type = isAccessible(property) ? typeOf(declaring, inner) : undefined
    if (type) fields.set(property, type)
  }
  const Value = { [name]: class extends Map<string, unknown> {} }[name]!
  const declared = Object.fromEntries([...fields].map(([property, type]) => [escapeField(property), type.name]))
  environment.registerType(name, { ctor: Value, fields: declared })
  environment.registerOperator(`${name} == ${name}`, (left: unknown, right: unknown) => {
    charge(weigh(left) + weigh(right))
    return isSame(left, right)
  })
  environment.registerOperator(`${name} == null`, () => false)
  return {
    name,
    convert: (value) => {
      if (!isObject(value)) return value
      const converted = new Value()
      for (const [property, type] of fields)
        if (hasValue(value, property)) converted.set(escapeField(property), type.convert(value[property]!))
      return converted
    },
  }
}

const hasValue = (value: JsonObject, property: string): boolean => Object.hasOwn(value, property) && value[property] !== undefined

/** Deep, whatever the types: both sides have the same. */
function isSame(left: unknown, right: unknown): boolean {
  if (left === right) return true
  if (left instanceof Map && right instanceof Map)
    return left.size === right.size && [...left].every(([key, value]) => right.has(key) && isSame(value, right.get(key)))
  if (Array.isArray(left) && Array.isArray(right))
    return left.length === right.length && left.every((item, index) => isSame(item, right[index]))
  if (left instanceof Set && right instanceof Set) return left.size === right.size && [...left].every((item) => right.has(item))
  if (left instanceof Date && right instanceof Date) return left.getTime() === right.getTime()
  if (left instanceof Uint8Array && right instanceof Uint8Array) return Buffer.compare(left, right) === 0
  return left instanceof DURATION && right instanceof DURATION && String(left) === String(right)
}

const DURATION = (evaluate('duration("0s")') as object).constructor as new () => object

const isAccessible = (property: string): boolean => /^[A-Za-z_./-][A-Za-z0-9_./-]*$/.test(property)

const KEYWORDS: ReadonlySet<string> = new Set(
  'true false null in as break const continue else for function if import let loop package namespace return var void while'.split(' '),
)

/** A field's name in rules. Source: k8s.io/apiserver pkg/cel/escaping.go. */
export function escapeField(property: string): string {
  if (KEYWORDS.has(property)) return `__${property}__`
  return property.replace(/__|[./-]/g, (found) => ESCAPES[found]!)
}
const ESCAPES: Readonly<Record<string, string>> = { __: '__underscores__', '.': '__dot__', '-': '__dash__', '/': '__slash__' }
