import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { KubeObject } from '@bramble/api/object'
import { StorageError, type Write } from './backend/backend.ts'
import type { Store } from './store.ts'
import { Expired, StoreConflict, type StoreEvent } from './store-types.ts'

/** One cluster's disk, and stores opened on it one after the other. */
export interface StoreBench {
  /** Keys under `/volatile/` are volatile. */
  open(historyMax?: number): Promise<Store>
  setFull(full: boolean): void
  cleanUp(): void
}

/** What the Store promises, whatever the backend. */
export function storeContract(name: string, bench: () => StoreBench): void {
  const withStore = (title: string, body: (store: Store, bench: StoreBench) => Promise<void>, historyMax?: number): void => {
    test(`${name}: ${title}`, async () => {
      const made = bench()
      const store = await made.open(historyMax)
      try {
        await body(store, made)
      } finally {
        await store.close()
        made.cleanUp()
      }
    })
  }

  withStore('a put is visible when its commit resolves, frozen, with its revision stamped', async (store) => {
    const before = store.revision
    const revision = await store.commit([put('/core/pods/a/x', 'absent')])
    const entry = store.get('/core/pods/a/x')!
    assert.ok(revision > before)
    assert.equal(store.revision, revision)
    assert.deepEqual([entry.created, entry.modified, entry.value.metadata.resourceVersion], [revision, revision, String(revision)])
    assert.throws(() => {
      entry.value.metadata.labels!['a'] = 'b'
    }, TypeError)
  })

  withStore('a write that expects another revision conflicts and says what is there', async (store) => {
    const revision = await store.commit([put('/core/pods/a/x', 'absent')])
    const conflicts: [Write, number | 'absent'][] = [
      [put('/core/pods/a/x', 'absent'), revision],
      [put('/core/pods/a/x', revision - 1), revision],
      [remove('/core/pods/a/x', revision + 1), revision],
      [put('/core/pods/a/y', revision), 'absent'],
      [remove('/core/pods/a/y', revision), 'absent'],
    ]
    for (const [write, actual] of conflicts)
      await assert.rejects(
        store.commit([put('/core/pods/a/z', 'absent'), write]),
        (error) => error instanceof StoreConflict && error.actual === actual && error.key === write.key,
      )
    assert.equal(store.revision, revision)
    assert.equal(store.get('/core/pods/a/z'), undefined)
  })

  withStore('of writes to one key at the same time exactly one wins', async (store) => {
    const results = await Promise.allSettled(Array.from({ length: 10 }, () => store.commit([put('/core/pods/a/x', 'absent')])))
    assert.equal(results.filter((result) => result.status === 'fulfilled').length, 1)
    for (const result of results) if (result.status === 'rejected') assert.ok(result.reason instanceof StoreConflict)
  })

  withStore('lists in key order, by prefix, in pages of one snapshot', async (store) => {
    for (const each of ['c', 'a', 'e', 'b', 'd']) await store.commit([put(`/core/pods/a/${each}`, 'absent')])
    await store.commit([put('/core/pods/ab/x', 'absent'), put('/core/nodes/x', 'absent')])
    const first = store.list('/core/pods/a/', { limit: 2 })
    assert.deepEqual([names(first), first.remaining], [['a', 'b'], 3])
    await store.commit([remove('/core/pods/a/c', store.get('/core/pods/a/c')!.modified), put('/core/pods/a/bb', 'absent')])
    const second = store.list('/core/pods/a/', { limit: 2, after: '/core/pods/a/b', at: first.revision })
    assert.deepEqual([names(second), second.remaining, second.revision], [['c', 'd'], 1, first.revision])
    assert.deepEqual(names(store.list('/core/pods/a/')), ['a', 'b', 'bb', 'd', 'e'])
    assert.deepEqual(names(store.list('/core/pods/')), ['a', 'b', 'bb', 'd', 'e', 'x'])
  })

  withStore('a watch sees every change after its revision, in order, with what was before', async (store) => {
    const start = store.revision
    const created = await store.commit([put('/core/pods/a/x', 'absent', '1')])
    const stop = new AbortController()
    const seen = collect(store.watch('/core/pods/', start, stop.signal))
    await seen.count(1)
    await store.commit([put('/core/nodes/n', 'absent')])
    const changed = await store.commit([put('/core/pods/a/x', created, '2')])
    const removed = await store.commit([remove('/core/pods/a/x', changed)])
    await seen.count(3)
    assert.deepEqual(
      seen.events.map((event) => [event.type, event.revision, event.entry.value.metadata.resourceVersion, event.previous?.modified]),
      [
        ['put', created, String(created), undefined],
        ['put', changed, String(changed), created],
        ['delete', removed, String(removed), changed],
      ],
    )
    assert.equal(seen.events[2]!.entry.value.metadata.labels!['mark'], '2')
    stop.abort()
    await seen.done
  })

  withStore('a listener is called in the instant a change becomes visible, and never for one that failed', async (store) => {
    const heard: string[] = []
    store.onChange(({ type, key, revision }) =>
      heard.push(`${type} ${key} ${revision} ${store.revision === revision} ${store.get(key) !== undefined}`),
    )
    const revision = await store.commit([put('/core/pods/a/x', 'absent'), put('/volatile/leases/a/l', 'absent')])
    await assert.rejects(store.commit([put('/core/pods/a/x', 'absent')]), StoreConflict)
    const removed = await store.commit([remove('/core/pods/a/x', revision)])
    assert.deepEqual(heard, [
      `put /core/pods/a/x ${revision} true true`,
      `put /volatile/leases/a/l ${revision} true true`,
      `delete /core/pods/a/x ${removed} true false`,
    ])
  })

  withStore(
    'looking back past the history is Expired',
    async (store) => {
      const start = store.revision
      for (let index = 0; index < 6; index++) await store.commit([put(`/core/pods/a/${index}`, 'absent')])
      const stop = new AbortController().signal
      assert.throws(() => store.list('/core/pods/', { limit: 0, at: start }), Expired)
      await assert.rejects(store.watch('/core/pods/', start + 1, stop).next(), Expired)
      assert.deepEqual(names(store.list('/core/pods/', { limit: 0, at: start + 2 })), ['0', '1'])
      assert.equal((await store.watch('/core/pods/', start + 2, stop).next()).value?.key, '/core/pods/a/2')
    },
    4,
  )

  withStore(
    'a reader that falls too far behind is told so; one that only waits never is',
    async (store) => {
      const stop = new AbortController()
      const slow = store.watch('/core/pods/', store.revision, stop.signal)
      const idle = collect(store.watch('/core/nodes/', store.revision, stop.signal))
      await store.commit([put('/core/pods/a/first', 'absent')])
      assert.equal((await slow.next()).value?.key, '/core/pods/a/first')
      for (let index = 0; index < 6; index++) await store.commit([put(`/core/pods/a/${index}`, 'absent')])
      await assert.rejects(slow.next(), Expired)
      await store.commit([put('/core/nodes/n', 'absent')])
      await idle.count(1)
      stop.abort()
      await idle.done
    },
    4,
  )

  withStore('a full disk fails the commit and nothing of it shows', async (store, disk) => {
    const kept = await store.commit([put('/core/pods/a/x', 'absent')])
    const stop = new AbortController()
    const seen = collect(store.watch('/', kept, stop.signal))
    disk.setFull(true)
    const writes = [
      put('/core/pods/a/x', kept, 'x'.repeat(400_000)),
      put('/core/pods/a/y', 'absent'),
      put('/volatile/leases/a/l', 'absent'),
    ]
    await assert.rejects(store.commit(writes), StorageError)
    assert.ok(store.statistics.isDiskFailing)
    assert.deepEqual([store.revision, store.get('/core/pods/a/x')!.modified, store.list('/').entries.length], [kept, kept, 1])
    disk.setFull(false)
    const after = await store.commit([put('/core/pods/a/x', kept)])
    assert.ok(!store.statistics.isDiskFailing)
    await seen.count(1)
    assert.deepEqual(
      seen.events.map((event) => event.revision),
      [after],
    )
    stop.abort()
    await seen.done
  })

  withStore('reopening finds the durable objects, no volatile one, and hands out only new revisions', async (store, disk) => {
    await store.commit([put('/core/pods/a/x', 'absent'), put('/volatile/leases/a/l', 'absent')])
    await store.commit([put('/core/pods/a/y', 'absent')])
    let last = 0
    for (let index = 0; index < 50; index++) last = await store.commit([put(`/volatile/leases/a/${index}`, 'absent')])
    await store.close()
    const again = await disk.open()
    assert.deepEqual(names(again.list('/')), ['x', 'y'])
    assert.ok(again.revision > last)
    assert.throws(() => again.list('/', { limit: 0, at: last }), Expired)
    assert.ok((await again.commit([put('/core/pods/a/z', 'absent')])) > last)
    await again.close()
  })

  withStore('a commit that names a key twice, or nothing, is a mistake of the caller', async (store) => {
    await assert.rejects(store.commit([]), TypeError)
    await assert.rejects(store.commit([put('/core/pods/a/x', 'absent'), put('/core/pods/a/x', 'absent')]), TypeError)
  })
}

