import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseFieldSelector } from '@bramble/api/fields'
import { parseLabelSelector } from '@bramble/api/labels'
import { statusBody, type StatusError } from '@bramble/api/status-error'
import type { ListRequest } from './requests.ts'
import { aConfigMap, aList, aPod, bench, type Bench, CONFIG_MAPS, NAMESPACES, names, PODS } from './test-bench.ts'

async function filled(t: Parameters<typeof bench>[0], historyMax?: number): Promise<Bench> {
  const made = await bench(t, { ...(historyMax && { historyMax }) })
  await made.service.create(NAMESPACES, undefined, { metadata: { name: 'other' } }, made.context())
  for (const name of ['c', 'a', 'e', 'b', 'd'])
    await made.service.create(CONFIG_MAPS, 'default', aConfigMap(name, {}, { labels: { letter: name } }), made.context())
  await made.service.create(CONFIG_MAPS, 'other', aConfigMap('x'), made.context())
  return made
}

test('lists by namespace or all, in order, with the revision of the snapshot', async (t) => {
  const { service, store } = await filled(t)
  const all = await service.list(CONFIG_MAPS, aList())
  assert.deepEqual(names(all), ['a', 'b', 'c', 'd', 'e', 'x'])
  assert.deepEqual([all.resourceVersion, all.continue, all.remainingItemCount], [String(store.revision), undefined, undefined])
  assert.deepEqual(names(await service.list(CONFIG_MAPS, aList({ namespace: 'other' }))), ['x'])
  assert.deepEqual(names(await service.list(CONFIG_MAPS, aList({ namespace: 'none' }))), [])
})

test('pages are one snapshot, whatever happens between them', async (t) => {
  const { service, context } = await filled(t)
  const request = aList({ namespace: 'default', limit: 2 })
  const first = await service.list(CONFIG_MAPS, request)
  assert.deepEqual([names(first), first.remainingItemCount], [['a', 'b'], 3])
  await service.delete(CONFIG_MAPS, 'default/c', {}, context())
  await service.create(CONFIG_MAPS, 'default', aConfigMap('bb'), context())
  const second = await service.list(CONFIG_MAPS, { ...request, continue: first.continue! })
  assert.deepEqual([names(second), second.remainingItemCount, second.resourceVersion], [['c', 'd'], 1, first.resourceVersion])
  const third = await service.list(CONFIG_MAPS, { ...request, continue: second.continue! })
  assert.deepEqual([names(third), third.continue], [['e'], undefined])
})

test('with selectors a page is filled and nobody counts the rest', async (t) => {
  const { service } = await filled(t)
  const request = aList({ namespace: 'default', limit: 2, labels: parseLabelSelector('letter in (b,d,e)') })
  const first = await service.list(CONFIG_MAPS, request)
  assert.deepEqual([names(first), first.remainingItemCount], [['b', 'd'], undefined])
  assert.deepEqual(names(await service.list(CONFIG_MAPS, { ...request, continue: first.continue! })), ['e'])
})

test('a snapshot that is gone expires, with a token for the inconsistent rest', async (t) => {
  const { service, context } = await filled(t, 12)
  const request = aList({ namespace: 'default', limit: 2 })
  const first = await service.list(CONFIG_MAPS, request)
  for (let round = 0; round < 15; round++)
    await service.patch(CONFIG_MAPS, 'default/a', 'merge', { data: { round: String(round) } }, context())
  await service.create(CONFIG_MAPS, 'default', aConfigMap('cc'), context())
  const error = await service.list(CONFIG_MAPS, { ...request, continue: first.continue! }).then(
    () => assert.fail(),
    (failure: unknown) => failure as StatusError,
  )
  assert.deepEqual([error.code, error.reason], [410, 'Expired'])
  const { metadata } = statusBody(error) as { metadata: { continue: string } }
  const rest = await service.list(CONFIG_MAPS, { ...request, limit: 0, continue: metadata.continue })
  assert.deepEqual(names(rest), ['c', 'cc', 'd', 'e'])
  await assert.rejects(service.list(CONFIG_MAPS, aList({ resourceVersion: first.resourceVersion, resourceVersionMatch: 'Exact' })), {
    code: 410,
    message: 'The resourceVersion for the provided list is too old.',
  })
})

test('versions: any, at least, exactly', async (t) => {
  const { service, store, context } = await filled(t)
  const before = String(store.revision)
  await service.create(CONFIG_MAPS, 'default', aConfigMap('f'), context())
  const count = async (request: Partial<ListRequest>): Promise<number> => (await service.list(CONFIG_MAPS, aList(request))).items.length
  assert.equal(await count({ resourceVersion: '0' }), 7)
  assert.equal(await count({ resourceVersion: before }), 7)
  assert.equal(await count({ resourceVersion: before, resourceVersionMatch: 'NotOlderThan' }), 7)
  assert.equal(await count({ resourceVersion: before, resourceVersionMatch: 'Exact' }), 6)
  assert.equal(await count({ resourceVersion: before, limit: 100 }), 6)
  assert.equal(await count({ resourceVersion: '0', limit: 100 }), 7)
})

