import type { FieldError } from '@bramble/api/field-error'
import type { JsonSchema } from '@bramble/api/types/custom-resource-definition'

export function validateRules(_schema: JsonSchema, _path: string): readonly FieldError[] {
  return []
}
