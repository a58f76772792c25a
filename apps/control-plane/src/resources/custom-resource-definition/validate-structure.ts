import { type FieldError, forbiddenField, invalidValue, required } from '@bramble/api/field-error'
import type { JsonSchema } from '@bramble/api/types/custom-resource-definition'
import { combined, inside } from './subschemas.ts'
import { validateNested } from './validate-nested.ts'

type Level = 'root' | 'field' | 'item'

const EMPTY_TYPE: Readonly<Record<Level, string>> = {
  root: 'must not be empty at the root',
  field: 'must not be empty for specified object fields',
  item: 'must not be empty for specified array items',
}

/**
 * That a schema is structural: it says of every value what type it has, and what is in it, outside of `allOf` and the like.
 * @see Source: apiextensions-apiserver pkg/apiserver/schema/validation.go, complete.go.
 */
export const validateStructure = (root: JsonSchema, path: string): readonly FieldError[] => [...invariants(root, 'root', path)].sort(byText)

const byText = (a: FieldError, b: FieldError): number => (`${a.path}: ${a.message}` < `${b.path}: ${b.message}` ? -1 : 1)

function invariants(schema: JsonSchema, level: Level, path: string): readonly FieldError[] {
  return [
    ...(schema.type === 'array' && schema.items === undefined ? [required(`${path}.items`, 'must be specified')] : []),
    ...inside(schema, path).flatMap((inner) =>
      invariants(inner.schema, inner.path === `${path}.items` && inner.property === undefined ? 'item' : 'field', inner.path),
    ),
    ...(level === 'root' && schema.additionalProperties !== undefined
      ? [forbiddenField(`${path}.additionalProperties`, 'must not be used at the root')]
      : []),
    ...validateExtensions(schema, path),
    ...combined(schema, path).flatMap((nested) =>
      validateNested(nested, schema, path, { mayName: mayNameTypes(schema, nested.path, path) }),
    ),
    ...validateType(schema, level, path),
    ...validateResource(schema, level, path),
  ]
}

function validateType(schema: JsonSchema, level: Level, path: string): readonly FieldError[] {
  const at = `${path}.type`
  if (schema['x-kubernetes-embedded-resource'] && schema.type !== 'object') {
    const must = 'must be object if x-kubernetes-embedded-resource is true'
    return [schema.type ? invalidValue(at, schema.type, must) : required(at, must)]
  }
  if (!schema.type)
    return schema['x-kubernetes-int-or-string'] || schema['x-kubernetes-preserve-unknown-fields'] ? [] : [required(at, EMPTY_TYPE[level])]
  return level === 'root' && schema.type !== 'object' ? [invalidValue(at, schema.type, 'must be object at the root')] : []
}

function validateExtensions(schema: JsonSchema, path: string): readonly FieldError[] {
  if (!schema['x-kubernetes-int-or-string']) return []
  return [
    ...(schema.type ? [forbiddenField(`${path}.type`, 'must be empty if x-kubernetes-int-or-string is true')] : []),
    ...(schema['x-kubernetes-preserve-unknown-fields']
      ? [forbiddenField(`${path}.x-kubernetes-preserve-unknown-fields`, 'must be false if x-kubernetes-int-or-string is true')]
      : []),
  ]
}

/** The one place where alternatives may name types: an integer or a string. */
function mayNameTypes(schema: JsonSchema, nestedPath: string, path: string): boolean {
  if (!schema['x-kubernetes-int-or-string']) return false
  const rest = nestedPath.slice(path.length)
  return /^\.anyOf\[[01]\]$/.test(rest) ? isIntOrString(schema.anyOf) : rest === '.allOf[0]' && isIntOrString(schema.allOf?.[0]?.anyOf)
}

const isIntOrString = (anyOf: readonly JsonSchema[] | undefined): boolean =>
  anyOf?.length === 2 && anyOf[0]?.type === 'integer' && anyOf[1]?.type === 'string' && anyOf.every((one) => Object.keys(one).length === 1)

/** What the object itself, and objects within it, have by nature. */
function validateResource(schema: JsonSchema, level: Level, path: string): readonly FieldError[] {
  const isEmbedded = schema['x-kubernetes-embedded-resource'] === true
  const { properties = {} } = schema
  if (level !== 'root' && !isEmbedded) return []
  const errors: FieldError[] = []
  if (isEmbedded && schema.additionalProperties !== undefined)
    errors.push(forbiddenField(`${path}.additionalProperties`, 'must not be used if x-kubernetes-embedded-resource is set'))
  if (isEmbedded && !schema['x-kubernetes-preserve-unknown-fields'] && Object.keys(properties).length === 0)
    errors.push(
      required(
        `${path}.properties`,
        'must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields',
      ),
    )
  for (const [name, type] of [
    ['kind', 'string'],
    ['apiVersion', 'string'],
    ['metadata', 'object'],
  ] as const)
    if (Object.hasOwn(properties, name) && properties[name]!.type !== type)
      errors.push(invalidValue(`${path}.properties[${name}].type`, properties[name]!.type ?? '', `must be ${type}`))
  if (level === 'root' && Object.hasOwn(properties, 'metadata') && !namesOnly(properties['metadata']!))
    errors.push(
      forbiddenField(
        `${path}.properties[metadata]`,
        'must not specify anything other than name and generateName, but metadata is implicitly specified',
      ),
    )
  return errors
}

function namesOnly({ type: _type, properties = {}, description: _description, ...rest }: JsonSchema): boolean {
  return Object.keys(rest).length === 0 && Object.keys(properties).every((name) => name === 'name' || name === 'generateName')
}
