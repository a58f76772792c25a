import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pod } from '@bramble/api/types/pod'
import { nodes } from '../resources/node.ts'
import { pods } from '../resources/pod.ts'
import { secrets } from '../resources/secret.ts'
import { accessApi, aUser, TOKEN } from './access.fixture.ts'

const ISSUER = 'https://kubernetes.default.svc.cluster.local'
const claimsOf = (token: string) => JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString('utf8'))

test('a token is made for who may ask for it, and stands for the ServiceAccount', async (t) => {
  const { allow, as, asBearer, robot } = await accessApi(t)
  const jane = aUser('jane')
  assert.equal(
    (await as(jane, 'POST', TOKEN, {})).json.message,
    'serviceaccounts "robot" is forbidden: User "jane" cannot create resource "serviceaccounts/token" in API group "" in the namespace "a"',
  )
  await allow('a', 'jane', { verbs: ['create'], apiGroups: [''], resources: ['serviceaccounts/token'] })
  const { status, json } = await as(jane, 'POST', TOKEN, {})
  assert.equal(status, 201)
  const { kind, apiVersion, metadata, spec, status: made } = json
  assert.deepEqual(
    { kind, apiVersion, name: metadata.name, namespace: metadata.namespace, spec },
    {
      kind: 'TokenRequest',
      apiVersion: 'authentication.k8s.io/v1',
      name: 'robot',
      namespace: 'a',
      spec: { audiences: [ISSUER], expirationSeconds: 3_600 },
    },
  )
  assert.equal(Date.parse(made.expirationTimestamp) - Date.parse(metadata.creationTimestamp), 3_600_000)
  const { jti, ...claims } = claimsOf(made.token)
  assert.ok(claims.exp * 1000 >= Date.parse(made.expirationTimestamp))
  const who = (await asBearer(made.token, 'POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', {})).json.status.userInfo
  assert.deepEqual(who, {
    username: 'system:serviceaccount:a:robot',
    uid: robot.metadata.uid,
    groups: ['system:serviceaccounts', 'system:serviceaccounts:a', 'system:authenticated'],
    extra: { 'authentication.kubernetes.io/credential-id': [`JTI=${jti}`] },
  })
})

test('a token knows the pod and the node that it is bound to', async (t) => {
  const { asAdmin, asBearer, client } = await accessApi(t)
  const node = await client.create(nodes, { metadata: { name: 'pi-1' }, spec: {} })
  const pod = await client.create<Pod>(pods, {
    metadata: { name: 'p', namespace: 'a' },
    spec: { serviceAccountName: 'robot', nodeName: 'pi-1', containers: [{ name: 'c', image: 'i' }] },
  })
  const boundObjectRef = { kind: 'Pod', apiVersion: 'v1', name: 'p', uid: pod.metadata.uid }
  const { json } = await asAdmin('POST', TOKEN, { spec: { boundObjectRef } })
  assert.deepEqual(json.spec.boundObjectRef, boundObjectRef)
  const who = await asBearer(json.status.token, 'POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', {})
  const { 'authentication.kubernetes.io/credential-id': _id, ...extra } = who.json.status.userInfo.extra
  assert.deepEqual(extra, {
    'authentication.kubernetes.io/node-name': ['pi-1'],
    'authentication.kubernetes.io/node-uid': [node.metadata.uid],
    'authentication.kubernetes.io/pod-name': ['p'],
    'authentication.kubernetes.io/pod-uid': [pod.metadata.uid],
  })
  await client.delete(pods, 'a/p', { gracePeriodSeconds: 0 })
  assert.equal((await asBearer(json.status.token, 'GET', '/version')).status, 401)
})

test('a very long life is cut, and that is said', async (t) => {
  const { asAdmin } = await accessApi(t)
  const { status, json, headers } = await asAdmin('POST', TOKEN, { spec: { expirationSeconds: 2 ** 32 } })
  assert.deepEqual([status, json.spec.expirationSeconds], [201, 31_536_000])
  assert.equal(headers.get('warning'), '299 - "requested expiration of 4294967296 seconds shortened to 31536000 seconds"')
  const { exp, iat } = claimsOf(json.status.token)
  assert.equal(exp - iat, 31_536_000)
})

const bound = (kind: string, name: string, more: object = {}) => ({ spec: { boundObjectRef: { kind, apiVersion: 'v1', name, ...more } } })
const refusals = [
  {
    name: 'a short life',
    body: { spec: { expirationSeconds: 599 } },
    code: 422,
    message:
      'TokenRequest.authentication.k8s.io "" is invalid: spec.expirationSeconds: Invalid value: 599: may not specify a duration less than 10 minutes',
  },
  {
    name: 'a life beyond all reason',
    body: { spec: { expirationSeconds: 2 ** 32 + 1 } },
    code: 422,
    message:
      'TokenRequest.authentication.k8s.io "" is invalid: spec.expirationSeconds: Invalid value: 4294967297: may not specify a duration larger than 2^32 seconds',
  },
  {
    name: 'another name',
    body: { metadata: { name: 'x' } },
    code: 422,
    message:
      'TokenRequest.authentication.k8s.io "robot" is invalid: metadata.name: Invalid value: "x": must match the service account name if specified',
  },
  {
    name: 'another namespace',
    body: { metadata: { namespace: 'b' } },
    code: 422,
    message:
      'TokenRequest.authentication.k8s.io "robot" is invalid: metadata.namespace: Invalid value: "b": must match the service account namespace if specified',
  },
  { name: 'a pod that is not there', body: bound('Pod', 'none'), code: 404, message: 'pods "none" not found' },
  {
    name: 'a pod of another account',
    body: bound('Pod', 'other'),
    code: 400,
    message: 'cannot bind token for serviceaccount "robot" to pod running with different serviceaccount name.',
  },
  {
    name: 'a secret of another uid',
    body: bound('Secret', 's', { uid: 'old' }),
    code: 409,
    message:
      'Operation cannot be fulfilled on Secret "s": the UID in the bound object reference (old) does not match the UID in record. The object might have been deleted and then recreated',
  },
  { name: 'a node that is not there', body: bound('Node', 'pi-9'), code: 404, message: 'nodes "pi-9" not found' },
  {
    name: 'a kind that tokens are not bound to',
    body: bound('ConfigMap', 'm'),
    code: 400,
    message: 'cannot bind token to object of type /v1, Kind=ConfigMap',
  },
  {
    name: 'a pod of another group',
    body: bound('Pod', 'other', { apiVersion: 'x.io/v1' }),
    code: 400,
    message: 'cannot bind token to object of type x.io/v1, Kind=Pod',
  },
]
for (const { name, body, code, message } of refusals)
  test(`a token is refused for ${name}`, async (t) => {
    const { asAdmin, client } = await accessApi(t)
    await client.create<Pod>(pods, { metadata: { name: 'other', namespace: 'a' }, spec: { containers: [{ name: 'c', image: 'i' }] } })
    await client.create(secrets, { metadata: { name: 's', namespace: 'a' } })
    const { status, json } = await asAdmin('POST', TOKEN, body)
    assert.deepEqual([status, json.message], [code, message])
  })

test('there is no token for an account that is not there, and nothing else to do with tokens', async (t) => {
  const { asAdmin } = await accessApi(t)
  const none = await asAdmin('POST', TOKEN.replace('robot', 'none'), {})
  assert.deepEqual([none.status, none.json.message], [404, 'serviceaccounts "none" not found'])
  assert.equal((await asAdmin('GET', TOKEN)).status, 405)
  assert.equal((await asAdmin('PUT', TOKEN, {})).status, 405)
})
