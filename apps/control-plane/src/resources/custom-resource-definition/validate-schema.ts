import { type FieldError, forbiddenField, invalidValue, notSupported } from '@bramble/api/field-error'
import type { JsonSchema } from '@bramble/api/types/custom-resource-definition'
import { PatternError, patternOf } from '../../api/custom/patterns.ts'
import { ROOT_FIELDS } from '../../api/custom/prune.ts'
import { subschemas } from './subschemas.ts'
import { validateDefaultRules, validateDefaults } from './validate-defaults.ts'
import { validateListsAndMaps } from './validate-lists.ts'
import { validateTotals } from './validate-totals.ts'
import { validateRules } from './validate-rules.ts'
import { validateStructure } from './validate-structure.ts'

/** What is known of the version whose schema is checked. */
export interface SchemaContext {
  readonly hasStatus: boolean
  readonly apiVersion: string
}

/**
 * The schema of one version: its keywords, that it is structural, its defaults, its rules.
 * @see Source: apiextensions-apiserver pkg/apis/apiextensions/validation ValidateCustomResourceDefinitionValidation.
 */
export function validateSchema(root: JsonSchema, { hasStatus }: SchemaContext, path: string): readonly FieldError[] {
  const excess = validateTotals(root, path)
  if (excess.length > 0) return excess
  const errors = [
    ...(root.nullable ? [forbiddenField(`${path}.nullable`, 'nullable cannot be true at the root')] : []),
    ...(hasStatus ? validateRootFields(root, path) : []),
    ...validateKeywords(root, { path, isRoot: true, isInMetadata: false, noDefaults: false }),
  ]
  const structure = validateStructure(root, path)
  if (errors.length > 0 || structure.length > 0) return [...errors, ...structure]
  const faults = [...validateDefaults(root, path), ...validateRules(root, path)]
  return faults.length > 0 ? faults : validateDefaultRules(root, path)
}

const BESIDE_STATUS: ReadonlySet<string> = new Set([
  'description',
  'type',
  'format',
  'title',
  'maximum',
  'exclusiveMaximum',
  'minimum',
  'exclusiveMinimum',
  'maxLength',
  'minLength',
  'pattern',
  'maxItems',
  'minItems',
  'uniqueItems',
  'multipleOf',
  'required',
  'items',
  'properties',
  'externalDocs',
  'example',
  'x-kubernetes-preserve-unknown-fields',
  'x-kubernetes-validations',
])

/** The status is checked alone when it is written alone: what speaks of the whole object must not be needed for it. */
function validateRootFields(root: JsonSchema, path: string): readonly FieldError[] {
  const others = Object.keys(root).filter((name) => !BESIDE_STATUS.has(name))
  if (others.length === 0) return []
  const why = `only ${JSON.stringify([...BESIDE_STATUS])} fields are allowed at the root of the schema if the status subresource is enabled`
  return [invalidValue(path, others, why)]
}

interface Place {
  readonly path: string
  readonly isRoot: boolean
  /** Within the schema of an object's metadata, where no resource can be embedded. */
  readonly isInMetadata: boolean
  readonly noDefaults: boolean
}

const TYPES: readonly string[] = ['array', 'boolean', 'integer', 'number', 'object', 'string']

function validateKeywords(schema: JsonSchema, place: Place): readonly FieldError[] {
  const { path } = place
  return [
    ...validateForbidden(schema, place),
    ...(schema.type && schema.type !== 'null' && !TYPES.includes(schema.type) ? [notSupported(`${path}.type`, schema.type, TYPES)] : []),
    ...validatePattern(schema.pattern, path),
    ...(schema.uniqueItems
      ? [forbiddenField(`${path}.uniqueItems`, 'uniqueItems cannot be set to true since the runtime complexity becomes quadratic')]
      : []),
    ...validateAdditional(schema, path),
    ...(schema['x-kubernetes-preserve-unknown-fields'] === false
      ? [invalidValue(`${path}.x-kubernetes-preserve-unknown-fields`, false, 'must be true or undefined')]
      : []),
    ...validateListsAndMaps(schema, path),
    ...subschemas(schema, path).flatMap(({ schema: inner, path: innerPath, property }) => {
      const isMetadata = property === 'metadata' && (place.isRoot || schema['x-kubernetes-embedded-resource'] === true)
      return validateKeywords(inner, {
        path: innerPath,
        isRoot: false,
        isInMetadata: place.isInMetadata || isMetadata,
        noDefaults: place.noDefaults || (place.isRoot && property !== undefined && ROOT_FIELDS.has(property)),
      })
    }),
  ]
}

const NOT_SUPPORTED: readonly string[] = ['id', 'additionalItems', 'patternProperties', 'definitions', 'dependencies', '$ref', '$schema']

function validateForbidden(schema: JsonSchema, { path, isInMetadata, noDefaults }: Place): readonly FieldError[] {
  const given = NOT_SUPPORTED.filter((name) => Object.hasOwn(schema, name))
  return [
    ...given.map((name) => forbiddenField(`${path}.${name}`, `${name} is not supported`)),
    ...(schema.type === 'null' ? [forbiddenField(`${path}.type`, 'type cannot be set to null, use nullable as an alternative')] : []),
    ...(Array.isArray(schema.items) ? [forbiddenField(`${path}.items`, 'items must be a schema object and not an array')] : []),
    ...(schema.items !== undefined && typeof schema.items !== 'object'
      ? [invalidValue(`${path}.items`, schema.items, 'must be a schema')]
      : []),
    ...(noDefaults && schema.default !== undefined
      ? [forbiddenField(`${path}.default`, 'must not be set in top-level metadata, apiVersion and kind')]
      : []),
    ...(isInMetadata && schema['x-kubernetes-embedded-resource']
      ? [forbiddenField(`${path}.x-kubernetes-embedded-resource`, 'must not be used inside of resource meta')]
      : []),
  ]
}

function validatePattern(pattern: string | undefined, path: string): readonly FieldError[] {
  if (!pattern) return []
  try {
    patternOf(pattern)
    return []
  } catch (error) {
    if (!(error instanceof PatternError)) throw error
    return [invalidValue(`${path}.pattern`, pattern, `must be a valid regular expression, but isn't: ${error.message}`)]
  }
}

function validateAdditional({ additionalProperties, properties = {} }: JsonSchema, path: string): readonly FieldError[] {
  if (additionalProperties === undefined) return []
  const at = `${path}.additionalProperties`
  if (typeof additionalProperties !== 'boolean' && (typeof additionalProperties !== 'object' || Array.isArray(additionalProperties)))
    return [invalidValue(at, additionalProperties, 'must be a schema or a boolean')]
  if (additionalProperties === false) return [forbiddenField(at, 'additionalProperties cannot be set to false')]
  return Object.keys(properties).length > 0 && additionalProperties !== true
    ? [forbiddenField(at, 'additionalProperties and properties are mutual exclusive')]
    : []
}
