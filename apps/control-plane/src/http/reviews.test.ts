import assert from 'node:assert/strict'
import { test } from 'node:test'
import { onPods } from '../auth/authorizer.fixture.ts'
import { accessApi, aUser } from './access.fixture.ts'

const AUTHORIZATION = '/apis/authorization.k8s.io/v1'
const TOKEN_REVIEWS = '/apis/authentication.k8s.io/v1/tokenreviews'
const jane = aUser('jane')
const list = { verb: 'list', resource: 'pods', namespace: 'a' }

test('each review answers for the one it is about', async (t) => {
  const { allow, as, asAdmin } = await accessApi(t)
  await allow('a', 'jane', onPods('list'))
  const reason = 'RBAC: allowed by RoleBinding "jane-0/a" of Role "jane-0" to User "jane"'
  const self = async (spec: object) => (await as(jane, 'POST', `${AUTHORIZATION}/selfsubjectaccessreviews`, { spec })).json.status
  assert.deepEqual(await self({ resourceAttributes: list }), { allowed: true, reason })
  assert.deepEqual(await self({ resourceAttributes: { ...list, namespace: 'b' } }), { allowed: false })
  assert.deepEqual(await self({ resourceAttributes: { ...list, subresource: 'log' } }), { allowed: false })
  assert.deepEqual(await self({ nonResourceAttributes: { verb: 'get', path: '/metrics' } }), { allowed: false })

  const other = async (spec: object) => (await asAdmin('POST', `${AUTHORIZATION}/subjectaccessreviews`, { spec })).json.status
  assert.deepEqual(await other({ user: 'jane', resourceAttributes: list }), { allowed: true, reason })
  assert.deepEqual(await other({ groups: ['system:masters'], resourceAttributes: list }), { allowed: true })
  assert.deepEqual(await other({ user: 'joe', groups: ['dev'], resourceAttributes: list }), { allowed: false })

  const local = (spec: object, namespace = 'a') =>
    asAdmin('POST', `${AUTHORIZATION}/namespaces/${namespace}/localsubjectaccessreviews`, { spec })
  const { status, json } = await local({ user: 'jane', resourceAttributes: list })
  assert.deepEqual([status, json.status, json.metadata], [201, { allowed: true, reason }, { namespace: 'a' }])
})

test('who may not ask about others is told so', async (t) => {
  const { as } = await accessApi(t)
  const { status, json } = await as(jane, 'POST', `${AUTHORIZATION}/subjectaccessreviews`, {
    spec: { user: 'x', resourceAttributes: list },
  })
  assert.deepEqual(
    [status, json.message],
    [
      403,
      'subjectaccessreviews.authorization.k8s.io is forbidden: User "jane" cannot create resource "subjectaccessreviews" in API group "authorization.k8s.io" at the cluster scope',
    ],
  )
})

test('all rules of somebody in a namespace', async (t) => {
  const { allow, as, asAdmin } = await accessApi(t)
  await allow('a', 'jane', { ...onPods('get'), resourceNames: ['x'] })
  const rules = async (namespace: string) =>
    (await as(jane, 'POST', `${AUTHORIZATION}/selfsubjectrulesreviews`, { spec: { namespace } })).json.status
  const inA = await rules('a')
  assert.deepEqual(inA.resourceRules.at(-1), { verbs: ['get'], apiGroups: [''], resources: ['pods'], resourceNames: ['x'] })
  assert.ok(inA.nonResourceRules.some(({ nonResourceURLs }: { nonResourceURLs: string[] }) => nonResourceURLs.includes('/apis/*')))
  assert.equal(inA.incomplete, false)
  assert.equal((await rules('b')).resourceRules.length, inA.resourceRules.length - 1)
  const admin = (await asAdmin('POST', `${AUTHORIZATION}/selfsubjectrulesreviews`, { spec: { namespace: 'a' } })).json.status
  assert.deepEqual(admin.resourceRules[0], { verbs: ['*'], apiGroups: ['*'], resources: ['*'] })
})

