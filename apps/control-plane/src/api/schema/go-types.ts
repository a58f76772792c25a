import type { JsonValue } from '@bramble/api/object'
import type { PropertySchema } from './object-schema.ts'

// Names that Go's JSON decoder gives to types and values, for messages that people know from Kubernetes.

/** A value of the wrong type; the message is that of Go's JSON decoder. */
export class TypeMismatch extends Error {
  override name = 'TypeMismatch'
}

/** The name of the type that a value of `schema` has in Kubernetes. */
export function goType(schema: PropertySchema): string {
  if (schema.goType !== undefined) return schema.goType
  switch (schema.type) {
    case 'ref':
      return schema.ref.split('.').slice(-2).join('.')
    case 'array':
      return `[]${goType(schema.items)}`
    case 'map':
      return `map[string]${goType(schema.values)}`
    case 'integer':
      return schema.format
    case 'number':
      return 'float64'
    case 'boolean':
      return 'bool'
    case 'quantity':
      return 'resource.Quantity'
    case 'int-or-string':
      return 'intstr.IntOrString'
    case 'string':
      return schema.format === 'byte' ? '[]uint8' : schema.format === undefined ? 'string' : 'v1.Time'
    case 'object':
      return 'struct'
    case 'any':
      return 'interface {}'
  }
}

/** The schema of a list's items or a map's values, with the type name that the name of the whole tells. */
export function elementOf(whole: PropertySchema, element: PropertySchema): PropertySchema {
  const name = /^(?:\[\]|map\[[^\]]*\])(.+)$/.exec(whole.goType ?? '')?.[1]
  return name === undefined || name === goType(element) ? element : { ...element, goType: name }
}

/** How Go calls the kind of a JSON value. */
export function goKind(value: unknown): string {
  if (Array.isArray(value)) return 'array'
  if (typeof value === 'boolean') return 'bool'
  return value === null ? 'null' : typeof value
}

/** A number with its digits, where it is the number that is wrong. */
export const numberText = (value: JsonValue, literal: string | undefined): string => `number ${literal ?? String(value)}`

/** The name of a struct: that of its definition. */
export const structName = (ref: string): string => ref.slice(ref.lastIndexOf('.') + 1)
