import { forbiddenField, invalidValue, required } from '@bramble/api/field-error'
import type { FieldError } from '@bramble/api/field-error'
import type { LabelSelector } from '@bramble/api/labels'
import { validateLabels } from '../api/metadata.ts'
import { check, labelValue, qualifiedName } from './rules.ts'

/** Source: apimachinery pkg/apis/meta/v1/validation ValidateLabelSelector. No selector has nothing wrong. */
export const validateSelector = (selector: LabelSelector | undefined, path: string): readonly FieldError[] => [
  ...validateLabels(selector?.matchLabels, `${path}.matchLabels`),
  ...(selector?.matchExpressions ?? []).flatMap(({ key, operator, values = [] }, index) => {
    const at = `${path}.matchExpressions[${index}]`
    return [...operatorErrors(operator, values, at), ...check(`${at}.key`, key ?? '', qualifiedName)]
  }),
]

/** Values of In, NotIn, Exists and DoesNotExist; any other operator is refused. */
export function operatorErrors(operator: string | undefined, values: readonly string[], path: string): readonly FieldError[] {
  switch (operator) {
    case 'In':
    case 'NotIn':
      return values.length > 0
        ? values.flatMap((value, index) => check(`${path}.values[${index}]`, value, labelValue))
        : [required(`${path}.values`, "must be specified when `operator` is 'In' or 'NotIn'")]
    case 'Exists':
    case 'DoesNotExist':
      return values.length === 0
        ? []
        : [forbiddenField(`${path}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")]
    default:
      return [invalidValue(`${path}.operator`, operator ?? '', 'not a valid selector operator')]
  }
}

export const isEmptySelector = ({ matchLabels = {}, matchExpressions = [] }: LabelSelector): boolean =>
  Object.keys(matchLabels).length + matchExpressions.length === 0
