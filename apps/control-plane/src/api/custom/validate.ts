import type { FieldError } from '@bramble/api/field-error'
import type { JsonValue, KubeObject } from '@bramble/api/object'
import type { JsonSchema } from '@bramble/api/types/custom-resource-definition'
import { checkValue, type Placed } from './check-value.ts'
import { CheckBudgetError, withCheckBudget } from './check-budget.ts'
import { rulesOf } from './rules/object-rules.ts'

type Validate = (object: KubeObject, previous: KubeObject | undefined) => readonly FieldError[]

/** Errors after which rules would look at values that are not what they take them for. */
const BLOCKING: ReadonlySet<string> = new Set(['FieldValueRequired', 'FieldValueTooLong', 'FieldValueTooMany', 'FieldValueTypeInvalid'])
const UNCHECKED: FieldError = {
  type: 'FieldValueInvalid',
  path: '<nil>',
  message:
    'Invalid value: "null": some validation rules were not checked because the object was invalid; correct the existing errors to complete validation',
}

/**
 * What is wrong with objects of one version of a custom kind: by its schema, then by its rules.
 * @param apiVersion As clients of this version see it; what is stored may have another.
 */
export function objectValidator(schema: JsonSchema, apiVersion: string): Validate {
  const rules = rulesOf(schema)
  return (object, previous) => {
    const value = { ...object, apiVersion } as unknown as JsonValue
    const before = previous && ({ ...previous, apiVersion } as unknown as JsonValue)
    const errors = boundedCheck(schema, { value, previous: before, path: '' })
    if (rules === undefined) return errors
    return errors.some(({ type }) => BLOCKING.has(type)) ? [...errors, UNCHECKED] : [...errors, ...rules(value, before)]
  }
}

/** An object that takes too long to check against its schema is refused: nobody else would be served meanwhile. */
export function boundedCheck(schema: JsonSchema, placed: Placed): readonly FieldError[] {
  try {
    return withCheckBudget(() => checkValue(schema, placed))
  } catch (error) {
    if (!(error instanceof CheckBudgetError)) throw error
    return [
      {
        type: 'FieldValueTooLong',
        path: '<nil>',
        message: 'Too long: the object takes too long to check against its schema',
      },
    ]
  }
}
