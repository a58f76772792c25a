import type { FieldError } from '@bramble/api/field-error'
import type { JsonValue } from '@bramble/api/object'
import type { JsonSchema } from '@bramble/api/types/custom-resource-definition'

/** What the rules of a schema say of a value; undefined when it has none. */
export function rulesOf(_schema: JsonSchema): ((value: JsonValue, previous: JsonValue | undefined) => readonly FieldError[]) | undefined {
  return undefined
}
