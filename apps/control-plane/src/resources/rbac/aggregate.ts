import { selects } from '@bramble/api/labels'
import type { ClusterRole, PolicyRule } from '@bramble/api/types/rbac'

/**
 * The rules of a role that gathers those of others, each once, in the order of the others' names. Pure.
 * @see Source: Kubernetes documentation, "Using RBAC Authorization", Aggregated ClusterRoles.
 */
export function aggregatedRules({ metadata, aggregationRule }: ClusterRole, all: readonly ClusterRole[]): readonly PolicyRule[] {
  const selectors = aggregationRule?.clusterRoleSelectors ?? []
  const gathered = all
    .filter((role) => role.metadata.name !== metadata.name && selectors.some((selector) => selects(selector, role.metadata.labels)))
    .sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
    .flatMap(({ rules = [] }) => rules)
  return [...new Map(gathered.map((rule) => [ruleId(rule), rule])).values()]
}

const ruleId = ({ verbs, apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] }: PolicyRule): string =>
  JSON.stringify([verbs, apiGroups, resources, resourceNames, nonResourceURLs])
