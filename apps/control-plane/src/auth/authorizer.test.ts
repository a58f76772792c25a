import assert from 'node:assert/strict'
import { test } from 'node:test'
import { clusterRoleBindings } from '../resources/cluster-role-bindings.ts'
import { roleBindings } from '../resources/role-bindings.ts'
import { roles } from '../resources/roles.ts'
import { ANONYMOUS } from './authenticate.ts'
import { type Attributes, forbiddenError } from './attributes.ts'
import { Authorizer } from './authorizer.ts'
import { aUser, groupSubject, onPods, rights, userSubject } from './authorizer.fixture.ts'

const pods = (verb: string, namespace?: string, more: object = {}): Attributes => ({
  type: 'resource',
  verb,
  group: '',
  plural: 'pods',
  ...(namespace !== undefined && { namespace }),
  ...more,
})
const get = (path: string): Attributes => ({ type: 'path', verb: 'get', path })
const jane = aUser('jane', 'dev')

test('masters may everything, and health is for everyone, before there is a single role', async (t) => {
  const { authorizer } = await rights(t)
  const may = (user: Parameters<typeof authorizer.authorize>[0], what: Attributes) => authorizer.authorize(user, what).allowed
  assert.ok(may(aUser('root', 'system:masters'), pods('delete', 'a', { name: 'x', subresource: 'exec' })))
  assert.ok(may(aUser('root', 'system:masters'), { type: 'path', verb: 'post', path: '/metrics' }))
  for (const path of ['/healthz', '/livez', '/readyz']) assert.ok(may(ANONYMOUS, get(path)), path)
  assert.ok(!may(ANONYMOUS, { type: 'path', verb: 'delete', path: '/livez' }))
  assert.ok(!may(ANONYMOUS, get('/livez/ping')))
  assert.ok(!may(jane, get('/version')))
  assert.ok(!may(aUser('system:masters'), pods('get')))
})

test('a ClusterRoleBinding counts everywhere, a RoleBinding in its namespace', async (t) => {
  const { authorizer, clusterRole, role, bind, bindCluster } = await rights(t)
  await clusterRole('reader', onPods('get'), { verbs: ['get'], nonResourceURLs: ['/metrics'] })
  await clusterRole('writer', onPods('create'), { verbs: ['get'], nonResourceURLs: ['/secret'] })
  await role('a', 'killer', onPods('delete'))
  await bindCluster('readers', 'reader', userSubject('jane'))
  await bind('a', 'writers', 'ClusterRole', 'writer', userSubject('jane'))
  await bind('a', 'killers', 'Role', 'killer', groupSubject('dev'))
  const may = (what: Attributes) => authorizer.authorize(jane, what).allowed
  assert.deepEqual(
    ['a', 'b', undefined].map((namespace) => ['get', 'create', 'delete'].filter((verb) => may(pods(verb, namespace)))),
    [['get', 'create', 'delete'], ['get'], ['get']],
  )
  assert.ok(may(get('/metrics')))
  assert.ok(!may(get('/secret')), 'paths are in no namespace')
  assert.ok(!authorizer.authorize(aUser('joe', 'ops'), pods('get', 'a')).allowed)
})

test('a ServiceAccount is meant by its user name, in a RoleBinding also without a namespace', async (t) => {
  const { authorizer, clusterRole, bind, bindCluster } = await rights(t)
  await clusterRole('reader', onPods('get'))
  await bindCluster('x', 'reader', { kind: 'ServiceAccount', name: 'robot', namespace: 'a' })
  await bind('b', 'y', 'ClusterRole', 'reader', { kind: 'ServiceAccount', name: 'helper' })
  const may = (name: string, namespace: string) => authorizer.authorize(aUser(name), pods('get', namespace)).allowed
  assert.ok(may('system:serviceaccount:a:robot', 'b'))
  assert.ok(!may('system:serviceaccount:b:robot', 'b'))
  assert.ok(may('system:serviceaccount:b:helper', 'b'))
  assert.ok(!may('system:serviceaccount:a:helper', 'a'))
  assert.ok(!may('robot', 'a'))
})

test('each change of a role or binding counts at once', async (t) => {
  const { authorizer, client, role, bind, bindCluster, clusterRole } = await rights(t)
  const may = (verb: string) => authorizer.authorize(jane, pods(verb, 'a')).allowed
  assert.ok(!may('get'))
  await bind('a', 'x', 'Role', 'reader', userSubject('jane'))
  assert.ok(!may('get'), 'the role is not there yet')
  await role('a', 'reader', onPods('get'))
  assert.ok(may('get'))
  await client.patch(roles, 'a/reader', { rules: [onPods('list')] })
  assert.deepEqual([may('get'), may('list')], [false, true])
  await client.patch(roleBindings, 'a/x', { subjects: [userSubject('joe')] })
  assert.ok(!may('list'))
  await clusterRole('any', onPods('*'))
  await bindCluster('y', 'any', groupSubject('dev'))
  assert.ok(may('watch'))
  await client.delete(clusterRoleBindings, 'y')
  assert.ok(!may('watch'))
})