export const put = (key: string, expect: number | 'absent', mark = ''): Write => ({ op: 'put', key, expect, value: object(key, mark) })
export const remove = (key: string, expect: number): Write => ({ op: 'delete', key, expect })

const object = (key: string, mark: string): KubeObject => ({
  metadata: {
    name: key.slice(key.lastIndexOf('/') + 1),
    uid: key,
    resourceVersion: '',
    creationTimestamp: '2026-01-01T00:00:00Z',
    labels: { mark },
  },
})

const names = (listing: { entries: readonly { value: KubeObject }[] }): string[] =>
  listing.entries.map((entry) => entry.value.metadata.name)

/** Reads a watch to its end; `count` waits until that many events came. */
export function collect(watch: AsyncIterable<StoreEvent>) {
  const events: StoreEvent[] = []
  const waiting: { readonly count: number; readonly resolve: () => void }[] = []
  const done = (async () => {
    for await (const event of watch) {
      events.push(event)
      for (const { count, resolve } of waiting) if (events.length >= count) resolve()
    }
  })()
  const count = (wanted: number): Promise<void> =>
    events.length >= wanted
      ? Promise.resolve()
      : Promise.race([new Promise<void>((resolve) => waiting.push({ count: wanted, resolve })), done])
  return { events, done, count }
}
