import type { PolicyRule } from '@bramble/api/types/rbac'
import { coversPath } from '../resources/rbac/covers.ts'
import type { Attributes } from './attributes.ts'

/**
 * Whether one rule allows what somebody wants to do. Pure.
 * @see Source: Kubernetes plugin/pkg/auth/authorizer/rbac RuleAllows and pkg/apis/rbac/v1 evaluation_helpers.go.
 */
export function ruleAllows(rule: PolicyRule, attributes: Attributes): boolean {
  if (!has(rule.verbs, attributes.verb)) return false
  if (attributes.type === 'path') return (rule.nonResourceURLs ?? []).some((pattern) => coversPath(pattern, attributes.path))
  const { apiGroups = [], resources = [], resourceNames = [] } = rule
  const { group, plural, subresource = '', name = '' } = attributes
  return (
    has(apiGroups, group) && resourceMatches(resources, plural, subresource) && (resourceNames.length === 0 || resourceNames.includes(name))
  )
}

const has = (granted: readonly string[], wanted: string): boolean => granted.includes(wanted) || granted.includes('*')

function resourceMatches(granted: readonly string[], plural: string, subresource: string): boolean {
  if (granted.includes('*')) return true
  if (subresource === '') return granted.includes(plural)
  return granted.includes(`${plural}/${subresource}`) || granted.includes(`*/${subresource}`)
}
