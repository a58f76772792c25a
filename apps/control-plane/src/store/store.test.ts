import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { seeded } from '@bramble/reconcile/sim/seeded'
import { simEnv } from '@bramble/reconcile/sim/sim-env'
import type { Change, Entry } from './backend/backend.ts'
import { MemoryBackend, MemoryDisk } from './backend/memory.ts'
import { SqliteBackend } from './backend/sqlite.ts'
import { openStore, type Store, type StoreOptions } from './store.ts'
import { collect, put, remove, storeContract } from './store.contract.ts'
import { StoreConflict } from './store-types.ts'

const options = (historyMax?: number): StoreOptions => ({
  volatile: (key) => key.startsWith('/volatile/'),
  ...(historyMax !== undefined && { historyMax }),
  env: simEnv(),
})

storeContract('memory', () => {
  const disk = new MemoryDisk()
  return {
    open: (historyMax) => openStore(new MemoryBackend(disk), options(historyMax)),
    setFull: (full) => {
      disk.full = full
    },
    cleanUp: () => {},
  }
})

storeContract('sqlite', () => {
  const folder = mkdtempSync(join(tmpdir(), 'bramble-store-'))
  const path = join(folder, 'state.db')
  return {
    open: (historyMax) => openStore(new SqliteBackend({ path, bytesMax: 200_000, env: simEnv() }), options(historyMax)),
    setFull: () => {},
    cleanUp: () => rmSync(folder, { recursive: true }),
  }
})

/** Stores nothing until told; the test decides which commit is done first. */
class HeldBackend extends MemoryBackend {
  readonly writes: Change[] = []
  readonly reserved: number[] = []
  #release: (() => void)[] = []
  hold = false

