import { type FieldError, invalidValue } from '@bramble/api/field-error'
import type { JsonValue } from '@bramble/api/object'
import type { JsonSchema } from '@bramble/api/types/custom-resource-definition'

type Check = (schema: JsonSchema, place: { readonly value: JsonValue; readonly path: string }) => readonly FieldError[]

/** How Kubernetes prints the place of an error that is about several schemas at once. */
const NOWHERE = '<nil>'

/**
 * `allOf`, `anyOf`, `oneOf` and `not`.
 * @see Source: k8s.io/kube-openapi pkg/validation/validate schema_props.go, schema_messages.go.
 */
export function checkCombinations(
  { allOf = [], anyOf = [], oneOf = [], not }: JsonSchema,
  place: { readonly value: JsonValue; readonly path: string },
  check: Check,
): readonly FieldError[] {
  const of = (schemas: readonly JsonSchema[]): readonly (readonly FieldError[])[] => schemas.map((schema) => check(schema, place))
  const says = (why: string): FieldError => invalidValue(NOWHERE, '', `${JSON.stringify(place.path)} ${why}`)
  const errors: FieldError[] = []

  const any = of(anyOf)
  if (any.length > 0 && !any.some(isFine)) errors.push(says('must validate at least one schema (anyOf)'), ...nearest(any))
  const one = of(oneOf)
  const fine = one.filter(isFine).length
  if (one.length > 0 && fine === 0) errors.push(says('must validate one and only one schema (oneOf). Found none valid'), ...nearest(one))
  if (fine > 1) errors.push(says(`must validate one and only one schema (oneOf). Found ${fine} valid alternatives`))
  const all = of(allOf)
  if (!all.every(isFine))
    errors.push(
      says(all.some(isFine) ? 'must validate all the schemas (allOf)' : 'must validate all the schemas (allOf). None validated'),
      ...all.flat(),
    )
  if (not !== undefined && check(not, place).length === 0) errors.push(says('must not validate the schema (not)'))
  return errors
}

const isFine = (errors: readonly FieldError[]): boolean => errors.length === 0

/** The alternative that was missed by least says most. */
const nearest = (alternatives: readonly (readonly FieldError[])[]): readonly FieldError[] =>
  alternatives.reduce((best, errors) => (errors.length < best.length ? errors : best))
