import { type FieldError, invalidValue } from '@bramble/api/field-error'
import type { JsonSchema } from '@bramble/api/types/custom-resource-definition'
import { cleanCopy } from '../../api/clean-copy.ts'
import { boundedCheck } from '../../api/custom/validate.ts'
import { applySchemaDefaults } from '../../api/custom/defaults.ts'
import { pruned } from '../../api/custom/prune.ts'
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
  const content = cleanCopy(pruned(schema, value, unknown))
  if (unknown.length > 0) return [invalidValue(path, value, 'must not have unknown fields')]
  applySchemaDefaults(schema, content)
  return boundedCheck(schema, { value: content, previous: undefined, path })
}
