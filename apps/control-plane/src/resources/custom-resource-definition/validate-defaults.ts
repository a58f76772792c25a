import { type FieldError, invalidValue } from '@bramble/api/field-error'
import type { JsonValue } from '@bramble/api/object'
import type { JsonSchema } from '@bramble/api/types/custom-resource-definition'
import { cleanCopy } from '../../api/clean-copy.ts'
import { boundedCheck } from '../../api/custom/validate.ts'
import { applySchemaDefaults } from '../../api/custom/defaults.ts'
import { pruned } from '../../api/custom/prune.ts'
import { rulesOf } from '../../api/custom/rules/object-rules.ts'
import { inside } from './subschemas.ts'

/**
 * Defaults must themselves be what their schemas ask for.
 * @see Source: apiextensions-apiserver pkg/apiserver/schema/defaulting/validation.go.
 */
export const validateDefaults = (schema: JsonSchema, path: string): readonly FieldError[] => [
  ...(schema.default === undefined ? [] : validateDefault(schema, `${path}.default`)),
  ...inside(schema, path).flatMap((inner) => validateDefaults(inner.schema, inner.path)),
]

function validateDefault(schema: JsonSchema, path: string): readonly FieldError[] {
  const value = schema.default!
  const unknown: string[] = []
  const content = filledIn(schema, unknown)
  if (unknown.length > 0) return [invalidValue(path, value, 'must not have unknown fields')]
  return boundedCheck(schema, { value: content, previous: undefined, path })
}

/** Defaults must fulfil the rules of their schemas, which compile. */
export const validateDefaultRules = (schema: JsonSchema, path: string): readonly FieldError[] => [
  ...(schema.default === undefined
    ? []
    : (rulesOf(schema)?.(filledIn(schema), undefined) ?? []).map((error) => ({
        ...error,
        path: `${path}.default${inDefault(error.path)}`,
      }))),
  ...inside(schema, path).flatMap((inner) => validateDefaultRules(inner.schema, inner.path)),
]

const inDefault = (path: string): string => (path === '<nil>' ? '' : path.startsWith('[') ? path : `.${path}`)

/** A default with what its own schema fills in. */
function filledIn(schema: JsonSchema, unknown: string[] = []): JsonValue {
  const content = cleanCopy(pruned(schema, schema.default!, unknown))
  applySchemaDefaults(schema, content)
  return content
}
