import { invalidValue } from '@bramble/api/field-error'
import type { FieldError } from '@bramble/api/field-error'
import { quantityValue } from '@bramble/api/quantity'
import { quantityText } from '@bramble/api/quantity-text'
import type { Quantity } from '@bramble/api/types/pod'
import { qualifiedNameProblems } from '../api/metadata.ts'
import { check, notNegative, qualifiedName } from './rules.ts'

// Names of resources (cpu, memory, …) and amounts of them. Source: Kubernetes pkg/apis/core/helper and
// pkg/apis/core/validation: validateResourceName, validateContainerResourceName, ValidateResourceQuantityValue.

const COMPUTE: readonly string[] = ['cpu', 'memory', 'ephemeral-storage']
/** Resources that are counted, not measured. */
const COUNTED: readonly string[] = [
  'pods',
  'resourcequotas',
  'services',
  'replicationcontrollers',
  'secrets',
  'configmaps',
  'persistentvolumeclaims',
  'services.nodeports',
  'services.loadbalancers',
]
const QUOTA: ReadonlySet<string> = new Set([
  ...COMPUTE,
  ...COMPUTE.flatMap((name) => [`requests.${name}`, `limits.${name}`]),
  'requests.storage',
  ...COUNTED,
])

const isHugePages = (name: string): boolean => name.startsWith('hugepages-')
export const isStandardQuota = (name: string): boolean => QUOTA.has(name) || isHugePages(name) || name.startsWith('requests.hugepages-')
const isStandard = (name: string): boolean => isStandardQuota(name) || name === 'storage'
const isNative = (name: string): boolean => !name.includes('/') || name.includes('kubernetes.io/')
const isExtended = (name: string): boolean =>
  !isNative(name) && !name.startsWith('requests.') && qualifiedNameProblems(`requests.${name}`).length === 0

/** Whether more may be asked for than there is. */
export const canOvercommit = (name: string): boolean => isNative(name) && !isHugePages(name)

export function resourceName(name: string, path: string): readonly FieldError[] {
  const errors = check(path, name, qualifiedName)
  if (errors.length > 0) return errors
  return name.includes('/') || isStandard(name) ? [] : [invalidValue(path, name, 'must be a standard resource type or fully qualified')]
}

/** What a container can ask for. */
export function containerResourceName(name: string, path: string): readonly FieldError[] {
  const errors = resourceName(name, path)
  if (!name.includes('/'))
    return COMPUTE.includes(name) || isHugePages(name)
      ? errors
      : [...errors, invalidValue(path, name, 'must be a standard resource for containers')]
  return isNative(name) || isExtended(name)
    ? errors
    : [...errors, invalidValue(path, name, "doesn't follow extended resource name standard")]
}

/** What a ResourceQuota can bound. */
export const quotaResourceName = (name: string, path: string): readonly FieldError[] => [
  ...resourceName(name, path),
  ...(name.includes('/') || isStandardQuota(name) ? [] : [invalidValue(path, name, 'must be a standard resource for quota')]),
]

/** An amount of a resource: not negative, and whole where only whole ones exist. */
export function resourceAmount(name: string, amount: Quantity, path: string): readonly FieldError[] {
  const value = quantityValue(amount) ?? NaN
  const isWhole = !(COUNTED.includes(name) || isExtended(name)) || Number.isInteger(value)
  return [
    ...notNegative(value).map((fault) => invalidValue(path, quantityText(amount), fault)),
    ...(isWhole ? [] : [invalidValue(path, quantityText(amount), 'must be an integer')]),
  ]
}

export const isMore = (a: Quantity, b: Quantity): boolean => (quantityValue(a) ?? NaN) > (quantityValue(b) ?? NaN)
