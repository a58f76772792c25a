import { invalidValue, required } from '@bramble/api/field-error'
import type { FieldError } from '@bramble/api/field-error'
import type {
  MatchResources,
  MutatingAdmissionPolicy,
  ParamKind,
  PolicyVariable,
  ValidatingAdmissionPolicy,
} from '@bramble/api/types/admission-registration'
import { dns1035Label } from '../name-rules.ts'
import { dnsSubdomain } from '../rules.ts'
import { validateSelector } from '../selector.ts'
import { FAILURE_POLICIES, MATCH_POLICIES, supported, validateMatchConditions, validateNamedRule } from './validate-rules.ts'

// What validating and mutating policies have in common. Source: Kubernetes pkg/apis/admissionregistration/validation and v1/defaults.go.

type PolicySpec = ValidatingAdmissionPolicy['spec'] | MutatingAdmissionPolicy['spec']

export function applyPolicyDefaults(spec: PolicySpec): void {
  spec.failurePolicy ??= 'Fail'
  if (spec.matchConstraints) applyMatchDefaults(spec.matchConstraints)
}

export function applyMatchDefaults(match: MatchResources): void {
  match.matchPolicy ??= 'Equivalent'
  match.namespaceSelector ??= {}
  match.objectSelector ??= {}
  for (const rule of [...(match.resourceRules ?? []), ...(match.excludeResourceRules ?? [])]) rule.scope ??= '*'
}

export function validatePolicy(spec: PolicySpec): readonly FieldError[] {
  const { failurePolicy, paramKind, matchConstraints, matchConditions, variables = [] } = spec
  return [
    ...supported('spec.failurePolicy', failurePolicy, FAILURE_POLICIES),
    ...(paramKind ? validateParamKind(paramKind, 'spec.paramKind') : []),
    ...(matchConstraints ? validateMatch(matchConstraints, 'spec.matchConstraints') : [required('spec.matchConstraints')]),
    ...(matchConstraints && !matchConstraints.resourceRules?.length ? [required('spec.matchConstraints.resourceRules')] : []),
    ...validateMatchConditions(matchConditions, 'spec.matchConditions'),
    ...variables.flatMap((variable, index) => validateVariable(variable, `spec.variables[${index}]`)),
  ]
}

export const validateMatch = (match: MatchResources, path: string): readonly FieldError[] => [
  ...supported(`${path}.matchPolicy`, match.matchPolicy, MATCH_POLICIES),
  ...validateSelector(match.namespaceSelector, `${path}.namespaceSelector`),
  ...validateSelector(match.objectSelector, `${path}.objectSelector`),
  ...(match.resourceRules ?? []).flatMap((rule, index) => validateNamedRule(rule, `${path}.resourceRules[${index}]`)),
  ...(match.excludeResourceRules ?? []).flatMap((rule, index) => validateNamedRule(rule, `${path}.excludeResourceRules[${index}]`)),
]

function validateParamKind({ apiVersion = '', kind = '' }: ParamKind, path: string): readonly FieldError[] {
  const kindFaults = dns1035Label(kind.toLowerCase())
  return [
    ...(apiVersion === '' ? [required(`${path}.apiVersion`)] : validateApiVersion(apiVersion, `${path}.apiVersion`)),
    ...(kind === '' ? [required(`${path}.kind`)] : []),
    ...(kind !== '' && kindFaults.length > 0
      ? [invalidValue(`${path}.kind`, kind, `may have mixed case, but should otherwise match: ${kindFaults.join(',')}`)]
      : []),
  ]
}

function validateApiVersion(apiVersion: string, path: string): readonly FieldError[] {
  const parts = apiVersion.split('/')
  if (parts.length > 2) return [invalidValue(path, apiVersion, `unexpected GroupVersion string: ${apiVersion}`)]
  const [group, version] = parts.length === 2 ? [parts[0]!, parts[1]!] : ['', parts[0]!]
  const groupFaults = group === '' ? [] : dnsSubdomain(group)
  const versionFaults = version === '' ? [] : dns1035Label(version)
  return [
    ...(groupFaults.length > 0 ? [invalidValue(path, group, groupFaults.join(','))] : []),
    ...(version === '' ? [invalidValue(path, apiVersion, 'version must be specified')] : []),
    ...(versionFaults.length > 0 ? [invalidValue(path, version, versionFaults.join(','))] : []),
  ]
}

const IDENTIFIER = /^[_a-zA-Z][_a-zA-Z0-9]*$/
/** Source: the grammar of CEL, RESERVED. */
const RESERVED: ReadonlySet<string> = new Set(
  'true false null in as break const continue else for function if import let loop package namespace return var void while'.split(' '),
)

function validateVariable({ name = '', expression = '' }: PolicyVariable, path: string): readonly FieldError[] {
  const isIdentifier = IDENTIFIER.test(name) && !RESERVED.has(name)
  return [
    ...(name.trim() === '' ? [required(`${path}.name`, 'name is not specified')] : []),
    ...(name.trim() === '' || isIdentifier ? [] : [invalidValue(`${path}.name`, name, 'name is not a valid CEL identifier')]),
    ...(expression.trim() === '' ? [required(`${path}.expression`, 'expression is not specified')] : []),
  ]
}

export const paramKindText = ({ spec: { paramKind } }: { spec: PolicySpec }): string =>
  paramKind ? `${paramKind.apiVersion ?? ''}/${paramKind.kind ?? ''}` : '<unset>'

export const NOT_EVALUATED = 'Bramble does not evaluate admission policies: nothing is refused or changed because of it'
