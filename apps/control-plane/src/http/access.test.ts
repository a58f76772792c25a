import assert from 'node:assert/strict'
import { test } from 'node:test'
import { serviceAccounts } from '../resources/service-account.ts'
import { ANONYMOUS } from '../auth/authenticate.ts'
import { onPods } from '../auth/authorizer.fixture.ts'
import { accessApi, aUser, PODS } from './access.fixture.ts'
import { testApi } from './http.fixture.ts'

const ROBOT = 'system:serviceaccount:a:robot'
const jane = aUser('jane')

test('a ServiceAccount may what its bindings say, and is told what it may not', async (t) => {
  const { allow, asBearer, client, token } = await accessApi(t)
  const bearer = await token()
  const { status, json } = await asBearer(bearer, 'GET', PODS)
  assert.deepEqual(
    [status, json],
    [
      403,
      {
        kind: 'Status',
        apiVersion: 'v1',
        metadata: {},
        status: 'Failure',
        message: `pods is forbidden: User "${ROBOT}" cannot list resource "pods" in API group "" in the namespace "a"`,
        reason: 'Forbidden',
        details: { kind: 'pods' },
        code: 403,
      },
    ],
  )
  await allow('a', ROBOT, onPods('list'))
  assert.equal((await asBearer(bearer, 'GET', PODS)).status, 200)
  assert.equal(
    (await asBearer(bearer, 'GET', '/api/v1/pods')).json.message,
    `pods is forbidden: User "${ROBOT}" cannot list resource "pods" in API group "" at the cluster scope`,
  )
  assert.equal(
    (await asBearer(bearer, 'GET', `${PODS}/x/log`)).json.message,
    `pods "x" is forbidden: User "${ROBOT}" cannot get resource "pods/log" in API group "" in the namespace "a"`,
  )
  assert.equal((await asBearer(bearer, 'GET', '/metrics')).json.message, `forbidden: User "${ROBOT}" cannot get path "/metrics"`)
  await client.delete(serviceAccounts, 'a/robot')
  const gone = await asBearer(bearer, 'GET', PODS)
  assert.deepEqual(
    [gone.status, gone.json],
    [
      401,
      { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message: 'Unauthorized', reason: 'Unauthorized', code: 401 },
    ],
  )
})

test('a token that is not worth anything is refused, a header that is none is not looked at', async (t) => {
  const { as, asBearer, token } = await accessApi(t)
  const version = (authorization: string) => as(undefined, 'GET', '/version', undefined, { authorization })
  assert.equal((await asBearer('x', 'GET', '/version')).status, 401)
  assert.equal((await asBearer(await token(['vault']), 'GET', '/version')).status, 401)
  assert.equal((await asBearer(await token(), 'GET', '/version')).status, 200)
  assert.equal((await version('Basic YTpi')).status, 200)
  assert.equal((await as(undefined, 'GET', '/apis', undefined, { authorization: 'Basic YTpi' })).status, 403)
})

test('a list or watch of one name is about that name', async (t) => {
  const { allow, as } = await accessApi(t)
  await allow('a', 'jane', { ...onPods('get', 'list', 'watch'), resourceNames: ['x'] })
  const code = async (query: string) => (await as(jane, 'GET', `${PODS}${query}`)).status
  assert.equal(await code('?fieldSelector=metadata.name%3Dx'), 200)
  assert.equal(await code('?fieldSelector=metadata.name%3Dx,metadata.namespace%3Da'), 200)
  assert.equal(await code('?fieldSelector=metadata.name%3Dy'), 403)
  assert.equal(await code('?fieldSelector=metadata.name!%3Dx'), 403)
  assert.equal(await code('?fieldSelector=metadata'), 403)
  assert.equal(await code(''), 403)
  assert.equal(await code('/x'), 404)
  assert.equal(await code('/y'), 403)
})

test('who may only patch makes nothing by applying', async (t) => {
  const { allow, as, asAdmin } = await accessApi(t)
  const maps = { apiGroups: [''], resources: ['configmaps'] }
  await allow('a', 'jane', { verbs: ['patch'], ...maps })
  const path = '/api/v1/namespaces/a/configmaps/m'
  const apply = () =>
    as(
      jane,
      'PATCH',
      `${path}?fieldManager=x`,
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'm' }, data: { a: 'b' } },
      {
        'content-type': 'application/apply-patch+yaml',
      },
    )
  const refused = await apply()
  assert.deepEqual(
    [refused.status, refused.json.message],
    [403, 'configmaps "m" is forbidden: User "jane" cannot create resource "configmaps" in API group "" in the namespace "a"'],
  )
  assert.equal((await asAdmin('GET', path)).status, 404)
  await allow('a', 'jane', { verbs: ['create'], ...maps })
  assert.equal((await apply()).status, 201)
})

test('who may only read does not get into pods', async (t) => {
  const { allow, as } = await accessApi(t)
  await allow('a', 'jane', { verbs: ['get'], apiGroups: [''], resources: ['pods/exec', 'pods/log'] })
  assert.equal((await as(jane, 'GET', `${PODS}/x/log`)).status, 404)
  assert.equal(
    (await as(jane, 'GET', `${PODS}/x/exec?command=sh`)).json.message,
    'pods "x" is forbidden: User "jane" cannot create resource "pods/exec" in API group "" in the namespace "a"',
  )
})

test('impersonation over HTTP', async (t) => {
  const { as, asAdmin } = await accessApi(t)
  const whoAmI = (headers: Record<string, string>) => asAdmin('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', {}, headers)
  const extra = { 'impersonate-uid': 'u', 'impersonate-extra-scopes': 'view' }
  assert.deepEqual((await whoAmI({ 'impersonate-user': 'jane', 'impersonate-group': 'dev', ...extra })).json.status.userInfo, {
    username: 'jane',
    uid: 'u',
    groups: ['dev', 'system:authenticated'],
    extra: { scopes: ['view'] },
  })
  const body = (await whoAmI({ 'impersonate-group': 'dev' })).json
  assert.deepEqual([body.code, body.message], [400, 'requested [{Group  dev    }] without impersonating a user'])
  const refused = await as(jane, 'GET', '/version', undefined, { 'impersonate-user': 'root' })
  assert.deepEqual(
    [refused.status, refused.json.message, refused.json.details],
    [
      403,
      'users "root" is forbidden: User "jane" cannot impersonate resource "users" in API group "" at the cluster scope',
      { name: 'root', kind: 'users' },
    ],
  )
})

test('a cluster whose roles are gone still says that it is well', async () => {
  const { call } = await testApi({ identify: () => ANONYMOUS, roles: false })
  assert.equal((await call('GET', '/livez')).status, 200)
  assert.equal((await call('GET', '/version')).status, 403)
})

test('others find out how to check tokens, if they may', async (t) => {
  const { as, asBearer, token, tokens } = await accessApi(t)
  const bearer = await token()
  const discovery = await asBearer(bearer, 'GET', '/.well-known/openid-configuration')
  assert.deepEqual([discovery.status, discovery.json], [200, tokens.discovery()])
  assert.equal(discovery.headers.get('cache-control'), 'public, max-age=3600')
  const keys = await asBearer(bearer, 'GET', '/openid/v1/jwks')
  assert.deepEqual([keys.status, keys.headers.get('content-type')], [200, 'application/jwk-set+json'])
  assert.deepEqual(keys.json, await tokens.keySet())
  assert.equal((await as(jane, 'GET', '/openid/v1/jwks')).status, 403)
  assert.equal((await as(ANONYMOUS, 'GET', '/.well-known/openid-configuration')).status, 403)
})
