import { duplicate, invalidValue, notSupported, required, tooMany } from '@bramble/api/field-error'
import type { FieldError } from '@bramble/api/field-error'
import type { MatchCondition, NamedRule, RuleWithOperations } from '@bramble/api/types/admission-registration'
import { pathSegment } from '../name-rules.ts'
import { check, qualifiedName } from '../rules.ts'

// Which requests a webhook or policy is about. Source: Kubernetes pkg/apis/admissionregistration/validation.

const OPERATIONS = ['*', 'CONNECT', 'CREATE', 'DELETE', 'UPDATE']
const SCOPES = ['*', 'Cluster', 'Namespaced']

export function validateRule(rule: RuleWithOperations, path: string): readonly FieldError[] {
  const { operations = [], apiGroups = [], apiVersions = [], resources = [], scope } = rule
  return [
    ...oneOrAll(operations, `${path}.operations`, 'operations'),
    ...operations.flatMap((operation, index) =>
      OPERATIONS.includes(operation) ? [] : [notSupported(`${path}.operations[${index}]`, operation, OPERATIONS)],
    ),
    ...oneOrAll(apiGroups, `${path}.apiGroups`, 'API groups'),
    ...oneOrAll(apiVersions, `${path}.apiVersions`, 'API versions'),
    ...apiVersions.flatMap((version, index) => (version === '' ? [required(`${path}.apiVersions[${index}]`)] : [])),
    ...validateResources(resources, `${path}.resources`),
    ...(scope === undefined || SCOPES.includes(scope) ? [] : [notSupported(`${path}.scope`, scope, SCOPES)]),
  ]
}

/** Must name at least one; `*` stands alone. */
const oneOrAll = (values: readonly string[], path: string, what: string): readonly FieldError[] => [
  ...(values.length === 0 ? [required(path)] : []),
  ...(values.length > 1 && values.includes('*') ? [invalidValue(path, values, `if '*' is present, must not specify other ${what}`)] : []),
]

/** `pods`, `pods/log`, `pods/*`, every resource'''s `log`: none may be said twice over. */
function validateResources(resources: readonly string[], path: string): readonly FieldError[] {
  if (resources.length === 0) return [required(path)]
  const allOf = new Set<string>()
  const anyWith = new Set<string>()
  const errors = resources.flatMap((resource, index) => {
    const at = `${path}[${index}]`
    if (resource === '') return [required(at)]
    const slash = resource.indexOf('/')
    if (slash < 0) return []
    const [name, part] = [resource.slice(0, slash), resource.slice(slash + 1)]
    const covered = [
      ...(allOf.has(name) ? [invalidValue(at, resource, `if '${name}/*' is present, must not specify ${resource}`)] : []),
      ...(anyWith.has(part) ? [invalidValue(at, resource, `if '*/${part}' is present, must not specify ${resource}`)] : []),
    ]
    if (part === '*') allOf.add(name)
    if (name === '*') anyWith.add(part)
    return covered
  })
  if (resources.length > 1 && resources.includes('*/*'))
    errors.push(invalidValue(path, resources, "if '*/*' is present, must not specify other resources"))
  if (resources.includes('*') && resources.some((resource) => resource !== '*' && resource !== '' && !resource.includes('/')))
    errors.push(invalidValue(path, resources, "if '*' is present, must not specify other resources without subresources"))
  return errors
}

export function validateNamedRule({ resourceNames = [], ...rule }: NamedRule, path: string): readonly FieldError[] {
  return [
    ...resourceNames.flatMap((name, index) => [
      ...check(`${path}.resourceNames[${index}]`, name, pathSegment),
      ...(resourceNames.indexOf(name) < index ? [duplicate(`${path}.resourceNames[${index}]`, name)] : []),
    ]),
    ...validateRule(rule, path),
  ]
}

const CONDITIONS_MAX = 64

/** What the expressions say is not looked at: nothing here evaluates them. */
export function validateMatchConditions(conditions: readonly MatchCondition[] = [], path: string): readonly FieldError[] {
  return [
    ...(conditions.length > CONDITIONS_MAX ? [tooMany(path, conditions.length, CONDITIONS_MAX)] : []),
    ...conditions.flatMap(({ name = '', expression = '' }, index) => [
      ...(expression.trim() === '' ? [required(`${path}[${index}].expression`)] : []),
      ...(name === '' ? [required(`${path}[${index}].name`)] : check(`${path}[${index}].name`, name, qualifiedName)),
      ...(name !== '' && conditions.findIndex((other) => other.name === name) < index ? [duplicate(`${path}[${index}].name`, name)] : []),
    ]),
  ]
}

/** A word of a list, where one is given. */
export const supported = (path: string, value: string | undefined, words: readonly string[]): readonly FieldError[] =>
  value === undefined || words.includes(value) ? [] : [notSupported(path, value, words)]

export const FAILURE_POLICIES = ['Fail', 'Ignore']
export const MATCH_POLICIES = ['Equivalent', 'Exact']
export const REINVOCATION_POLICIES = ['IfNeeded', 'Never']