const GOOD = Buffer.from(JSON.stringify({ v: 'bramble/v2', rv: 5, after: '/core/pods/default/a' })).toString('base64url')
const refused: { name: string; request: Partial<ListRequest>; code: number; message: string | RegExp }[] = [
  {
    name: 'a match without a version',
    request: { resourceVersionMatch: 'Exact' },
    code: 422,
    message:
      'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided',
  },
  {
    name: 'an unknown match',
    request: { resourceVersion: '1', resourceVersionMatch: 'Newest' },
    code: 422,
    message: /Unsupported value: "Newest"/,
  },
  {
    name: 'exactly version 0',
    request: { resourceVersion: '0', resourceVersionMatch: 'Exact' },
    code: 422,
    message: /is forbidden for resourceVersion "0"/,
  },
  {
    name: 'a version that is no number',
    request: { resourceVersion: 'abc' },
    code: 422,
    message: /strconv\.ParseUint: parsing "abc": invalid syntax/,
  },
  {
    name: 'a version from the future',
    request: { resourceVersion: '999999999' },
    code: 504,
    message: /^Timeout: Too large resource version: 999999999, current: \d+$/,
  },
  {
    name: 'a token beside a version',
    request: { continue: GOOD, resourceVersion: '5' },
    code: 400,
    message: 'specifying resource version is not allowed when using continue',
  },
  {
    name: 'a token beside a match',
    request: { continue: GOOD, resourceVersion: '5', resourceVersionMatch: 'Exact' },
    code: 422,
    message: /resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden when continue is provided$/,
  },
  {
    name: 'initial events',
    request: { sendInitialEvents: true },
    code: 422,
    message: 'ListOptions.meta.k8s.io "" is invalid: sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list',
  },
  {
    name: 'everything at once',
    request: { resourceVersionMatch: 'Newest', continue: GOOD, sendInitialEvents: false },
    code: 422,
    message:
      /is invalid: \[resourceVersionMatch: Forbidden: .*unless resourceVersion is provided, resourceVersionMatch: Forbidden: .*when continue is provided, resourceVersionMatch: Unsupported value: "Newest": supported values: .*, sendInitialEvents: Forbidden: .*\]$/,
  },
  {
    name: 'a field that pods are not selected by, even with no pod there',
    request: { fields: parseFieldSelector('spec.foo=x') },
    code: 400,
    message: 'field label not supported: spec.foo',
  },
]
for (const { name, request, code, message } of refused)
  test(`refuses ${name}`, async (t) => {
    const { service } = await filled(t)
    await assert.rejects(service.list(PODS, aList(request)), { code, message })
  })

const token = (fields: object): string => Buffer.from(JSON.stringify(fields)).toString('base64url')
const badTokens: { name: string; token: string; why: string }[] = [
  { name: 'no base64 of JSON', token: 'what', why: '' },
  { name: 'JSON that is no object', token: Buffer.from('7').toString('base64url'), why: '' },
  {
    name: 'another format',
    token: token({ v: 'meta.k8s.io/v1', rv: 5, start: 'a' }),
    why: ': server does not recognize this encoded version',
  },
  ...[0, 1.5, '5', null].map((rv) => ({
    name: `revision ${JSON.stringify(rv)}`,
    token: token({ v: 'bramble/v2', rv, after: '/core/configmaps/other/a' }),
    why: ': incorrect encoded start resourceVersion',
  })),
  ...['/core/pods/other/a', '/core/configmaps/default/a', '../../core/pods/', '/core/configmaps/other/', '', 7].map((after) => ({
    name: `a key of another list, ${after}`,
    token: token({ v: 'bramble/v2', rv: -1, after }),
    why: ': it is not of this list',
  })),
]
for (const { name, token, why } of badTokens)
  test(`refuses a continue token of ${name}`, async (t) => {
    const { service } = await filled(t)
    await assert.rejects(service.list(CONFIG_MAPS, aList({ namespace: 'other', continue: token })), {
      code: 400,
      message: `invalid continue token: continue key is not valid${why}`,
    })
  })

test('field selectors: name, namespace, those of the kind, and empty values', async (t) => {
  const { service, context } = await filled(t)
  await service.create(PODS, 'default', aPod('bound', { nodeName: 'pi-1' }), context())
  await service.create(PODS, 'default', aPod('waiting'), context())
  const selected = async (text: string, namespace?: string): Promise<string[]> =>
    names(await service.list(PODS, aList({ fields: parseFieldSelector(text), ...(namespace && { namespace }) })))
  assert.deepEqual(await selected('spec.nodeName=pi-1'), ['bound'])
  assert.deepEqual(await selected('spec.nodeName='), ['waiting'])
  assert.deepEqual(await selected('spec.nodeName!=pi-1,metadata.namespace=default'), ['waiting'])
  assert.deepEqual(await selected('metadata.name=bound', 'default'), ['bound'])
  assert.deepEqual(await selected('metadata.name=bound', 'other'), [])
  assert.deepEqual(await selected('metadata.name=bound,spec.nodeName=pi-2', 'default'), [])
})
