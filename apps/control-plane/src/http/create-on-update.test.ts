import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ADMIN, testApi } from './http.fixture.ts'

const LEASES = '/apis/coordination.k8s.io/v1/namespaces/default/leases'
const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps'
const lease = (more: object = {}, spec: object = { holderIdentity: 'a' }) => ({ metadata: { name: 'lock', ...more }, spec })

async function cluster() {
  const api = await testApi()
  await api.call('POST', '/api/v1/namespaces', { metadata: { name: 'default' } })
  return api
}

test('a PUT of a Lease that is not there makes it', async () => {
  const { call } = await cluster()
  const made = await call('PUT', `${LEASES}/lock`, lease({ resourceVersion: '7' }))
  assert.deepEqual([made.status, made.json.spec.holderIdentity, made.json.metadata.namespace], [201, 'a', 'default'])
  assert.ok(made.json.metadata.uid && made.json.metadata.creationTimestamp)
  const changed = await call('PUT', `${LEASES}/lock`, lease({}, { holderIdentity: 'b' }))
  assert.deepEqual([changed.status, changed.json.metadata.uid], [200, made.json.metadata.uid])
})

test('of two that make it at once, both succeed and one object is there', async () => {
  const { call } = await cluster()
  const answers = await Promise.all(['a', 'b'].map((holderIdentity) => call('PUT', `${LEASES}/lock`, lease({}, { holderIdentity }))))
  assert.ok(answers.every(({ status }) => status < 300))
  assert.equal((await call('GET', LEASES)).json.items.length, 1)
})

test('a PUT of what was read from another object is a conflict', async () => {
  const { call } = await cluster()
  const { status, json } = await call('PUT', `${LEASES}/lock`, lease({ uid: 'gone' }))
  assert.equal(status, 409)
  assert.match(json.message, /Precondition failed: UID in precondition: gone, UID in object meta: $/)
})

test('a PUT into a namespace that nobody made is refused, and so are other kinds', async () => {
  const { call } = await cluster()
  const elsewhere = await call('PUT', `${LEASES.replace('default', 'nowhere')}/lock`, lease())
  assert.deepEqual([elsewhere.status, elsewhere.json.message], [404, 'namespaces "nowhere" not found'])
  const { status, json } = await call('PUT', `${CONFIG_MAPS}/c`, { metadata: { name: 'c' } })
  assert.deepEqual([status, json.message], [404, 'configmaps "c" not found'])
})

test('a dry run makes nothing', async () => {
  const { call } = await cluster()
  assert.equal((await call('PUT', `${LEASES}/lock?dryRun=All`, lease())).status, 201)
  assert.equal((await call('GET', `${LEASES}/lock`)).status, 404)
})

test('who may only update makes nothing new', async () => {
  let user = ADMIN
  const { call } = await testApi({ identify: () => user, roles: true })
  const RBAC = '/apis/rbac.authorization.k8s.io/v1'
  await call('POST', '/api/v1/namespaces', { metadata: { name: 'default' } })
  const rules = [{ apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['update'] }]
  await call('POST', `${RBAC}/clusterroles`, { metadata: { name: 'holder' }, rules })
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'holder' }
  const subjects = [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'jane' }]
  await call('POST', `${RBAC}/clusterrolebindings`, { metadata: { name: 'holder' }, roleRef, subjects })

  user = { name: 'jane', groups: ['system:authenticated'] }
  const { status, json } = await call('PUT', `${LEASES}/lock`, lease())
  assert.deepEqual(
    [status, json.message.split(': ')[1]],
    [403, 'User "jane" cannot create resource "leases" in API group "coordination.k8s.io" in the namespace "default"'],
  )
  user = ADMIN
  await call('PUT', `${LEASES}/lock`, lease())
  user = { name: 'jane', groups: ['system:authenticated'] }
  assert.equal((await call('PUT', `${LEASES}/lock`, lease({}, { holderIdentity: 'jane' }))).status, 200)
})