test('what was there at the start counts as well', async (t) => {
  const { store, clusterRole, bindCluster } = await rights(t)
  await clusterRole('reader', onPods('get'))
  await bindCluster('x', 'reader', userSubject('jane'))
  assert.ok(new Authorizer(store).authorize(jane, pods('get')).allowed)
})

test('names are never confused with those of groups, nor with parts of our own', async (t) => {
  const { authorizer, clusterRole, bindCluster } = await rights(t)
  await clusterRole('reader', onPods('get'))
  await bindCluster('x', 'reader', userSubject('dev'), groupSubject('jane'))
  const may = (name: string, ...groups: string[]) => authorizer.authorize(aUser(name, ...groups), pods('get')).allowed
  assert.ok(!may('jane', 'dev'))
  assert.ok(may('dev'))
  assert.ok(may('x', 'jane'))
  assert.ok(!may('__proto__', 'constructor', 'toString'))
  assert.ok(!may('group jane', 'user dev'))
})

test('a reason says through what, or which role is missing', async (t) => {
  const { authorizer, clusterRole, role, bind, bindCluster } = await rights(t)
  await clusterRole('reader', onPods('get'))
  await role('a', 'killer', onPods('delete'))
  await bindCluster('readers', 'reader', groupSubject('dev'))
  await bind('a', 'killers', 'Role', 'killer', userSubject('jane'))
  await bind('a', 'robots', 'Role', 'killer', { kind: 'ServiceAccount', name: 'robot' })
  const reason = (user: string, verb: string) => authorizer.authorize(aUser(user, 'dev'), pods(verb, 'a')).reason
  assert.equal(reason('jane', 'get'), 'RBAC: allowed by ClusterRoleBinding "readers" of ClusterRole "reader" to Group "dev"')
  assert.equal(reason('jane', 'delete'), 'RBAC: allowed by RoleBinding "killers/a" of Role "killer" to User "jane"')
  assert.equal(
    reason('system:serviceaccount:a:robot', 'delete'),
    'RBAC: allowed by RoleBinding "robots/a" of Role "killer" to ServiceAccount "robot/a"',
  )
  assert.equal(reason('jane', 'watch'), '')
  await bindCluster('lost', 'gone', userSubject('jane'))
  await bind('a', 'lost', 'Role', 'away', userSubject('jane'))
  assert.equal(
    reason('jane', 'watch'),
    'RBAC: [clusterrole.rbac.authorization.k8s.io "gone" not found, role.rbac.authorization.k8s.io "away" not found]',
  )
})

test('what was found for a user is kept for a bounded number of users', async (t) => {
  const { authorizer, clusterRole, bindCluster } = await rights(t)
  await clusterRole('reader', onPods('get'))
  await bindCluster('x', 'reader', groupSubject('dev'))
  for (let index = 0; index < 2_000; index++)
    assert.ok(authorizer.authorize(aUser(`user-${index}`, 'dev'), pods('get', `n-${index}`)).allowed)
  for (let index = 0; index < 1_000; index++) assert.ok(authorizer.authorize(jane, pods('get', `n-${index}`)).allowed)
  assert.ok(!authorizer.authorize(aUser('user-1'), pods('get')).allowed)
})

const refusals = [
  [
    pods('list'),
    'pods is forbidden: User "system:anonymous" cannot list resource "pods" in API group "" at the cluster scope',
    { kind: 'pods' },
  ],
  [
    pods('get', 'n', { name: 'x', subresource: 'log' }),
    'pods "x" is forbidden: User "system:anonymous" cannot get resource "pods/log" in API group "" in the namespace "n"',
    { name: 'x', kind: 'pods' },
  ],
  [
    { ...pods('create'), group: 'authorization.k8s.io', plural: 'selfsubjectaccessreviews' } as Attributes,
    'selfsubjectaccessreviews.authorization.k8s.io is forbidden: User "system:anonymous" cannot create resource "selfsubjectaccessreviews" in API group "authorization.k8s.io" at the cluster scope',
    { group: 'authorization.k8s.io', kind: 'selfsubjectaccessreviews' },
  ],
  [get('/'), 'forbidden: User "system:anonymous" cannot get path "/"', {}],
] as const

for (const [what, message, details] of refusals)
  test(`403 says: ${message}`, () => {
    const { code, reason, message: said, details: shown } = forbiddenError(ANONYMOUS, what)
    assert.deepEqual({ code, reason, said, shown }, { code: 403, reason: 'Forbidden', said: message, shown: details })
  })

test('403 adds what the authorizer knows', () => {
  assert.equal(
    forbiddenError(ANONYMOUS, get('/'), 'RBAC: x not found').message,
    'forbidden: User "system:anonymous" cannot get path "/": RBAC: x not found',
  )
})