  override async commit(change: Change): Promise<void> {
    this.writes.push(change)
    if (this.hold) await new Promise<void>((resolve) => this.#release.push(resolve))
    await super.commit(change)
  }
  override async reserve(through: number): Promise<void> {
    this.reserved.push(through)
    await super.reserve(through)
  }
  release(index: number): void {
    this.#release[index]!()
  }
}
const macrotask = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('volatile writes never reach the backend, and revisions are set aside in blocks before they run out', async () => {
  const backend = new HeldBackend()
  const store = await openStore(backend, options())
  for (let index = 0; index < 25_000; index++)
    await store.commit([put(`/volatile/leases/a/${index % 10}`, store.get(`/volatile/leases/a/${index % 10}`)?.modified ?? 'absent')])
  assert.deepEqual(backend.writes, [])
  assert.ok(backend.reserved.at(-1)! >= store.revision)
  assert.ok(backend.reserved.length <= 4, String(backend.reserved))
  await store.close()
})

test('commits become visible in the order of their revisions, whichever is stored first', async () => {
  const backend = new HeldBackend()
  const store = await openStore(backend, options())
  const start = store.revision
  backend.hold = true
  const first = store.commit([put('/core/pods/a/1', 'absent')])
  const second = store.commit([put('/core/pods/a/2', 'absent')])
  const third = store.commit([put('/volatile/leases/a/3', 'absent')])
  await macrotask()
  backend.release(1)
  await macrotask()
  assert.deepEqual([store.revision, store.list('/').entries.length], [start, 0])
  backend.release(0)
  assert.deepEqual(await Promise.all([first, second, third]), [start + 1, start + 2, start + 3])
  assert.equal(store.list('/').entries.length, 3)
  await store.close()
})

test('a write waits for another to the same key and is judged by its outcome', async () => {
  const backend = new HeldBackend()
  const store = await openStore(backend, options())
  backend.hold = true
  const first = store.commit([put('/core/pods/a/x', 'absent')])
  const second = assert.rejects(store.commit([put('/core/pods/a/x', 'absent')]), StoreConflict)
  await macrotask()
  assert.equal(backend.writes.length, 1)
  backend.release(0)
  await first
  await second
  await store.close()
})

test('against a naive model: compare-and-swap, old snapshots and watches agree (seeded)', async () => {
  for (let seed = 1; seed <= 60; seed++) await compareWithModel(seed)
})

type Snapshot = ReadonlyMap<string, { readonly modified: number; readonly created: number; readonly mark: string }>

async function compareWithModel(seed: number): Promise<void> {
  const random = seeded(seed)
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)]!
  const store = await openStore(new MemoryBackend(), options(1000))
  const snapshots = new Map<number, Snapshot>([[store.revision, new Map()]])
  const stop = new AbortController()
  const watches: { readonly prefix: string; readonly after: number; readonly seen: ReturnType<typeof collect> }[] = []
  const prefixes = ['/', '/core/', '/core/pods/', '/core/pods/a/', '/volatile/']

  for (let step = 0; step < 60; step++) {
    const now = snapshots.get(store.revision)!
    const keys = [
      ...new Set(
        Array.from({ length: 1 + Math.floor(random() * 3) }, () =>
          pick(['/core/pods/a/x', '/core/pods/a/y', '/core/pods/ab/x', '/core/nodes/n', '/volatile/leases/l']),
        ),
      ),
    ]
    const mark = String(step)
    const writes = keys.map((key) => {
      const there = now.get(key)?.modified
      const expect = random() < 0.15 ? pick([1, 'absent', store.revision] as const) : (there ?? 'absent')
      return random() < 0.3 && expect !== 'absent' ? remove(key, expect) : put(key, expect, mark)
    })
    const allowed = writes.every((write) => (now.get(write.key)?.modified ?? 'absent') === write.expect)
    if (!allowed) await assert.rejects(store.commit(writes), StoreConflict, `seed ${seed} step ${step}`)
    else {
      const revision = await store.commit(writes)
      const next = new Map(now)
      for (const write of writes)
        write.op === 'delete'
          ? next.delete(write.key)
          : next.set(write.key, { modified: revision, created: now.get(write.key)?.created ?? revision, mark })
      snapshots.set(revision, next)
    }
    if (random() < 0.2) {
      const [prefix, after] = [pick(prefixes), pick([...snapshots.keys()])]
      watches.push({ prefix, after, seen: collect(store.watch(prefix, after, stop.signal)) })
    }
    const [prefix, at] = [pick(prefixes), pick([...snapshots.keys()])]
    assert.deepEqual(
      store.list(prefix, { limit: 0, at }).entries.map(shown),
      model(snapshots.get(at)!, prefix),
      `seed ${seed} step ${step} at ${at}`,
    )
  }
  await macrotask()
  for (const { prefix, after, seen } of watches) {
    const replayed = new Map(snapshots.get(after)!)
    for (const event of seen.events)
      event.type === 'delete'
        ? replayed.delete(event.key)
        : replayed.set(event.key, {
            modified: event.revision,
            created: event.entry.created,
            mark: event.entry.value.metadata.labels!['mark']!,
          })
    assert.deepEqual(model(replayed, prefix), model(snapshots.get(store.revision)!, prefix), `seed ${seed} watch ${prefix} after ${after}`)
    assert.deepEqual(
      seen.events.map((event) => event.revision),
      seen.events.map((event) => event.revision).sort((a, b) => a - b),
    )
  }
  stop.abort()
  await closeAll(
    store,
    watches.map(({ seen }) => seen.done),
  )
}

const shown = (entry: Entry) => [entry.key, entry.created, entry.modified, entry.value.metadata.labels!['mark']]
const model = (snapshot: Snapshot, prefix: string) =>
  [...snapshot]
    .filter(([key]) => key.startsWith(prefix))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, { created, modified, mark }]) => [key, created, modified, mark])

async function closeAll(store: Store, watches: readonly Promise<void>[]): Promise<void> {
  await Promise.all(watches)
  await store.close()
}
