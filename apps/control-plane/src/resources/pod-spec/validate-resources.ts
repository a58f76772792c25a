import { forbiddenField, invalidValue, required } from '@bramble/api/field-error'
import type { FieldError } from '@bramble/api/field-error'
import { quantityValue } from '@bramble/api/quantity'
import { quantityText } from '@bramble/api/quantity-text'
import type { Container, Quantity } from '@bramble/api/types/pod'
import { canOvercommit, containerResourceName, isMore, resourceAmount } from '../resource-names.ts'

/** Source: Kubernetes pkg/apis/core/validation ValidateContainerResourceRequirements. */
export function validateResources(
  { limits = {}, requests = {} }: NonNullable<Container['resources']>,
  path: string,
): readonly FieldError[] {
  return [
    ...Object.entries(limits).flatMap(([name, limit]) => validateAmount(name, limit, `${path}.limits[${name}]`)),
    ...Object.entries(requests).flatMap(([name, request]) => [
      ...validateAmount(name, request, `${path}.requests[${name}]`),
      ...validateRatio(name, request, limits[name], path),
    ]),
    ...validateHugePages([...Object.keys(limits), ...Object.keys(requests)], path),
  ]
}

const validateAmount = (name: string, amount: Quantity, path: string): readonly FieldError[] => [
  ...containerResourceName(name, path),
  ...resourceAmount(name, amount, path),
]

function validateRatio(name: string, request: Quantity, limit: Quantity | undefined, path: string): readonly FieldError[] {
  if (limit === undefined)
    return canOvercommit(name) ? [] : [required(`${path}.limits`, 'Limit must be set for non overcommitable resources')]
  const refuse = (how: string): readonly FieldError[] => [
    invalidValue(`${path}.requests`, quantityText(request), `must be ${how} ${name} limit of ${quantityText(limit)}`),
  ]
  if (!canOvercommit(name) && quantityValue(request) !== quantityValue(limit)) return refuse('equal to')
  return isMore(request, limit) ? refuse('less than or equal to') : []
}

const validateHugePages = (names: readonly string[], path: string): readonly FieldError[] =>
  names.some((name) => name.startsWith('hugepages-')) && !names.includes('cpu') && !names.includes('memory')
    ? [forbiddenField(path, 'HugePages require cpu or memory')]
    : []
