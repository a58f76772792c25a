import assert from 'node:assert/strict'
import { test } from 'node:test'
import { anApi, NS } from './bad-input.fixture.ts'
import { bodyRows } from './bodies.rows.ts'
import { objectRows } from './objects.rows.ts'
import { requestRows } from './requests.rows.ts'
import { configMap, deployment, pod, service } from './row.ts'
import { wireRows } from './wire.rows.ts'

const api = await anApi()
await api.must('POST', `${NS}/configmaps`, configMap('kept', { data: { a: '1' } }))
await api.must('POST', `${NS}/configmaps`, configMap('sealed', { data: { a: '1' }, immutable: true }))
await api.must('POST', `${NS}/secrets`, { metadata: { name: 'kept' }, data: { a: 'MQ==' } })
await api.must('POST', `${NS}/secrets`, { metadata: { name: 'sealed' }, data: { a: 'MQ==' }, immutable: true })
await api.must('POST', `${NS}/pods`, pod('kept', { nodeName: 'a' }))
await api.must('POST', `${NS}/services`, service('kept'))
await api.must('POST', '/apis/apps/v1/namespaces/default/deployments', deployment('kept'))
await api.must('POST', '/api/v1/namespaces', { metadata: { name: 'leaving' } })
await api.must('DELETE', '/api/v1/namespaces/leaving')

for (const [name, sent, code, reason, message] of [...bodyRows, ...objectRows, ...requestRows, ...wireRows])
  test(`${name}: ${code} ${reason}`, async () => {
    const revision = api.store.revision
    const answer = await api.send(sent)
    assert.deepEqual(
      { code: answer.code, kind: answer.json?.kind, status: answer.json?.status, inBody: answer.json?.code, reason: answer.json?.reason },
      { code, kind: 'Status', status: 'Failure', inBody: code, reason },
      answer.text,
    )
    if (typeof message === 'string') assert.equal(answer.json.message, message)
    else assert.match(answer.json.message, message)
    assert.ok(answer.text.length < 24_576, 'an answer is short, whatever was sent')
    assert.equal(api.store.revision, revision, 'nothing is stored')
    assert.deepEqual(api.unforeseen, [])
    assert.equal((await api.send({ method: 'GET', path: '/readyz' })).text, 'ok')
    assert.equal(({} as Record<string, unknown>)['polluted'], undefined)
  })

/** Fields that nobody knows, by what the client wants done about them. */
const unknownFields = [
  { validation: 'Ignore', warning: null },
  { validation: 'Warn', warning: '299 - "unknown field \\"metadata.nmae\\"", 299 - "unknown field \\"dta\\""' },
  { validation: '', warning: '299 - "unknown field \\"metadata.nmae\\"", 299 - "unknown field \\"dta\\""' },
]
for (const { validation, warning } of unknownFields)
  test(`unknown fields under ${validation || 'nothing said'} are dropped${warning ? ', with a warning' : ''}`, async () => {
    const body = { metadata: { name: 'dropped', nmae: 'x' }, dta: { a: '1' }, data: { b: '2' } }
    const { code, json, headers } = await api.send({
      method: 'POST',
      path: `${NS}/configmaps?dryRun=All&fieldValidation=${validation}`,
      body,
    })
    assert.deepEqual(
      [code, json.data, json.dta, json.metadata.nmae, headers.get('warning')],
      [201, { b: '2' }, undefined, undefined, warning],
    )
  })

test('a page goes on where the last one ended, and a token for it may not be bent', async () => {
  const page = await api.must('GET', `${NS}/configmaps?limit=1`)
  const rest = await api.must('GET', `${NS}/configmaps?limit=1&continue=${page.metadata.continue}`)
  assert.deepEqual([page.items[0].metadata.name, rest.items[0].metadata.name], ['kept', 'sealed'])
  const bent = await api.send({ method: 'GET', path: `${NS}/configmaps?limit=1&continue=${page.metadata.continue.slice(2)}` })
  assert.deepEqual([bent.code, bent.json.reason], [400, 'BadRequest'])
})
