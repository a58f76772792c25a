import { invalidValue, required } from '@bramble/api/field-error'
import type { FieldError } from '@bramble/api/field-error'
import { quantityValue } from '@bramble/api/quantity'
import type { Container, Quantity } from '@bramble/api/types/pod'
import { check, notNegative, qualifiedName } from '../rules.ts'

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
  ]
}

function validateAmount(name: string, amount: Quantity, path: string): readonly FieldError[] {
  const value = quantityValue(amount) ?? NaN
  const isOwn = name.includes('/')
  return [
    ...(isOwn
      ? check(path, name, qualifiedName)
      : isStandard(name)
        ? []
        : [invalidValue(path, name, 'must be a standard resource for containers')]),
    ...notNegative(value).map((fault) => invalidValue(path, String(amount), fault)),
    ...(isOwn && !Number.isInteger(value) ? [invalidValue(path, String(amount), 'must be an integer')] : []),
  ]
}

function validateRatio(name: string, request: Quantity, limit: Quantity | undefined, path: string): readonly FieldError[] {
  const canOvercommit = OVERCOMMIT.has(name)
  if (limit === undefined) return canOvercommit ? [] : [required(`${path}.limits`, 'Limit must be set for non overcommitable resources')]
  const [asked, most] = [quantityValue(request) ?? NaN, quantityValue(limit) ?? NaN]
  if (!canOvercommit && asked !== most)
    return [invalidValue(`${path}.requests`, String(request), `must be equal to ${name} limit of ${limit}`)]
  return asked > most ? [invalidValue(`${path}.requests`, String(request), `must be less than or equal to ${name} limit of ${limit}`)] : []
}

const OVERCOMMIT: ReadonlySet<string> = new Set(['cpu', 'memory', 'ephemeral-storage'])
const isStandard = (name: string): boolean => OVERCOMMIT.has(name) || name.startsWith('hugepages-')
