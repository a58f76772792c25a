import { type FieldError, forbiddenField, invalidValue, notSupported, required } from '@bramble/api/field-error'
import type { JsonSchema } from '@bramble/api/types/custom-resource-definition'

/**
 * `x-kubernetes-list-type`, its keys, and `x-kubernetes-map-type`.
 * @see Source: apiextensions-apiserver pkg/apis/apiextensions/validation ValidateCustomResourceDefinitionOpenAPISchema, validateMapListKeysMapSet.
 */
export function validateListsAndMaps(schema: JsonSchema, path: string): readonly FieldError[] {
  const listType = schema['x-kubernetes-list-type']
  const keys = schema['x-kubernetes-list-map-keys'] ?? []
  return [
    ...topology(schema, path, 'x-kubernetes-map-type', 'object', ['atomic', 'granular']),
    ...topology(schema, path, 'x-kubernetes-list-type', 'array', ['atomic', 'map', 'set']),
    ...(keys.length === 0 || listType === 'map' ? [] : [keysWithoutMap(listType, path)]),
    ...(listType === 'map' ? validateMapList(schema, keys, path) : []),
    ...(listType === 'map' || listType === 'set' ? validateItems(schema, listType, keys, path) : []),
  ]
}

function topology(
  schema: JsonSchema,
  path: string,
  word: 'x-kubernetes-map-type' | 'x-kubernetes-list-type',
  type: string,
  values: readonly string[],
): readonly FieldError[] {
  const value = schema[word]
  if (value === undefined) return []
  const must = `must be ${type} if ${word} is specified`
  if (schema.type !== type) return [schema.type ? invalidValue(`${path}.type`, schema.type, must) : required(`${path}.type`, must)]
  return values.includes(value) ? [] : [notSupported(`${path}.${word}`, value, values)]
}

function keysWithoutMap(listType: string | undefined, path: string): FieldError {
  const at = `${path}.x-kubernetes-list-type`
  const must = 'must be map if x-kubernetes-list-map-keys is non-empty'
  return listType === undefined ? required(at, must) : invalidValue(at, listType, must)
}

function validateMapList({ items }: JsonSchema, keys: readonly string[], path: string): readonly FieldError[] {
  const at = `${path}.x-kubernetes-list-map-keys`
  const { type = '', properties = {} } = items ?? {}
  return [
    ...(keys.length === 0 ? [required(at, 'must not be empty if x-kubernetes-list-type is map')] : []),
    ...(items === undefined ? [required(`${path}.items`, 'must have a schema if x-kubernetes-list-type is map')] : []),
    ...(items !== undefined && type !== 'object'
      ? [invalidValue(`${path}.items.type`, type, "must be object if parent array's x-kubernetes-list-type is map")]
      : []),
    ...keys.flatMap((key, index) => [
      ...(Object.hasOwn(properties, key) ? [] : [invalidValue(at, keys, 'entries must all be names of item properties')]),
      ...(['array', 'object'].includes((Object.hasOwn(properties, key) && properties[key]!.type) || '')
        ? [
            invalidValue(
              `${path}.items.properties[${key}].type`,
              properties[key]!.type,
              "must be a scalar type if parent array's x-kubernetes-list-type is map",
            ),
          ]
        : []),
      ...(keys.indexOf(key) < index ? [invalidValue(at, keys, 'must not contain duplicate entries')] : []),
    ]),
  ]
}

function validateItems({ items }: JsonSchema, listType: 'map' | 'set', keys: readonly string[], path: string): readonly FieldError[] {
  if (items === undefined) return []
  const at = `${path}.items`
  const errors: FieldError[] = []
  if (items.nullable) errors.push(forbiddenField(`${at}.nullable`, `cannot be nullable when x-kubernetes-list-type is ${listType}`))
  if (listType === 'set') {
    const must = 'must be atomic as item of a list with x-kubernetes-list-type=set'
    const itemsList = items['x-kubernetes-list-type']
    if (items.type === 'array' && itemsList !== undefined && itemsList !== 'atomic')
      errors.push(forbiddenField(`${at}.x-kubernetes-list-type`, must))
    if (items.type === 'object' && items['x-kubernetes-map-type'] !== 'atomic')
      errors.push(forbiddenField(`${at}.x-kubernetes-map-type`, must))
    return errors
  }
  for (const key of keys) {
    const property = items.properties && Object.hasOwn(items.properties, key) ? items.properties[key] : undefined
    if (!property) continue
    const of = `${at}.properties[${key}]`
    if (!items.required?.includes(key) && property.default === undefined)
      errors.push(
        required(`${of}.default`, 'this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property'),
      )
    if (property.nullable)
      errors.push(forbiddenField(`${of}.nullable`, 'this property is in x-kubernetes-list-map-keys, so it cannot be nullable'))
  }
  return errors
}
