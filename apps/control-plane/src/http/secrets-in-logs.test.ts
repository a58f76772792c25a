import assert from 'node:assert/strict'
import { inspect } from 'node:util'
import { test } from 'node:test'
import type { LogFields } from '@bramble/reconcile/env'
import { namespaces } from '../resources/namespace.ts'
import { serviceAccounts } from '../resources/service-account.ts'
import { ADMIN, testApi, testEnv } from './http.fixture.ts'
import { TOKEN } from './access.fixture.ts'

test('no token stands in a log, whatever goes wrong', async () => {
  const lines: string[] = []
  const write = (message: string, fields?: LogFields): void => void lines.push(`${message} ${inspect(fields, { depth: 10 })}`)
  const log = { debug: write, info: write, warn: write, error: write, child: () => log }
  let broken = false
  const boom = {
    name: 'boom',
    admit: () => {
      if (broken) throw new Error('boom')
    },
  }
  let user: typeof ADMIN | undefined = ADMIN
  const { call, client } = await testApi({ env: { ...testEnv(), log }, admission: [boom], identify: () => user })
  await client.create(namespaces, { metadata: { name: 'a' } })
  await client.create(serviceAccounts, { metadata: { name: 'robot', namespace: 'a' } })
  const token: string = (await call('POST', TOKEN, {})).json.status.token
  const forged = `${token.slice(0, -8)}AAAAAAAA`
  assert.equal((await call('POST', '/apis/authentication.k8s.io/v1/tokenreviews', { spec: { token } })).status, 201)
  user = undefined
  const authorization = (value: string) => ({ authorization: `Bearer ${value}` })
  assert.equal((await call('GET', '/version', undefined, authorization(token))).status, 200)
  assert.equal((await call('GET', '/version', undefined, authorization(forged))).status, 401)
  user = ADMIN
  broken = true
  const secret = { metadata: { name: 's' }, stringData: { token } }
  assert.equal((await call('POST', '/api/v1/namespaces/a/secrets', secret, authorization(token))).status, 500)
  assert.ok(
    lines.some((line) => line.includes('boom')),
    'the log is looked at',
  )
  for (const part of [token, forged].flatMap((text) => text.split('.').slice(1)))
    assert.deepEqual(
      lines.filter((line) => line.includes(part)),
      [],
    )
})
