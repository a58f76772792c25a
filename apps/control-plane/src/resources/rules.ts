import { invalidValue, notSupported, required } from '@bramble/api/field-error'
import type { FieldError } from '@bramble/api/field-error'
import { isLabelValue, LABEL_VALUE_RULE } from '@bramble/api/labels'
import { qualifiedNameProblems } from '../api/metadata.ts'
import { nameProblems } from '../api/names.ts'

/**
 * Rules for short texts and numbers. Each returns what is wrong with the value, in Kubernetes' words; empty when it is fine.
 * Source: apimachinery pkg/util/validation validation.go.
 */
export type Rule<Value> = (value: Value) => readonly string[]

/** One `Invalid value` per broken part of the rule. */
export const check = <Value>(path: string, value: Value, rule: Rule<Value>): readonly FieldError[] =>
  rule(value).map((fault) => invalidValue(path, value, fault))

export const dnsLabel: Rule<string> = (value) => nameProblems('label', value)
export const dnsSubdomain: Rule<string> = (value) => nameProblems('subdomain', value)
export const qualifiedName: Rule<string> = qualifiedNameProblems
export const labelValue: Rule<string> = (value) =>
  isLabelValue(value) ? [] : [value.length > 63 ? 'must be no more than 63 bytes' : LABEL_VALUE_RULE]

export const portName: Rule<string> = (value) => [
  ...atMost(15, value),
  ...(/^[-a-z0-9]+$/.test(value) ? [] : ['must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)']),
  ...(/[a-z]/.test(value) ? [] : ['must contain at least one letter (a-z)']),
  ...(value.includes('--') ? ['must not contain consecutive hyphens'] : []),
  ...(/^-|-$/.test(value) ? ['must not begin or end with a hyphen'] : []),
]

export const portNumber: Rule<number> = (value) => within(1, 65535)(value)

export const portNumberOrName = (path: string, value: number | string): readonly FieldError[] =>
  typeof value === 'number' ? check(path, value, portNumber) : check(path, value, portName)

/** Keys of ConfigMaps and Secrets: file names that cannot leave their folder. */
export const configKey: Rule<string> = (value) => [
  ...atMost(253, value),
  ...matching(
    '[-._a-zA-Z0-9]+',
    value,
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
    'key.name',
    'KEY_NAME',
    'key-name',
  ),
  ...(value === '.' || value === '..' ? [`must not be '${value}'`] : value.startsWith('..') ? ["must not start with '..'"] : []),
]

export const environmentName: Rule<string> = (value) =>
  /^[\x20-\x3c\x3e-\x7e]+$/.test(value)
    ? []
    : ["a valid environment variable name must consist only of printable ASCII characters other than '='"]

export const headerName: Rule<string> = (value) =>
  matching('[-A-Za-z0-9]+', value, "a valid HTTP header must consist of alphanumeric characters or '-'", 'X-Header-Name')

export const percent: Rule<string> = (value) =>
  matching('[0-9]+%', value, "a valid percent string must be a numeric string followed by an ending '%'", '1%', '93%')

/** @param high Inclusive, like `low`. */
export const within =
  (low: number, high: number): Rule<number> =>
  (value) =>
    Number.isInteger(value) && value >= low && value <= high ? [] : [`must be between ${low} and ${high}, inclusive`]

export const notNegative: Rule<number> = (value) => (value >= 0 ? [] : ['must be greater than or equal to 0'])

const INT32_MAX = 2 ** 31 - 1
export const positiveInt32: Rule<number> = within(1, INT32_MAX)
export const notNegativeInt32: Rule<number> = within(0, INT32_MAX)

/** A path below some folder: relative, and never out of it. */
export const descendingPath: Rule<string> = (value) => [
  ...(value.startsWith('/') ? ['must be a relative path'] : []),
  ...withoutBacksteps(value),
]
export const withoutBacksteps: Rule<string> = (value) => (value.split('/').includes('..') ? ["must not contain '..'"] : [])

/** A word of a closed list; defaults have been applied, so none is missing by right. */
export function oneOf(path: string, value: string | undefined, supported: readonly string[]): readonly FieldError[] {
  if (!value) return [required(path)]
  return supported.includes(value) ? [] : [notSupported(path, value, supported)]
}

export const atMost = (bytesMax: number, value: string): readonly string[] =>
  Buffer.byteLength(value) > bytesMax ? [`must be no more than ${bytesMax} bytes`] : []

/** The words of Kubernetes' RegexError. @param rule What the value must be. */
export function matching(pattern: string, value: string, rule: string, ...examples: readonly string[]): readonly string[] {
  if (new RegExp(`^(?:${pattern})$`).test(value)) return []
  return [`${rule} (e.g. ${examples.map((example) => `'${example}', `).join(' or ')}regex used for validation is '${pattern}')`]
}
