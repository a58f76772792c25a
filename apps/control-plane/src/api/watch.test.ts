import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { parseFieldSelector } from '@bramble/api/fields'
import { parseLabelSelector } from '@bramble/api/labels'
import type { JsonObject, KubeObject } from '@bramble/api/object'
import type { WatchRequest } from './requests.ts'
import { aConfigMap, aWatch, bench, type Bench, CONFIG_MAPS, NAMESPACES, reader } from './test-bench.ts'

function watching(t: TestContext, { service }: Bench, request: Partial<WatchRequest> = {}): ReturnType<typeof reader> {
  const stop = new AbortController()
  t.after(() => stop.abort())
  return reader(service.watch(CONFIG_MAPS, aWatch(request), stop.signal))
}
const version = (event: { object: object } | undefined): string => (event!.object as KubeObject).metadata.resourceVersion

test('without a version: what is there, then what happens', async (t) => {
  const b = await bench(t)
  await b.service.create(CONFIG_MAPS, 'default', aConfigMap('a'), b.context())
  for (const request of [{}, { resourceVersion: '0' }]) {
    const events = watching(t, b, request)
    assert.equal(await events.shown(), 'ADDED a')
    await b.service.patch(CONFIG_MAPS, 'default/a', 'merge', { data: { x: String(request.resourceVersion) } }, b.context())
    assert.equal(await events.shown(), 'MODIFIED a')
  }
})

test('from a version: everything after it, and a deletion carries its own version', async (t) => {
  const b = await bench(t)
  const made = await b.service.create(CONFIG_MAPS, 'default', aConfigMap('a', { x: '1' }), b.context())
  await b.service.create(CONFIG_MAPS, 'default', aConfigMap('b'), b.context())
  await b.service.delete(CONFIG_MAPS, 'default/a', {}, b.context())
  const events = watching(t, b, { resourceVersion: made.metadata.resourceVersion })
  assert.equal(await events.shown(), 'ADDED b')
  const deleted = await events.next()
  assert.equal(deleted?.type, 'DELETED')
  assert.deepEqual([(deleted.object as JsonObject)['data'], version(deleted)], [{ x: '1' }, String(b.store.revision)])
})

test('objects that begin or cease to match appear and disappear', async (t) => {
  const b = await bench(t)
  const events = watching(t, b, { labels: parseLabelSelector('app=web') })
  const label = (app: string | null): Promise<KubeObject> =>
    b.service.patch(CONFIG_MAPS, 'default/a', 'merge', { metadata: { labels: { app } } }, b.context())
  await b.service.create(CONFIG_MAPS, 'default', aConfigMap('a'), b.context())
  await label('web')
  assert.equal(await events.shown(), 'ADDED a')
  const left = await label('db')
  const event = await events.next()
  assert.equal(event?.type, 'DELETED')
  assert.deepEqual([(event.object as KubeObject).metadata.labels, version(event)], [{ app: 'web' }, left.metadata.resourceVersion])
  await b.service.delete(CONFIG_MAPS, 'default/a', {}, b.context())
  await b.service.create(CONFIG_MAPS, 'default', aConfigMap('b', {}, { labels: { app: 'web' } }), b.context())
  assert.equal(await events.shown(), 'ADDED b')
})

test('a watch of one namespace and one name sees nothing else', async (t) => {
  const b = await bench(t)
  await b.service.create(NAMESPACES, undefined, { metadata: { name: 'default2' } }, b.context())
  const events = watching(t, b, { namespace: 'default', fields: parseFieldSelector('metadata.name=a') })
  await b.service.create(CONFIG_MAPS, 'default2', aConfigMap('a'), b.context())
  await b.service.create(CONFIG_MAPS, 'default', aConfigMap('b'), b.context())
  const made = await b.service.create(CONFIG_MAPS, 'default', aConfigMap('a'), b.context())
  assert.equal(version(await events.next()), made.metadata.resourceVersion)
})

test('a version that is too old or too new is an ERROR event, then the end', async (t) => {
  const b = await bench(t, { historyMax: 5 })
  for (let index = 0; index < 10; index++) await b.service.create(CONFIG_MAPS, 'default', aConfigMap(`a${index}`), b.context())
  const old = watching(t, b, { resourceVersion: '1' })
  const event = await old.next()
  assert.equal(event?.type, 'ERROR')
  const { code, reason, message } = event.object as JsonObject
  assert.deepEqual([code, reason, message], [410, 'Expired', `too old resource version: 1 (${b.store.revision})`])
  assert.equal(await old.shown(), 'end')
  const future = await watching(t, b, { resourceVersion: '99999' }).next()
  assert.deepEqual([future!.type, (future!.object as JsonObject)['code']], ['ERROR', 504])
})

test('a watch list is what is there, a bookmark that says so, then what happens', async (t) => {
  const b = await bench(t)
  await b.service.create(CONFIG_MAPS, 'default', aConfigMap('a'), b.context())
  const events = watching(t, b, { sendInitialEvents: true, resourceVersionMatch: 'NotOlderThan', allowBookmarks: true })
  assert.equal(await events.shown(), 'ADDED a')
  const end = await events.next()
  assert.equal(end?.type, 'BOOKMARK')
  assert.deepEqual(end.object, {
    kind: 'ConfigMap',
    apiVersion: 'v1',
    metadata: { resourceVersion: String(b.store.revision), creationTimestamp: null, annotations: { 'k8s.io/initial-events-end': 'true' } },
  })
  await b.service.create(CONFIG_MAPS, 'default', aConfigMap('b'), b.context())
  assert.equal(await events.shown(), 'ADDED b')
})

