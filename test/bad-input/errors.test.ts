import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryBackend, MemoryDisk } from '../../apps/control-plane/src/store/backend/memory.ts'
import { type Answer, anApi, APPLY_PATCH, NS } from './bad-input.fixture.ts'
import { errorRows } from './errors.rows.ts'
import { configMap } from './row.ts'

// Every kind of refusal to the letter: clients decide by code, reason, message and details what to do next.

const disk = new MemoryDisk()
await (await anApi(new MemoryBackend(disk))).must('POST', `${NS}/configmaps`, configMap('forgotten'))
/** Started again: what happened before is no longer known. */
const api = await anApi(new MemoryBackend(disk))
await api.must('POST', `${NS}/configmaps`, configMap('kept', { data: { a: '1' } }))
const shared = configMap('shared', { data: { a: '1' } })
await api.must('PATCH', `${NS}/configmaps/shared?fieldManager=B`, shared, { 'content-type': APPLY_PATCH })

const statusOf = (code: number, reason: string | undefined, message: string, details: unknown) => ({
  kind: 'Status',
  apiVersion: 'v1',
  metadata: {},
  status: 'Failure',
  message,
  ...(reason !== undefined && { reason }),
  ...(details !== undefined && { details }),
  code,
})
const assertStatus = (answer: Answer, status: ReturnType<typeof statusOf>): void => {
  assert.deepEqual(answer.json, status)
  assert.equal(answer.code, status.code)
  assert.equal(answer.headers.get('content-type'), 'application/json')
}

for (const [name, sent, code, reason, message, details] of errorRows)
  test(`${code} ${reason ?? 'without a reason'}: ${name}`, async () => {
    const revision = api.store.revision
    assertStatus(await api.send(sent), statusOf(code, reason, message as string, details))
    assert.equal(api.store.revision, revision, 'nothing is stored')
  })

test('504 Timeout: a list of the future, to be asked for again in a second', async () => {
  const answer = await api.send({ method: 'GET', path: `${NS}/configmaps?resourceVersion=999999999&timeoutSeconds=1` })
  const message = `Timeout: Too large resource version: 999999999, current: ${api.store.revision}`
  const causes = [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }]
  assertStatus(answer, statusOf(504, 'Timeout', message, { causes, retryAfterSeconds: 1 }))
  assert.equal(answer.headers.get('retry-after'), '1')
})

test('401 Unauthorized: a token that nobody gave', async () => {
  const strangers = await anApi(new MemoryBackend(), () => undefined)
  const answer = await strangers.send({ method: 'GET', path: `${NS}/pods`, headers: { authorization: 'Bearer nonsense' } })
  assertStatus(answer, statusOf(401, 'Unauthorized', 'Unauthorized', undefined))
})
