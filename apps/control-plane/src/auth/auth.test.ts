import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ANONYMOUS, authenticate } from './authenticate.ts'
import { type Attributes, authorize, forbiddenError } from './authorize.ts'

const certificate = (commonName: string, organizations: readonly string[] = [], verified = true) => ({
  commonName,
  organizations,
  verified,
})

test('a verified certificate names user and groups', () => {
  assert.deepEqual(authenticate({ certificate: certificate('jane', ['dev', 'ops']) }), {
    name: 'jane',
    groups: ['dev', 'ops', 'system:authenticated'],
  })
})

test('who shows nothing is anonymous', () => {
  assert.deepEqual(authenticate({}), { name: 'system:anonymous', groups: ['system:unauthenticated'] })
})

for (const [name, credentials] of Object.entries({
  'a certificate of another authority': { certificate: certificate('jane', ['system:masters'], false) },
  'a certificate without a common name': { certificate: certificate('') },
  'a token': { authorization: 'Bearer abc' },
  'a token beside a foreign certificate': { certificate: certificate('jane', [], false), authorization: 'Bearer abc' },
}))
  test(`${name} is refused with 401`, () => {
    assert.throws(() => authenticate(credentials), { code: 401, reason: 'Unauthorized', message: 'Unauthorized' })
  })

test('a verified certificate counts, whatever else is shown', () => {
  assert.equal(authenticate({ certificate: certificate('jane'), authorization: 'Basic x' }).name, 'jane')
})

const admin = authenticate({ certificate: certificate('root', ['system:masters']) })
const node = authenticate({ certificate: certificate('system:node:pi-1', ['system:nodes']) })
const pods = (verb: string, more: object = {}): Attributes => ({ type: 'resource', verb, group: '', plural: 'pods', ...more })
const path = (to: string, verb = 'get'): Attributes => ({ type: 'path', verb, path: to })
const review = { type: 'resource', verb: 'create', group: 'authorization.k8s.io', plural: 'selfsubjectaccessreviews' } as const

const rights = [
  { user: admin, may: true, what: pods('delete', { namespace: 'a', name: 'x', subresource: 'exec' }) },
  { user: admin, may: true, what: path('/metrics', 'post') },
  { user: node, may: false, what: pods('list') },
  { user: node, may: false, what: { type: 'resource', verb: 'get', group: '', plural: 'secrets', namespace: 'a', name: 's' } },
  { user: node, may: true, what: path('/apis/apps/v1') },
  { user: node, may: true, what: path('/openapi/v3') },
  { user: node, may: true, what: path('/readyz') },
  { user: node, may: false, what: path('/apis', 'delete') },
  { user: node, may: false, what: path('/metrics') },
  { user: node, may: true, what: review },
  { user: node, may: false, what: { ...review, subresource: 'status' } },
  { user: ANONYMOUS, may: true, what: path('/version') },
  { user: ANONYMOUS, may: true, what: path('/livez') },
  { user: ANONYMOUS, may: false, what: path('/livez/ping') },
  { user: ANONYMOUS, may: false, what: path('/versions') },
  { user: ANONYMOUS, may: false, what: path('/apis') },
  { user: ANONYMOUS, may: false, what: review },
  { user: { name: 'x', groups: ['__proto__', 'constructor'] }, may: false, what: pods('get') },
] as const

for (const { user, may, what } of rights)
  test(`${user.name} ${may ? 'may' : 'may not'} ${JSON.stringify(what)}`, () => assert.equal(authorize(user, what), may))

const refusals = [
  [
    pods('list'),
    'pods is forbidden: User "system:anonymous" cannot list resource "pods" in API group "" at the cluster scope',
    { kind: 'pods' },
  ],
  [
    pods('get', { namespace: 'n', name: 'x', subresource: 'log' }),
    'pods "x" is forbidden: User "system:anonymous" cannot get resource "pods/log" in API group "" in the namespace "n"',
    { name: 'x', kind: 'pods' },
  ],
  [
    review,
    'selfsubjectaccessreviews.authorization.k8s.io is forbidden: User "system:anonymous" cannot create resource "selfsubjectaccessreviews" in API group "authorization.k8s.io" at the cluster scope',
    { group: 'authorization.k8s.io', kind: 'selfsubjectaccessreviews' },
  ],
  [path('/'), 'forbidden: User "system:anonymous" cannot get path "/"', {}],
] as const

for (const [what, message, details] of refusals)
  test(`403 says: ${message}`, () => {
    const { code, reason, message: said, details: shown } = forbiddenError(ANONYMOUS, what)
    assert.deepEqual({ code, reason, said, shown }, { code: 403, reason: 'Forbidden', said: message, shown: details })
  })
