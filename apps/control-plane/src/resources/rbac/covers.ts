import type { PolicyRule } from '@bramble/api/types/rbac'

// What of some rules others grant already. Source: k8s.io/component-helpers auth/rbac/validation policy_comparator.go.

/** Those of `wanted`, each cut to one verb of one resource or path, that `held` does not grant. */
export const uncovered = (held: readonly PolicyRule[], wanted: readonly PolicyRule[]): readonly PolicyRule[] =>
  wanted.flatMap(singleRules).filter((single) => !held.some((rule) => covers(rule, single)))

function singleRules({ verbs, apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] }: PolicyRule): PolicyRule[] {
  const ofResources = verbs.flatMap((verb) =>
    apiGroups.flatMap((group) =>
      resources.flatMap((resource): PolicyRule[] => {
        const single = { verbs: [verb], apiGroups: [group], resources: [resource] }
        return resourceNames.length === 0 ? [single] : resourceNames.map((name) => ({ ...single, resourceNames: [name] }))
      }),
    ),
  )
  return [...ofResources, ...verbs.flatMap((verb) => nonResourceURLs.map((url) => ({ verbs: [verb], nonResourceURLs: [url] })))]
}

function covers(held: PolicyRule, { verbs: [verb], apiGroups, resources, resourceNames, nonResourceURLs }: PolicyRule): boolean {
  if (!hasOrAll(held.verbs, verb!)) return false
  const isUnnamed = (held.resourceNames ?? []).length === 0
  if (nonResourceURLs) return isUnnamed && (held.nonResourceURLs ?? []).some((pattern) => coversPath(pattern, nonResourceURLs[0]!))
  return (
    hasOrAll(held.apiGroups ?? [], apiGroups![0]!) &&
    coversResource(held.resources ?? [], resources![0]!) &&
    (isUnnamed || (resourceNames !== undefined && held.resourceNames!.includes(resourceNames[0]!)))
  )
}

const hasOrAll = (held: readonly string[], wanted: string): boolean => held.includes('*') || held.includes(wanted)

function coversResource(held: readonly string[], wanted: string): boolean {
  if (hasOrAll(held, wanted)) return true
  const slash = wanted.indexOf('/')
  return slash >= 0 && held.includes(`*${wanted.slice(slash)}`)
}

/** @param held A trailing `*` stands for any rest. */
export const coversPath = (held: string, wanted: string): boolean =>
  held === wanted || (held.endsWith('*') && wanted.startsWith(held.replace(/\*+$/, '')))

/** Rules as errors show them: those that differ in their verbs only are one, in the order of their texts. */
export function describeRules(rules: readonly PolicyRule[]): readonly string[] {
  const merged = new Map<string, PolicyRule>()
  for (const rule of rules) {
    const { verbs, ...rest } = rule
    const id = rule.nonResourceURLs ? JSON.stringify(rule) : JSON.stringify(rest)
    const found = merged.get(id)
    merged.set(id, { ...rest, verbs: [...(found?.verbs ?? []), ...verbs] })
  }
  return [...new Set([...merged.values()].map(describeRule))].sort()
}

/** Source: Kubernetes pkg/apis/rbac/v1 CompactString. */
function describeRule({ apiGroups = [], resources = [], nonResourceURLs = [], resourceNames = [], verbs }: PolicyRule): string {
  const fields: readonly (readonly [string, readonly string[]])[] = [
    ['APIGroups', apiGroups],
    ['Resources', resources],
    ['NonResourceURLs', nonResourceURLs],
    ['ResourceNames', resourceNames],
    ['Verbs', verbs],
  ]
  return `{${fields
    .filter(([, values]) => values.length > 0)
    .map(([name, values]) => `${name}:${quotedList(values)}`)
    .join(', ')}}`
}

/** Go's `%q` of a list. */
export const quotedList = (values: readonly string[]): string => `[${values.map((value) => JSON.stringify(value)).join(' ')}]`
