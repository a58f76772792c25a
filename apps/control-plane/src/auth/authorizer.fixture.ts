import type { TestContext } from 'node:test'
import { simEnv } from '@bramble/reconcile/sim/sim-env'
import { type PolicyRule, RBAC_GROUP, type Subject } from '@bramble/api/types/rbac'
import { LocalClient } from '../api/local-client.ts'
import { Registry } from '../api/registry.ts'
import { ResourceService } from '../api/resource-service.ts'
import type { UserInfo, WriteContext } from '../api/requests.ts'
import { allResources } from '../resources/all.ts'
import { clusterRoleBindings } from '../resources/cluster-role-bindings.ts'
import { clusterRoles } from '../resources/cluster-roles.ts'
import { namespaces } from '../resources/namespace.ts'
import { roleBindings } from '../resources/role-bindings.ts'
import { roles } from '../resources/roles.ts'
import { MemoryBackend } from '../store/backend/memory.ts'
import { openStore } from '../store/store.ts'
import { Authorizer } from './authorizer.ts'
import { escalationPrevention } from './escalation.ts'

export const aUser = (name: string, ...groups: string[]): UserInfo => ({ name, groups })
export const userSubject = (name: string): Subject => ({ kind: 'User', apiGroup: RBAC_GROUP, name })
export const groupSubject = (name: string): Subject => ({ kind: 'Group', apiGroup: RBAC_GROUP, name })
export const onPods = (...verbs: string[]): PolicyRule => ({ verbs, apiGroups: [''], resources: ['pods'] })

/** The API over a store in memory with namespaces `a` and `b`, and short ways to give rights; no role stands there yet. */
export async function rights(t: TestContext) {
  const env = simEnv(1)
  const store = await openStore(new MemoryBackend(), { env, volatile: () => false })
  t.after(() => store.close())
  const authorizer = new Authorizer(store)
  const service = new ResourceService({ store, registry: new Registry(allResources), env, admission: [escalationPrevention(authorizer)] })
  const client = new LocalClient({ store, resources: service })
  for (const name of ['a', 'b']) await client.create(namespaces, { metadata: { name } })
  const roleRef = (kind: string, name: string) => ({ apiGroup: RBAC_GROUP, kind, name })
  return {
    authorizer,
    client,
    service,
    store,
    as: (user: UserInfo): WriteContext => ({ user, dryRun: false, fieldManager: 'test', fieldValidation: 'Strict', warn: () => {} }),
    clusterRole: (name: string, ...rules: PolicyRule[]) => client.create(clusterRoles, { metadata: { name }, rules }),
    role: (namespace: string, name: string, ...rules: PolicyRule[]) => client.create(roles, { metadata: { name, namespace }, rules }),
    /** Everywhere. */
    bindCluster: (name: string, role: string, ...subjects: Subject[]) =>
      client.create(clusterRoleBindings, { metadata: { name }, roleRef: roleRef('ClusterRole', role), subjects }),
    bind: (namespace: string, name: string, kind: 'Role' | 'ClusterRole', role: string, ...subjects: Subject[]) =>
      client.create(roleBindings, { metadata: { name, namespace }, roleRef: roleRef(kind, role), subjects }),
  }
}
