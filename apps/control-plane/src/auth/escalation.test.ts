import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonObject } from '@bramble/api/object'
import { type PolicyRule, RBAC_GROUP } from '@bramble/api/types/rbac'
import { clusterRoleBindings } from '../resources/cluster-role-bindings.ts'
import { clusterRoles } from '../resources/cluster-roles.ts'
import { roleBindings } from '../resources/role-bindings.ts'
import { roles } from '../resources/roles.ts'
import { aUser, groupSubject, onPods, rights, userSubject } from './authorizer.fixture.ts'

const jane = aUser('jane', 'dev', 'system:authenticated')
const RBAC: PolicyRule = {
  verbs: ['create', 'update', 'patch'],
  apiGroups: [RBAC_GROUP],
  resources: ['roles', 'rolebindings', 'clusterroles', 'clusterrolebindings'],
}
const aRole = (name: string, ...rules: PolicyRule[]): JsonObject => ({ metadata: { name }, rules }) as unknown as JsonObject
const aBinding = (name: string, kind: string, role: string): JsonObject => ({
  metadata: { name },
  roleRef: { apiGroup: RBAC_GROUP, kind, name: role },
  subjects: [{ kind: 'User', apiGroup: RBAC_GROUP, name: 'joe' }],
})

/** Jane may write roles and bindings and read pods, in namespace `a`. */
async function withJane(t: Parameters<typeof rights>[0]) {
  const made = await rights(t)
  await made.role('a', 'reader', onPods('get', 'list'), RBAC)
  await made.bind('a', 'jane', 'Role', 'reader', userSubject('jane'))
  await made.clusterRole('killer', onPods('get', 'delete'))
  const context = made.as(jane)
  return {
    ...made,
    create: (kind: typeof roles | typeof roleBindings, body: JsonObject, namespace = 'a') =>
      made.service.create(kind as never, kind.scope === 'Cluster' ? undefined : namespace, body, context),
    patch: (kind: typeof roles | typeof roleBindings, key: string, body: JsonObject) =>
      made.service.patch(kind as never, key, 'merge', body, context),
  }
}

test('somebody grants what they hold', async (t) => {
  const { create } = await withJane(t)
  await create(roles, aRole('r', onPods('list'), { ...onPods('get'), resourceNames: ['x'] }))
  await create(roleBindings, aBinding('b', 'Role', 'reader'))
})

test('but no more, and is told what they lack', async (t) => {
  const { create } = await withJane(t)
  const message =
    'roles.rbac.authorization.k8s.io "r" is forbidden: user "jane" (groups=["dev" "system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n' +
    '{APIGroups:[""], Resources:["pods"], Verbs:["delete" "watch"]}\n' +
    '{APIGroups:[""], Resources:["secrets"], Verbs:["get"]}'
  const rules: PolicyRule[] = [onPods('get', 'delete', 'watch'), { verbs: ['get'], apiGroups: [''], resources: ['secrets'] }]
  await assert.rejects(create(roles, aRole('r', ...rules)), { code: 403, reason: 'Forbidden', message })
})

test('what counts is what they hold in that namespace', async (t) => {
  const { create, clusterRole, bind } = await withJane(t)
  await clusterRole('rbac', RBAC)
  await bind('b', 'jane', 'ClusterRole', 'rbac', userSubject('jane'))
  await create(roles, aRole('r', onPods('get')), 'a')
  await assert.rejects(create(roles, aRole('r', onPods('get')), 'b'), { code: 403 })
  await assert.rejects(create(clusterRoles, aRole('r', onPods('get'))), { code: 403 })
  await assert.rejects(create(clusterRoleBindings, aBinding('b', 'ClusterRole', 'killer')), { code: 403 })
})

test('a role does not grow beyond them, but what is not its rules may change', async (t) => {
  const { create, patch, role } = await withJane(t)
  await create(roles, aRole('r', onPods('get')))
  await assert.rejects(patch(roles, 'a/r', { rules: [onPods('delete')] as unknown as JsonObject[] }), { code: 403 })
  await role('a', 'strong', onPods('delete'))
  await patch(roles, 'a/strong', { metadata: { finalizers: ['example.com/x'] } })
  await assert.rejects(patch(roles, 'a/strong', { metadata: { labels: { a: 'b' } } }), { code: 403 })
  await patch(roles, 'a/strong', { rules: [onPods('get')] as unknown as JsonObject[] })
})

test('a binding is as good as the role it refers to', async (t) => {
  const { create, role } = await withJane(t)
  await assert.rejects(create(roleBindings, aBinding('b', 'ClusterRole', 'killer')), {
    code: 403,
    message:
      /^rolebindings\.rbac\.authorization\.k8s\.io "b" is forbidden: user "jane" .*\n\{APIGroups:\[""\], Resources:\["pods"\], Verbs:\["delete"\]\}$/s,
  })
  await assert.rejects(create(roleBindings, aBinding('b', 'Role', 'none')), {
    code: 404,
    message: 'role.rbac.authorization.k8s.io "none" not found',
  })
  await role('a', 'weak', onPods('get'))
  await create(roleBindings, aBinding('b', 'Role', 'weak'))
})

test('who may escalate or bind need not hold it', async (t) => {
  const { create, patch, role, bind } = await withJane(t)
  await role('a', 'trusted', { verbs: ['bind'], apiGroups: [RBAC_GROUP], resources: ['clusterroles'], resourceNames: ['killer'] })
  await bind('a', 'trusted', 'Role', 'trusted', groupSubject('dev'))
  await create(roleBindings, aBinding('b', 'ClusterRole', 'killer'))

  await role('a', 'one', onPods('get'))
  await role('a', 'escalator', { verbs: ['escalate'], apiGroups: [RBAC_GROUP], resources: ['roles'], resourceNames: ['one'] })
  await bind('a', 'escalator', 'Role', 'escalator', groupSubject('dev'))
  await patch(roles, 'a/one', { rules: [onPods('delete')] as unknown as JsonObject[] })
  await assert.rejects(create(roles, aRole('two', onPods('delete'))), { code: 403 })
})

test('roles that gather others are for those who may everything', async (t) => {
  const { create, patch, bindCluster, clusterRole, service, as } = await withJane(t)
  await clusterRole('rbac', RBAC)
  await bindCluster('rbac', 'rbac', userSubject('jane'))
  const gathering = { ...aRole('all'), aggregationRule: { clusterRoleSelectors: [{ matchLabels: { a: 'b' } }] } }
  const refusal = {
    code: 403,
    message: 'clusterroles.rbac.authorization.k8s.io "all" is forbidden: must have cluster-admin privileges to use the aggregationRule',
  }
  await assert.rejects(create(clusterRoles, gathering), refusal)
  await clusterRole('everything', { verbs: ['*'], apiGroups: ['*'], resources: ['*'] }, { verbs: ['*'], nonResourceURLs: ['*'] })
  await bindCluster('everything', 'everything', userSubject('joe'))
  await service.create(clusterRoles as never, undefined, gathering, as(aUser('joe')))
  await assert.rejects(patch(clusterRoles, 'all', { aggregationRule: null }), refusal)
})

test('masters grant what they like', async (t) => {
  const { service, as } = await rights(t)
  const root = as(aUser('root', 'system:masters'))
  await service.create(clusterRoles as never, undefined, aRole('r', onPods('delete')), root)
  await service.create(clusterRoleBindings as never, undefined, aBinding('b', 'ClusterRole', 'not-there-yet'), root)
})
