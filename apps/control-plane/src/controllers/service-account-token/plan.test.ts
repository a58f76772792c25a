import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Secret, ServiceAccount } from '@bramble/api/types/core'
import { secrets } from '../../resources/secret.ts'
import { serviceAccounts } from '../../resources/service-account.ts'
import { testBench } from '../test-bench.ts'
import { serviceAccountTokenController } from './controller.ts'
import { ACCOUNT_NAME, planToken, TOKEN_SECRET } from './plan.ts'

const UID = 'kubernetes.io/service-account.uid'
const base64 = (text: string): string => Buffer.from(text).toString('base64')
const meta = (name: string, uid = name) => ({ name, namespace: 'a', uid, resourceVersion: '1', creationTimestamp: '' })
const robot: ServiceAccount = { metadata: meta('robot', 'u1') }
const secret = (data: Record<string, string> = {}, annotations: Record<string, string> = {}, more: Partial<Secret> = {}): Secret => ({
  metadata: { ...meta('s'), annotations: { [ACCOUNT_NAME]: 'robot', ...annotations } },
  type: TOKEN_SECRET,
  data,
  ...more,
})
const FULL = { namespace: base64('a'), 'ca.crt': base64('PEM'), token: base64('t') }
const filled = (...keys: string[]) => ({
  patch: {
    metadata: { annotations: { [UID]: 'u1' } },
    data: Object.fromEntries(Object.entries(FULL).filter(([key]) => keys.includes(key))),
  },
})

const cases: { name: string; secret: Secret; account?: ServiceAccount; expect: object }[] = [
  {
    name: 'an empty one gets everything',
    secret: secret(),
    account: robot,
    expect: { ...filled('namespace', 'ca.crt'), needsToken: true },
  },
  { name: 'a full one stays as it is', secret: secret(FULL, { [UID]: 'u1' }), account: robot, expect: {} },
  { name: 'one without the uid gets it', secret: secret(FULL), account: robot, expect: filled() },
  {
    name: 'an authority of before is replaced',
    secret: secret({ ...FULL, 'ca.crt': base64('OLD') }, { [UID]: 'u1' }),
    account: robot,
    expect: filled('ca.crt'),
  },
  { name: 'one whose account is gone goes too', secret: secret(FULL, { [UID]: 'u1' }), expect: { remove: true } },
  { name: 'one of an account that was made anew goes', secret: secret(FULL, { [UID]: 'u0' }), account: robot, expect: { remove: true } },
  { name: 'one that may not change stays', secret: secret({}, {}, { immutable: true }), account: robot, expect: {} },
  { name: 'another kind of secret is none of our business', secret: secret({}, {}, { type: 'Opaque' }), expect: {} },
  {
    name: 'one that is going is left alone',
    secret: { ...secret(), metadata: { ...secret().metadata, deletionTimestamp: 'now' } },
    expect: {},
  },
]
for (const { name, secret: given, account, expect } of cases) test(name, () => assert.deepEqual(planToken(given, account, 'PEM'), expect))

test('a Secret is filled on request, and gone with its ServiceAccount', async (t) => {
  const issued: string[] = []
  const tokens = { issueForSecret: async ({ metadata }: ServiceAccount, name: string) => (issued.push(name), `token of ${metadata.name}`) }
  const controller = {
    ...serviceAccountTokenController,
    create: (deps: Parameters<typeof serviceAccountTokenController.create>[0]) =>
      serviceAccountTokenController.create({ ...deps, tokens, settings: { ...deps.settings, certificateAuthority: 'PEM' } }),
  }
  const { client, pass } = await testBench(t, [controller])
  const make = (name: string) =>
    client.create<Secret>(secrets, {
      metadata: { name, namespace: 'default', annotations: { [ACCOUNT_NAME]: 'robot' } },
      type: TOKEN_SECRET,
    })
  await make('early')
  await pass(1)
  assert.equal(client.get(secrets, 'default/early'), undefined, 'there is no such account')

  await client.create(serviceAccounts, { metadata: { name: 'robot', namespace: 'default' } })
  await make('kept')
  await pass(1)
  const { data } = client.get(secrets, 'default/kept')!
  assert.deepEqual(data, { namespace: base64('default'), 'ca.crt': base64('PEM'), token: base64('token of robot') })
  await pass(60_000)
  assert.deepEqual(issued, ['kept'], 'once')

  await client.delete(serviceAccounts, 'default/robot')
  await pass(1)
  assert.equal(client.get(secrets, 'default/kept'), undefined)
})
