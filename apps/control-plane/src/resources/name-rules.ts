import { invalidValue, required, tooLong } from '@bramble/api/field-error'
import type { FieldError } from '@bramble/api/field-error'
import { nameProblems } from '../api/names.ts'
import { atMost, check, dnsSubdomain, matching } from './rules.ts'
import type { Rule } from './rules.ts'

// Names inside objects: of kinds, hosts, drivers. Source: apimachinery pkg/util/validation and pkg/api/validation/path.

/** A name that can stand in a URL between two slashes. */
export const pathSegment: Rule<string> = (value) => nameProblems('path', value)

export const dns1035Label: Rule<string> = (value) => nameProblems('label1035', value)

const SUBDOMAIN_PATTERN = '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*'

/** `*.example.com`. */
export const wildcardSubdomain: Rule<string> = (value) => [
  ...atMost(253, value),
  ...matching(
    `\\*\\.${SUBDOMAIN_PATTERN}`,
    value,
    "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character",
    '*.example.com',
  ),
]

/** A host name, or a wildcard for all hosts of a domain. */
export const hostName: Rule<string> = (value) => (value.includes('*') ? wildcardSubdomain : dnsSubdomain)(value)

/** `name`: at least three words between dots. */
export function fullyQualifiedName(path: string, name: string | undefined): readonly FieldError[] {
  if (!name) return [required(path)]
  const faults = dnsSubdomain(name)
  if (faults.length > 0) return [invalidValue(path, name, faults.join(','))]
  return name.split('.').length < 3 ? [invalidValue(path, name, 'should be a domain with at least three segments separated by dots')] : []
}

const PATH_PATTERN = "[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+"

/** `example.com/some/path`. */
export function domainPrefixedPath(path: string, value: string | undefined): readonly FieldError[] {
  if (!value) return [required(path)]
  const slash = value.indexOf('/')
  const [host, rest] = [value.slice(0, Math.max(slash, 0)), value.slice(slash + 1)]
  if (host === '' || rest === '') return [invalidValue(path, value, 'must be a domain-prefixed path (such as "acme.io/foo")')]
  return [
    ...check(path, host, dnsSubdomain),
    ...(new RegExp(`^${PATH_PATTERN}$`).test(rest)
      ? []
      : [invalidValue(path, rest, `Invalid path (regex used for validation is '${PATH_PATTERN}')`)]),
  ]
}

const DRIVER_CHARACTERS_MAX = 63

/** Source: Kubernetes pkg/apis/core/validation ValidateCSIDriverName. */
export function driverName(path: string, value: string | undefined): readonly FieldError[] {
  if (!value) return [required(path)]
  return [
    ...(value.length > DRIVER_CHARACTERS_MAX ? [tooLong(path, DRIVER_CHARACTERS_MAX)] : []),
    ...dnsSubdomain(value.toLowerCase()).map((fault) => invalidValue(path, value, fault)),
  ]
}

/** A reference by name: required, and fit for a URL. */
export const referencedName = (path: string, value: string | undefined): readonly FieldError[] =>
  value ? check(path, value, pathSegment) : [required(path)]
