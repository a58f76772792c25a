import type { PolicyRule, Role, RoleBinding, Subject } from '@bramble/api/types/rbac'
import { objectKey } from '@bramble/api/object'
import type { UserInfo } from '../api/requests.ts'
import { clusterRoleBindings } from '../resources/cluster-role-bindings.ts'
import { clusterRoles } from '../resources/cluster-roles.ts'
import { roleBindings } from '../resources/role-bindings.ts'
import { roles } from '../resources/roles.ts'
import { prefixOf, storeKey } from '../store/keys.ts'
import type { StoreReads } from '../store/store-types.ts'
import { accountUser } from './account-names.ts'

/** A rule that somebody has, and through what: `ClusterRoleBinding "a" of ClusterRole "b" to Group "c"`. */
export interface Grant {
  readonly rule: PolicyRule
  readonly through: string
}
export interface Grants {
  readonly grants: readonly Grant[]
  /** Roles that somebody is bound to but that do not exist, as errors name them. */
  readonly missing: readonly string[]
}

const RBAC_PREFIXES = [roles, clusterRoles, roleBindings, clusterRoleBindings].map((kind) => prefixOf(kind))
const BINDING_PREFIXES = [roleBindings, clusterRoleBindings].map((kind) => prefixOf(kind))
const USERS_MAX = 500
const NAMESPACES_PER_USER_MAX = 200

interface Held {
  readonly subject: Subject
  readonly binding: RoleBinding
}

/**
 * Who has which rules. Current at every instant: it changes together with what the store shows. What was found for a user is
 * kept, for a bounded number of users, until any role or binding changes.
 */
export class RoleIndex {
  readonly #store: StoreReads
  /** What is held by namespace (none for the whole cluster) and subject, then by store key of the binding. */
  readonly #held = new Map<string, Map<string, Held>>()
  readonly #known = new Map<string, Map<string, Grants>>()

  constructor(store: StoreReads) {
    this.#store = store
    for (const prefix of BINDING_PREFIXES) for (const { key, value } of store.list(prefix).entries) this.#add(key, value as RoleBinding)
    store.onChange(({ type, key, entry, previous }) => {
      if (!RBAC_PREFIXES.some((prefix) => key.startsWith(prefix))) return
      this.#known.clear()
      if (!BINDING_PREFIXES.some((prefix) => key.startsWith(prefix))) return
      if (previous) this.#remove(key, previous.value as RoleBinding)
      if (type === 'put') this.#add(key, entry.value as RoleBinding)
    })
  }

  /** Those for the whole cluster first, then those of the namespace; none is that of what lies in no namespace. */
  grantsOf(user: UserInfo, namespace = ''): Grants {
    const id = JSON.stringify([user.name, ...user.groups])
    const byNamespace = this.#known.get(id) ?? new Map<string, Grants>()
    this.#known.delete(id)
    this.#known.set(id, byNamespace) // the newest are last
    if (this.#known.size > USERS_MAX) this.#known.delete(this.#known.keys().next().value!)

    const known = byNamespace.get(namespace)
    if (known) return known
    const found = this.#find(user, namespace)
    if (byNamespace.size >= NAMESPACES_PER_USER_MAX) byNamespace.clear()
    byNamespace.set(namespace, found)
    return found
  }

  #find(user: UserInfo, namespace: string): Grants {
    const grants: Grant[] = []
    const missing = new Set<string>()
    for (const { binding, subject } of this.#heldBy(user, namespace)) {
      const rules = this.rulesOf(binding)
      if (rules === undefined) missing.add(missingRole(binding))
      for (const rule of rules ?? []) grants.push({ rule, through: describe(binding, subject) })
    }
    return { grants, missing: [...missing] }
  }

  /** The rules of the role that a binding refers to; undefined when there is none. */
  rulesOf({ metadata, roleRef: { kind, name } }: Pick<RoleBinding, 'metadata' | 'roleRef'>): readonly PolicyRule[] | undefined {
    const key = kind === 'Role' ? storeKey(roles, objectKey(metadata.namespace, name)) : storeKey(clusterRoles, name)
    const role = this.#store.get(key)?.value as Role | undefined
    return role && (role.rules ?? [])
  }

  *#heldBy({ name, groups }: UserInfo, namespace: string): Generator<Held> {
    const subjects = [userKey(name), ...groups.map(groupKey)]
    for (const inNamespace of namespace === '' ? [''] : ['', namespace]) {
      const bindings = new Map<string, Held>()
      for (const subject of subjects)
        for (const [key, held] of this.#held.get(`${inNamespace}/${subject}`) ?? []) if (!bindings.has(key)) bindings.set(key, held)
      for (const key of [...bindings.keys()].sort()) yield bindings.get(key)!
    }
  }

  #add(key: string, binding: RoleBinding): void {
    for (const [id, subject] of subjectsOf(binding)) {
      const held = this.#held.get(id) ?? new Map<string, Held>()
      this.#held.set(id, held.set(key, { subject, binding }))
    }
  }

  #remove(key: string, binding: RoleBinding): void {
    for (const [id] of subjectsOf(binding)) {
      const held = this.#held.get(id)
      held?.delete(key)
      if (held?.size === 0) this.#held.delete(id)
    }
  }
}

const userKey = (name: string): string => `user ${name}`
const groupKey = (name: string): string => `group ${name}`

function* subjectsOf({ metadata: { namespace = '' }, subjects = [] }: RoleBinding): Generator<readonly [string, Subject]> {
  for (const subject of subjects) {
    const { kind, name } = subject
    const accountNamespace = subject.namespace || namespace
    if (kind === 'User') yield [`${namespace}/${userKey(name)}`, subject]
    else if (kind === 'Group') yield [`${namespace}/${groupKey(name)}`, subject]
    else if (kind === 'ServiceAccount' && accountNamespace !== '')
      yield [`${namespace}/${userKey(accountUser(accountNamespace, name))}`, subject]
  }
}

/** Source: Kubernetes pkg/registry/rbac/validation rule.go, clusterRoleBindingDescriber and roleBindingDescriber. */
function describe({ metadata: { name, namespace }, roleRef }: RoleBinding, subject: Subject): string {
  const binding = namespace === undefined ? ['ClusterRoleBinding', name] : ['RoleBinding', `${name}/${namespace}`]
  const to = subject.kind === 'ServiceAccount' ? `${subject.name}/${subject.namespace || (namespace ?? '')}` : subject.name
  return `${binding[0]} ${JSON.stringify(binding[1])} of ${roleRef.kind} ${JSON.stringify(roleRef.name)} to ${subject.kind} ${JSON.stringify(to)}`
}

const missingRole = ({ roleRef: { kind, name } }: RoleBinding): string =>
  `${kind.toLowerCase()}.rbac.authorization.k8s.io ${JSON.stringify(name)} not found`
