import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { KubeObject } from '@bramble/api/object'
import type { Secret, ServiceAccount } from '@bramble/api/types/core'
import type { Pod } from '@bramble/api/types/pod'
import { systemClock } from '@bramble/reconcile/env'
import { createLocalJWKSet, decodeProtectedHeader, jwtVerify, SignJWT } from 'jose'
import { newServiceAccountKey } from '../pki/service-account-key.ts'
import { nodes } from '../resources/node.ts'
import { pods } from '../resources/pod.ts'
import { secrets } from '../resources/secret.ts'
import { serviceAccounts } from '../resources/service-account.ts'
import { rights } from './authorizer.fixture.ts'
import { ISSUER } from './service-account-claims.ts'
import { ServiceAccountTokens } from './service-account-tokens.ts'
import { createPrivateKey } from 'node:crypto'

const KEY = newServiceAccountKey()
const HOUR = 3_600

async function issuer(t: TestContext) {
  const { client } = await rights(t)
  let nowMs = Date.UTC(2026, 0, 1)
  const clock = { ...systemClock, nowMs: () => nowMs }
  let asked = 0
  const signingKey = async () => {
    asked++
    return KEY
  }
  const tokens = new ServiceAccountTokens({
    signingKey,
    reads: client,
    env: { clock, uuid: () => 'id-1' },
    keySetUrl: 'https://x/openid/v1/jwks',
  })
  const robot = await client.create<ServiceAccount>(serviceAccounts, { metadata: { name: 'robot', namespace: 'a' } })
  return {
    client,
    tokens,
    robot,
    keysAsked: () => asked,
    pass: (seconds: number) => {
      nowMs += seconds * 1000
    },
    isGood: async (token: string, ...audiences: string[]) =>
      (await tokens.verify(token, audiences.length > 0 ? audiences : undefined)) !== undefined,
  }
}

test('a token stands for its ServiceAccount', async (t) => {
  const { tokens, robot, keysAsked } = await issuer(t)
  assert.equal(keysAsked(), 0, 'a control plane that is not asked has no key in memory')
  const token = await tokens.issue(robot, {}, [ISSUER, 'vault'], HOUR)
  assert.deepEqual(await tokens.verify(token), {
    user: {
      name: 'system:serviceaccount:a:robot',
      uid: robot.metadata.uid,
      groups: ['system:serviceaccounts', 'system:serviceaccounts:a', 'system:authenticated'],
      extra: { 'authentication.kubernetes.io/credential-id': ['JTI=id-1'] },
    },
    audiences: [ISSUER],
  })
  assert.equal(keysAsked(), 1)
})

