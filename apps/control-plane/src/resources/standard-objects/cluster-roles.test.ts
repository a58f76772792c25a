import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ClusterRole, RoleBinding } from '@bramble/api/types/rbac'
import { rights } from '../../auth/authorizer.fixture.ts'
import { ANONYMOUS } from '../../auth/authenticate.ts'
import type { Attributes } from '../../auth/attributes.ts'
import { clusterRoleBindings } from '../cluster-role-bindings.ts'
import { clusterRoles } from '../cluster-roles.ts'
import { ensureClusterRoleBindings } from './cluster-role-bindings.ts'
import { ensureClusterRoles } from './cluster-roles.ts'

const AUTO_UPDATE = 'rbac.authorization.kubernetes.io/autoupdate'
const get = (path: string): Attributes => ({ type: 'path', verb: 'get', path })
const on = (verb: string, resource: string, group = '', namespace?: string): Attributes => {
  const [plural = '', subresource] = resource.split('/')
  return { type: 'resource', verb, group, plural, ...(subresource && { subresource }), ...(namespace && { namespace }) }
}

async function started(t: Parameters<typeof rights>[0]) {
  const made = await rights(t)
  const start = async (): Promise<void> => {
    await ensureClusterRoles(made.client)
    await ensureClusterRoleBindings(made.client)
  }
  await start()
  return { ...made, start }
}

test('roles that every cluster has are marked as such, and a second start writes nothing', async (t) => {
  const { client, store, start } = await started(t)
  for (const kind of [clusterRoles, clusterRoleBindings])
    for (const { metadata } of client.list<ClusterRole | RoleBinding>(kind)) {
      assert.equal(metadata.labels?.['kubernetes.io/bootstrapping'], 'rbac-defaults', metadata.name)
      assert.equal(metadata.annotations?.[AUTO_UPDATE], 'true', metadata.name)
    }
  const names = new Set(client.list(clusterRoles).map(({ metadata }) => metadata.name))
  for (const { roleRef } of client.list(clusterRoleBindings)) assert.ok(names.has(roleRef.name), roleRef.name)
  const { revision } = store
  await start()
  assert.equal(store.revision, revision)
})

test('what is missing comes back, what was added stays', async (t) => {
  const { client, start } = await started(t)
  const added = { verbs: ['get'], nonResourceURLs: ['/mine'] }
  await client.patch(clusterRoles, 'system:discovery', {
    rules: [added],
    metadata: { labels: { own: 'x', 'kubernetes.io/bootstrapping': null } },
  })
  await client.patch(clusterRoleBindings, 'system:discovery', { subjects: [{ kind: 'User', name: 'jane' }] })
  await client.patch(clusterRoles, 'admin', { aggregationRule: { clusterRoleSelectors: [{ matchLabels: { mine: 'true' } }] } })
  await client.delete(clusterRoles, 'view')
  await start()
  const role = client.get(clusterRoles, 'system:discovery')!
  assert.deepEqual(role.rules![0], added)
  assert.ok(role.rules!.some(({ nonResourceURLs = [] }) => nonResourceURLs.includes('/apis/*')))
  assert.deepEqual(role.metadata.labels, { own: 'x', 'kubernetes.io/bootstrapping': 'rbac-defaults' })
  assert.deepEqual(
    client.get(clusterRoleBindings, 'system:discovery')!.subjects?.map(({ name }) => name),
    ['jane', 'system:authenticated'],
  )
  assert.equal(client.get(clusterRoles, 'admin')!.aggregationRule!.clusterRoleSelectors!.length, 2)
  assert.ok(client.get(clusterRoles, 'view')!.rules!.length > 0)
})

test('what an administrator keeps for themselves is left alone', async (t) => {
  const { client, start } = await started(t)
  const metadata = { annotations: { [AUTO_UPDATE]: 'false' } }
  await client.patch(clusterRoles, 'system:discovery', { metadata, rules: [] })
  await client.patch(clusterRoleBindings, 'system:discovery', { metadata, subjects: [] })
  await start()
  assert.deepEqual(client.get(clusterRoles, 'system:discovery')!.rules ?? [], [])
  assert.deepEqual(client.get(clusterRoleBindings, 'system:discovery')!.subjects ?? [], [])
})

