import assert from 'node:assert/strict'
import { test } from 'node:test'
import { authenticate, bearerToken, type TokenVerifier } from './authenticate.ts'

const certificate = (commonName: string, organizations: readonly string[] = [], verified = true) => ({
  commonName,
  organizations,
  verified,
})
const robot = { name: 'system:serviceaccount:a:robot', groups: ['system:authenticated'] }
const verify: TokenVerifier = async (token) => (token === 'good' ? robot : undefined)

test('a verified certificate names user and groups', async () => {
  assert.deepEqual(await authenticate({ certificate: certificate('jane', ['dev', 'ops']) }, verify), {
    name: 'jane',
    groups: ['dev', 'ops', 'system:authenticated'],
  })
})

test('who shows nothing is anonymous', async () => {
  assert.deepEqual(await authenticate({}, verify), { name: 'system:anonymous', groups: ['system:unauthenticated'] })
})

test('a token stands for whom it was made for, also beside a certificate of another authority', async () => {
  assert.equal(await authenticate({ token: 'good' }, verify), robot)
  assert.equal(await authenticate({ token: 'good', certificate: certificate('jane', [], false) }, verify), robot)
})

test('a verified certificate counts, whatever else is shown', async () => {
  assert.equal((await authenticate({ certificate: certificate('jane'), token: 'bad' }, verify)).name, 'jane')
})

for (const [name, credentials] of Object.entries({
  'a certificate of another authority': { certificate: certificate('jane', ['system:masters'], false) },
  'a certificate without a common name': { certificate: certificate('') },
  'a token that is not worth anything': { token: 'bad' },
  'such a token beside a foreign certificate': { certificate: certificate('jane', [], false), token: 'bad' },
}))
  test(`${name} is refused with 401`, async () => {
    await assert.rejects(authenticate(credentials, verify), { code: 401, reason: 'Unauthorized', message: 'Unauthorized' })
  })

for (const [header, token] of [
  [undefined, undefined],
  ['Bearer abc', 'abc'],
  ['bearer  abc', undefined],
  ['Bearer', undefined],
  ['Bearer ', undefined],
  ['Basic abc', undefined],
  ['  Bearer abc  ', 'abc'],
  ['Bearer a b', 'a'],
] as const)
  test(`the header ${JSON.stringify(header)} has the token ${token}`, () => assert.equal(bearerToken(header), token))