test('others can check it with the published key, and read the claims of Kubernetes in it', async (t) => {
  const { tokens, client, robot } = await issuer(t)
  const pod = await client.create<Pod>(pods, { metadata: { name: 'p', namespace: 'a' }, spec: { containers: [{ name: 'c', image: 'i' }] } })
  const token = await tokens.issue(robot, { pod, node: { name: 'pi-1', uid: 'n1' } }, ['vault'], HOUR)
  const keySet = createLocalJWKSet((await tokens.keySet()) as never)
  const { payload } = await jwtVerify(token, keySet, { issuer: ISSUER, audience: 'vault', currentDate: new Date(Date.UTC(2026, 0, 1)) })
  const now = Date.UTC(2026, 0, 1) / 1000
  assert.deepEqual(payload, {
    aud: ['vault'],
    exp: now + HOUR,
    iat: now,
    iss: ISSUER,
    jti: 'id-1',
    'kubernetes.io': {
      namespace: 'a',
      node: { name: 'pi-1', uid: 'n1' },
      pod: { name: 'p', uid: pod.metadata.uid },
      serviceaccount: { name: 'robot', uid: robot.metadata.uid },
    },
    nbf: now,
    sub: 'system:serviceaccount:a:robot',
  })
  assert.deepEqual(tokens.discovery(), {
    issuer: ISSUER,
    jwks_uri: 'https://x/openid/v1/jwks',
    response_types_supported: ['id_token'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['ES256'],
  })
  assert.equal(JSON.stringify(await tokens.keySet()).includes('"d"'), false, 'the secret half is never shown')
})

test('it lasts until its time is over, seen before or not', async (t) => {
  const { tokens, robot, pass, isGood } = await issuer(t)
  const [seen, unseen] = [await tokens.issue(robot, {}, [ISSUER], 600), await tokens.issue(robot, {}, [ISSUER, 'x'], 600)]
  assert.ok(await isGood(seen))
  pass(600 + 59) // clocks may differ by a minute
  assert.ok(await isGood(seen))
  pass(2)
  assert.deepEqual([await isGood(seen), await isGood(unseen)], [false, false])
})

test('it is for its audiences only', async (t) => {
  const { tokens, robot, isGood } = await issuer(t)
  const token = await tokens.issue(robot, {}, ['vault', 'registry'], HOUR)
  assert.ok(!(await isGood(token)))
  assert.ok(!(await isGood(token, 'mail')))
  assert.deepEqual((await tokens.verify(token, ['mail', 'registry']))?.audiences, ['registry'])
})

test('it ends with its ServiceAccount, and another of that name does not bring it back', async (t) => {
  const { client, tokens, robot, isGood } = await issuer(t)
  const token = await tokens.issue(robot, {}, [ISSUER], HOUR)
  assert.ok(await isGood(token))
  await client.delete(serviceAccounts, 'a/robot')
  assert.ok(!(await isGood(token)))
  await client.create(serviceAccounts, { metadata: { name: 'robot', namespace: 'a' } })
  assert.ok(!(await isGood(token)))
})

for (const [kind, name] of [
  [pods, 'a/thing'],
  [secrets, 'a/thing'],
  [nodes, 'thing'],
] as const)
  test(`a token bound to a ${kind.kind} ends with it`, async (t) => {
    const { client, tokens, robot, isGood } = await issuer(t)
    const make = (): Promise<KubeObject> =>
      client.create(
        kind as never,
        {
          metadata: { name: 'thing', ...(kind.scope === 'Namespaced' && { namespace: 'a' }) },
          ...(kind === pods && { spec: { containers: [{ name: 'c', image: 'i' }] } }),
        } as never,
      )
    const thing = await make()
    const bound = kind === nodes ? { node: { name: 'thing', uid: thing.metadata.uid } } : kind === pods ? { pod: thing } : { secret: thing }
    const token = await tokens.issue(robot, bound, [ISSUER], HOUR)
    assert.ok(await isGood(token))
    await client.delete(kind as never, name)
    assert.ok(!(await isGood(token)))
    await make()
    assert.ok(!(await isGood(token)), 'another of that name is another')
  })

test('a pod that is leaving keeps its token until a minute after its time', async (t) => {
  const { client, tokens, robot, isGood, pass } = await issuer(t)
  const pod = await client.create<Pod>(pods, {
    metadata: { name: 'p', namespace: 'a', finalizers: ['a.b/c'] },
    spec: { containers: [{ name: 'c', image: 'i' }] },
  })
  const token = await tokens.issue(robot, { pod }, [ISSUER], HOUR)
  await client.delete(pods, 'a/p')
  const { deletionTimestamp } = client.get(pods, 'a/p')!.metadata
  pass(Date.parse(deletionTimestamp!) / 1000 - Date.UTC(2026, 0, 1) / 1000 + 60)
  assert.ok(await isGood(token))
  pass(1)
  assert.ok(!(await isGood(token)))
})

test('a token in a Secret is worth something for as long as that Secret holds it', async (t) => {
  const { client, tokens, robot, isGood, pass } = await issuer(t)
  const token = await tokens.issueForSecret(robot, 's')
  assert.ok(!(await isGood(token)))
  const annotations = { 'kubernetes.io/service-account.name': 'robot' }
  const data = { token: Buffer.from(token).toString('base64') }
  await client.create<Secret>(secrets, {
    metadata: { name: 's', namespace: 'a', annotations },
    type: 'kubernetes.io/service-account-token',
    data,
  })
  pass(10 * 365 * 86_400)
  assert.equal((await tokens.verify(token))?.user.name, 'system:serviceaccount:a:robot')
  await client.patch(secrets, 'a/s', { data: { token: null } })
  assert.ok(!(await isGood(token)))
})

test('nothing else is a token', async (t) => {
  const { tokens, robot, isGood } = await issuer(t)
  const token = await tokens.issue(robot, {}, [ISSUER], HOUR)
  const [head, body, signature] = token.split('.') as [string, string, string]
  const payload = JSON.parse(Buffer.from(body, 'base64url').toString())
  const signedBy = (pem: string, alg: string, claims: object) =>
    new SignJWT(claims as never).setProtectedHeader({ ...decodeProtectedHeader(token), alg } as never).sign(createPrivateKey(pem))
  const encoded = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const masters = encoded({ ...payload, sub: 'system:serviceaccount:kube-system:admin' })
  for (const [name, forged] of Object.entries({
    'no text': '',
    'any text': 'x',
    'dots only': '..',
    'other claims under the same signature': `${head}.${masters}.${signature}`,
    'no signature': `${head}.${body}.`,
    'no algorithm': `${encoded({ alg: 'none' })}.${body}.`,
    'another key': await signedBy(newServiceAccountKey(), 'ES256', payload),
    'another issuer': await signedBy(KEY, 'ES256', { ...payload, iss: 'https://example.com' }),
    'a subject that is not the claimed account': await signedBy(KEY, 'ES256', { ...payload, sub: 'system:serviceaccount:a:other' }),
    'a user that is no account': await signedBy(KEY, 'ES256', { ...payload, sub: 'system:masters' }),
    'no claims of ours': await signedBy(KEY, 'ES256', { iss: ISSUER, sub: payload.sub, aud: payload.aud }),
    'claims of a wrong shape': await signedBy(KEY, 'ES256', { ...payload, 'kubernetes.io': { namespace: 1, serviceaccount: 'x' } }),
    'a Secret in a token that is not kept in one': await signedBy(KEY, 'ES256', { ...payload, iss: 'kubernetes/serviceaccount' }),
    'a token of the future': await signedBy(KEY, 'ES256', { ...payload, nbf: payload.nbf + 120 }),
    'more than anybody sends': `${token}${'x'.repeat(20_000)}`,
  }))
    assert.ok(!(await isGood(forged)), name)
})

test('the tokens that are remembered are a bounded number, and those beyond work as well', async (t) => {
  const { tokens, robot, isGood } = await issuer(t)
  const first = await tokens.issue(robot, {}, [ISSUER], HOUR)
  assert.ok(await isGood(first))
  for (let index = 0; index < 1_100; index++) assert.ok(await isGood(await tokens.issue(robot, {}, [ISSUER, String(index)], HOUR)))
  assert.ok(await isGood(first))
})

test('a key that cannot be read today may be tomorrow', async (t) => {
  const { client, robot } = await issuer(t)
  let fails = true
  const signingKey = async () => {
    if (fails) throw new Error('disk')
    return KEY
  }
  const tokens = new ServiceAccountTokens({ signingKey, reads: client, env: { clock: systemClock }, keySetUrl: '' })
  await assert.rejects(tokens.issue(robot, {}, [ISSUER], HOUR), /disk/)
  fails = false
  assert.ok(await tokens.verify(await tokens.issue(robot, {}, [ISSUER], HOUR)))
})