const SAR = 'SubjectAccessReview.authorization.k8s.io "" is invalid: '
const path = { verb: 'get', path: '/x' }
const refusals = [
  {
    name: 'about nothing',
    kind: 'subjectaccessreviews',
    body: { spec: { user: 'x' } },
    message: `${SAR}spec.resourceAttributes: Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified`,
  },
  {
    name: 'about two things',
    kind: 'subjectaccessreviews',
    body: { spec: { user: 'x', resourceAttributes: list, nonResourceAttributes: path } },
    message: `${SAR}spec.nonResourceAttributes: Invalid value: {"path":"/x","verb":"get"}: cannot be specified in combination with resourceAttributes`,
  },
  {
    name: 'about nobody',
    kind: 'subjectaccessreviews',
    body: { spec: { resourceAttributes: list } },
    message: `${SAR}spec.user: Invalid value: "": at least one of user or group must be specified`,
  },
  {
    name: 'with a name of its own',
    kind: 'selfsubjectaccessreviews',
    body: { metadata: { name: 'x' }, spec: { resourceAttributes: list } },
    message: 'SelfSubjectAccessReview.authorization.k8s.io "" is invalid: metadata: Invalid value: {"name":"x"}: must be empty',
  },
  {
    name: 'in one namespace about another',
    kind: 'namespaces/a/localsubjectaccessreviews',
    body: { spec: { user: 'x', resourceAttributes: { ...list, namespace: 'b' } } },
    message: `Local${SAR}spec.resourceAttributes.namespace: Invalid value: "b": must match metadata.namespace`,
  },
  {
    name: 'in one namespace about a path',
    kind: 'namespaces/a/localsubjectaccessreviews',
    body: { spec: { user: 'x', nonResourceAttributes: path } },
    message: `Local${SAR}spec.nonResourceAttributes: Invalid value: {"path":"/x","verb":"get"}: disallowed on this kind of request`,
  },
  {
    name: 'in a namespace that is not its own',
    kind: 'namespaces/a/localsubjectaccessreviews',
    body: { metadata: { namespace: 'b' }, spec: { user: 'x', resourceAttributes: list } },
    code: 400,
    message: 'the namespace of the provided object does not match the namespace sent on the request',
  },
  {
    name: 'about the rules of no namespace',
    kind: 'selfsubjectrulesreviews',
    body: { spec: {} },
    code: 400,
    message: 'no namespace on request',
  },
]
for (const { name, kind, body, code = 422, message } of refusals)
  test(`a review ${name} is refused`, async (t) => {
    const { asAdmin } = await accessApi(t)
    const { status, json } = await asAdmin('POST', `${AUTHORIZATION}/${kind}`, body)
    assert.deepEqual([status, json.message], [code, message])
  })

test('a token review says whose token it is, and nothing of what is wrong with another', async (t) => {
  const { asAdmin, robot, token } = await accessApi(t)
  const review = async (spec: object) => (await asAdmin('POST', TOKEN_REVIEWS, { spec })).json.status
  const good = await token()
  const { user, ...rest } = await review({ token: good })
  assert.deepEqual(rest, { authenticated: true, audiences: ['https://kubernetes.default.svc.cluster.local'] })
  assert.deepEqual([user.username, user.uid], ['system:serviceaccount:a:robot', robot.metadata.uid])
  const forVault = await token(['vault'])
  assert.deepEqual((await review({ token: forVault, audiences: ['vault', 'x'] })).audiences, ['vault'])
  const nobody = { user: {}, error: 'invalid bearer token' }
  assert.deepEqual(await review({ token: forVault }), nobody)
  assert.deepEqual(await review({ token: 'x' }), nobody)
  const empty = await asAdmin('POST', TOKEN_REVIEWS, { spec: {} })
  assert.deepEqual([empty.status, empty.json.message], [400, 'token is required for TokenReview in authentication'])
})

test('reviews are asked, never kept', async (t) => {
  const { asAdmin } = await accessApi(t)
  for (const kind of ['authentication.k8s.io/v1/tokenreviews', 'authorization.k8s.io/v1/subjectaccessreviews'])
    assert.equal((await asAdmin('GET', `/apis/${kind}`)).status, 405)
})