test('a binding to another role is made anew', async (t) => {
  const { client, bindCluster, start } = await started(t)
  await client.delete(clusterRoleBindings, 'cluster-admin')
  await bindCluster('cluster-admin', 'view')
  await start()
  assert.equal(client.get(clusterRoleBindings, 'cluster-admin')!.roleRef.name, 'cluster-admin')
})

const AUTHENTICATED = ['system:authenticated']
const node = { name: 'system:node:pi-1', groups: ['system:nodes', ...AUTHENTICATED] }
const robot = { name: 'system:serviceaccount:a:r', groups: ['system:serviceaccounts', 'system:serviceaccounts:a', ...AUTHENTICATED] }
const standing = [
  { user: ANONYMOUS, may: [get('/version'), get('/version/'), get('/livez')] },
  {
    user: ANONYMOUS,
    mayNot: [
      get('/apis'),
      get('/livez/ping'),
      get('/versions'),
      get('/metrics'),
      on('create', 'selfsubjectaccessreviews', 'authorization.k8s.io'),
    ],
  },
  {
    user: node,
    may: [get('/apis/apps/v1'), get('/openapi/v3'), get('/readyz'), on('create', 'selfsubjectreviews', 'authentication.k8s.io')],
  },
  {
    user: node,
    mayNot: [on('list', 'pods'), on('get', 'secrets', '', 'a'), on('update', 'nodes'), get('/metrics'), get('/openid/v1/jwks')],
  },
  {
    user: robot,
    may: [get('/openid/v1/jwks'), get('/.well-known/openid-configuration'), get('/api')],
    mayNot: [on('get', 'pods', '', 'a')],
  },
  { user: { name: 'm', groups: ['system:monitoring'] }, may: [get('/metrics'), get('/livez/ping')], mayNot: [on('list', 'nodes')] },
]
for (const { user, may = [], mayNot = [] } of standing as { user: typeof ANONYMOUS; may?: Attributes[]; mayNot?: Attributes[] }[])
  test(`${user.name} may ${may.length > 0 ? 'see' : 'not see'} what everybody of that standing ${may.length > 0 ? 'may' : 'may not'}`, async (t) => {
    const { authorizer } = await started(t)
    for (const what of may) assert.ok(authorizer.authorize(user, what).allowed, JSON.stringify(what))
    for (const what of mayNot) assert.ok(!authorizer.authorize(user, what).allowed, JSON.stringify(what))
  })

const inNamespace = [
  {
    role: 'view',
    may: ['get pods', 'list deployments.apps', 'get pods/log', 'watch nodes.metrics.k8s.io'],
    mayNot: ['get secrets', 'create pods', 'create pods/exec', 'list roles.rbac.authorization.k8s.io'],
  },
  {
    role: 'edit',
    may: ['get pods', 'get secrets', 'create pods', 'create pods/exec', 'patch deployments.apps', 'create serviceaccounts/token'],
    mayNot: ['create roles.rbac.authorization.k8s.io', 'create resourcequotas', 'update pods/status'],
  },
  {
    role: 'admin',
    may: ['get secrets', 'create roles.rbac.authorization.k8s.io', 'create localsubjectaccessreviews.authorization.k8s.io'],
    mayNot: ['create resourcequotas', 'create namespaces', 'escalate roles.rbac.authorization.k8s.io'],
  },
  { role: 'cluster-admin', may: ['delete resourcequotas', 'escalate roles.rbac.authorization.k8s.io', 'x y.z'], mayNot: [] },
]
for (const { role, may, mayNot } of inNamespace)
  test(`${role} of a namespace may ${may.join(', ')}`, async (t) => {
    const { authorizer, bind } = await started(t)
    await bind('a', 'x', 'ClusterRole', role, { kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'jane' })
    const jane = { name: 'jane', groups: AUTHENTICATED }
    const allowed = (text: string, namespace: string): boolean => {
      const [verb = '', resource = ''] = text.split(' ')
      const [name = '', ...group] = resource.split('.')
      return authorizer.authorize(jane, on(verb, name, group.join('.'), namespace)).allowed
    }
    for (const text of may) assert.deepEqual([allowed(text, 'a'), allowed(text, 'b')], [true, false], text)
    for (const text of mayNot) assert.ok(!allowed(text, 'a'), text)
  })
