import { type FieldError, invalidValue, notSupported, required } from '@bramble/api/field-error'
import { type PolicyRule, RBAC_GROUP, type RoleBinding, type RoleRef, type Subject } from '@bramble/api/types/rbac'
import { nameProblems } from '../../api/names.ts'
import { isSame } from '../differences.ts'
import { check, dnsSubdomain } from '../rules.ts'

// What roles and bindings check alike. Source: Kubernetes pkg/apis/rbac/validation validation.go.

/** @param scope Of the role; what is in a namespace cannot speak of paths. */
export const validateRules = (rules: readonly PolicyRule[] | undefined, scope: 'Namespaced' | 'Cluster'): readonly FieldError[] =>
  (rules ?? []).flatMap((rule, index) => validateRule(rule, scope, `rules[${index}]`))

function validateRule(rule: PolicyRule, scope: 'Namespaced' | 'Cluster', path: string): readonly FieldError[] {
  const { verbs = [], apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } = rule
  const errors: FieldError[] = verbs.length === 0 ? [required(`${path}.verbs`, 'verbs must contain at least one value')] : []
  if (nonResourceURLs.length > 0) {
    const refuse = (why: string): number => errors.push(invalidValue(`${path}.nonResourceURLs`, nonResourceURLs, why))
    if (scope === 'Namespaced') refuse('namespaced rules cannot apply to non-resource URLs')
    if (apiGroups.length + resources.length + resourceNames.length > 0)
      refuse('rules cannot apply to both regular resources and non-resource URLs')
    return errors
  }
  if (apiGroups.length === 0) errors.push(required(`${path}.apiGroups`, 'resource rules must supply at least one api group'))
  if (resources.length === 0) errors.push(required(`${path}.resources`, 'resource rules must supply at least one resource'))
  return errors
}

/** Whatever an older client leaves out is what there was before groups. Source: pkg/apis/rbac/v1 defaults.go. */
export function applyBindingDefaults(draft: RoleBinding): void {
  draft.roleRef ??= { apiGroup: '', kind: '', name: '' }
  draft.roleRef.apiGroup ||= RBAC_GROUP
  for (const subject of draft.subjects ?? []) if (subject.kind === 'User' || subject.kind === 'Group') subject.apiGroup ||= RBAC_GROUP
}

/** @param roleKinds What a binding of this kind may refer to. */
export function validateBinding(
  { subjects = [], roleRef }: RoleBinding,
  previous: RoleBinding | undefined,
  scope: 'Namespaced' | 'Cluster',
  roleKinds: readonly string[],
): readonly FieldError[] {
  return [
    ...validateRoleRef(roleRef, roleKinds),
    ...subjects.flatMap((subject, index) => validateSubject(subject, scope, `subjects[${index}]`)),
    ...(previous && !isSame(previous.roleRef, roleRef) ? [invalidValue('roleRef', inOrder(roleRef), 'cannot change roleRef')] : []),
  ]
}

/** As Go prints it. */
const inOrder = ({ apiGroup, kind, name }: RoleRef): RoleRef => ({ apiGroup, kind, name })

function validateRoleRef({ apiGroup, kind, name }: RoleRef, roleKinds: readonly string[]): readonly FieldError[] {
  return [
    ...(apiGroup === RBAC_GROUP ? [] : [notSupported('roleRef.apiGroup', apiGroup, [RBAC_GROUP])]),
    ...(roleKinds.includes(kind) ? [] : [notSupported('roleRef.kind', kind ?? '', roleKinds)]),
    ...(name ? check('roleRef.name', name, (value) => nameProblems('path', value)) : [required('roleRef.name')]),
  ]
}

function validateSubject({ kind, apiGroup = '', name, namespace }: Subject, scope: 'Namespaced' | 'Cluster', path: string): FieldError[] {
  const errors: FieldError[] = name ? [] : [required(`${path}.name`)]
  switch (kind) {
    case 'ServiceAccount':
      if (name) errors.push(...check(`${path}.name`, name, dnsSubdomain))
      if (apiGroup !== '') errors.push(notSupported(`${path}.apiGroup`, apiGroup, ['']))
      if (scope === 'Cluster' && !namespace) errors.push(required(`${path}.namespace`))
      break
    case 'User':
    case 'Group':
      if (apiGroup !== RBAC_GROUP) errors.push(notSupported(`${path}.apiGroup`, apiGroup, [RBAC_GROUP]))
      break
    default:
      errors.push(notSupported(`${path}.kind`, kind ?? '', ['ServiceAccount', 'User', 'Group']))
  }
  return errors
}