test('a bookmark each minute, at the newest revision although the kind was quiet', async (t) => {
  const b = await bench(t)
  const events = watching(t, b, { resourceVersion: String(b.store.revision), allowBookmarks: true })
  const first = events.next()
  await b.service.create(NAMESPACES, undefined, { metadata: { name: 'noise' } }, b.context())
  await b.clock.advance(60_000)
  const bookmark = await first
  assert.deepEqual([bookmark?.type, version(bookmark)], ['BOOKMARK', String(b.store.revision)])
  const second = events.next()
  await b.service.create(CONFIG_MAPS, 'default', aConfigMap('a'), b.context())
  assert.equal((await second)?.type, 'ADDED')
  const third = events.next()
  await b.clock.advance(60_000)
  assert.equal((await third)?.type, 'BOOKMARK')
})

test('all who watch another version than the stored one see the same copy', async (t) => {
  const b = await bench(t)
  const storage = {
    resource: CONFIG_MAPS,
    toStored: (object: KubeObject) => object,
    fromStored: (object: KubeObject) => ({ ...object, apiVersion: 'v2' }),
  }
  const kind = { ...CONFIG_MAPS, version: 'v2', storage }
  const stop = new AbortController()
  t.after(() => stop.abort())
  const watches = [0, 1].map(() => reader(b.service.watch(kind, aWatch(), stop.signal)))
  await b.service.create(CONFIG_MAPS, 'default', aConfigMap('a'), b.context())
  const [first, second] = [await watches[0]!.next(), await watches[1]!.next()]
  assert.equal((first!.object as KubeObject).apiVersion, 'v2')
  assert.equal(first!.object, second!.object)
})

test('a bookmark shortly before the end, so that the next watch begins there', async (t) => {
  const b = await bench(t)
  const events = watching(t, b, { resourceVersion: String(b.store.revision), allowBookmarks: true, timeoutMs: 90_000 })
  const first = events.next()
  await b.clock.advance(60_000)
  assert.equal((await first)?.type, 'BOOKMARK')
  const last = events.next()
  await b.service.create(NAMESPACES, undefined, { metadata: { name: 'noise' } }, b.context())
  await b.clock.advance(28_000)
  const bookmark = await last
  assert.deepEqual([bookmark?.type, version(bookmark)], ['BOOKMARK', String(b.store.revision)])
})

test('no bookmark overtakes an event that is not read yet', async (t) => {
  const b = await bench(t)
  const events = watching(t, b, { resourceVersion: String(b.store.revision), allowBookmarks: true })
  const first = events.next()
  await b.service.create(CONFIG_MAPS, 'default', aConfigMap('a'), b.context())
  const { metadata } = await b.service.create(CONFIG_MAPS, 'default', aConfigMap('b'), b.context())
  assert.equal((await first)?.type, 'ADDED')
  await b.clock.advance(60_000)
  for (let seen = 0; seen < Number(metadata.resourceVersion); ) {
    const event = await events.next()
    if (event?.type === 'BOOKMARK') assert.fail(`bookmark ${version(event)} before b was seen`)
    seen = Number(version(event))
  }
})

const refused: { name: string; request: Partial<WatchRequest>; code: number; message: RegExp }[] = [
  {
    name: 'initial events without a match',
    request: { sendInitialEvents: true, allowBookmarks: true },
    code: 422,
    message: /resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan/,
  },
  {
    name: 'initial events of an exact version',
    request: { sendInitialEvents: true, allowBookmarks: true, resourceVersionMatch: 'Exact' },
    code: 422,
    message: /Unsupported value: "Exact"/,
  },
  {
    name: 'a match beside a token, and not that one',
    request: { resourceVersionMatch: 'Exact', continue: 'x' },
    code: 422,
    message:
      /\[.*unless sendInitialEvents is provided, .*Unsupported value: "Exact": supported values: "NotOlderThan", .*when continue is provided\]/,
  },
  {
    name: 'a match without initial events',
    request: { resourceVersion: '1', resourceVersionMatch: 'NotOlderThan' },
    code: 422,
    message: /forbidden for watch unless sendInitialEvents/,
  },
  { name: 'a version that is no number', request: { resourceVersion: 'x' }, code: 422, message: /invalid syntax/ },
  {
    name: 'an unknown field',
    request: { fields: parseFieldSelector('spec.foo=1') },
    code: 400,
    message: /field label not supported: spec\.foo/,
  },
]
for (const { name, request, code, message } of refused)
  test(`refuses ${name} before anything is sent`, async (t) => {
    const { service } = await bench(t)
    assert.throws(() => service.watch(CONFIG_MAPS, aWatch(request), AbortSignal.abort()), { code, message })
  })

test('a watch ends when its signal aborts', async (t) => {
  const b = await bench(t)
  const stop = new AbortController()
  const events = reader(b.service.watch(CONFIG_MAPS, aWatch({ allowBookmarks: true }), stop.signal))
  const pending = events.shown()
  stop.abort()
  assert.equal(await pending, 'end')
})
