import type { KubeObject } from '@bramble/api/object'
import type { Env } from '@bramble/reconcile/env'
import type { Backend, Entry, Revision, Write } from './backend/backend.ts'
import { deepFreeze } from './frozen.ts'
import { History } from './history.ts'
import { Readers } from './readers.ts'
import { StoreStatistics } from './statistics.ts'
import { SortedKeys } from './sorted-keys.ts'
import { type Listing, type Page, StoreConflict, type StoreEvent, type StoreLike, type StoreReader } from './store-types.ts'

export interface StoreOptions {
  /** Keys whose writes stay in memory. */
  readonly volatile: (key: string) => boolean
  /** How many events watches and old snapshots may look back. */
  readonly historyMax?: number
  /** What is read from the disk may share parts that are equal: called for each object, which it may change. */
  readonly share?: (object: KubeObject) => void
  readonly env: Env
}

const HISTORY_MAX = 5_000
/** Revisions are set aside on the disk in blocks of this size, so that volatile writes cost next to nothing. */
const RESERVE_BLOCK = 10_000
const RESERVE_EARLY = 2_000

/**
 * Reads everything into memory.
 *
 * @throws StorageError when the backend cannot be read, is damaged, or belongs to another process.
 */
export async function openStore(backend: Backend, options: StoreOptions): Promise<Store> {
  const loaded = await backend.load()
  const entries = new Map<string, Entry>()
  for await (const entry of loaded.entries) {
    if (options.volatile(entry.key)) continue
    options.share?.(entry.value)
    entries.set(entry.key, { ...entry, value: deepFreeze(entry.value) })
  }
  await backend.reserve(loaded.revision + RESERVE_BLOCK)
  options.env.log.info('store opened', { objects: entries.size, revision: loaded.revision })
  return new Store(backend, entries, loaded.revision, options)
}

interface Commit {
  readonly revision: Revision
  readonly events: readonly StoreEvent[]
  state: 'writing' | 'stored' | 'failed'
  /** Resolves when it is visible, or has failed. */
  readonly settled: Promise<void>
  readonly settle: () => void
}

/**
 * The cluster's objects in memory, in front of a backend. One writer at a time per key; commits become visible in the
 * order of their revisions. Values that are handed in belong to the store afterwards: they are frozen.
 */
export class Store implements StoreLike {
  readonly #backend: Backend
  readonly #volatile: (key: string) => boolean
  readonly #env: Env
  /** For whoever measures. */
  readonly statistics = new StoreStatistics()
  readonly #index: Map<string, Entry>
  readonly #keys = new SortedKeys()
  readonly #history: History
  readonly #readers: Readers
  readonly #listeners: ((event: StoreEvent) => void)[] = []
  /** Commits under way, in the order of their revisions. */
  readonly #queue: Commit[] = []
  /** Keys that a commit under way will change; resolves when it has, or has failed. */
  readonly #busy = new Map<string, Promise<void>>()
  #visible: Revision
  #assigned: Revision
  #reserved: Revision
  #reserving: Promise<void> | undefined

  /** Use {@link openStore}. @param revision Not handed out before; `reserve`d with a block after it. */
  constructor(backend: Backend, entries: Map<string, Entry>, revision: Revision, options: StoreOptions) {
    this.#backend = backend
    this.#volatile = options.volatile
    this.#env = options.env
    this.#index = entries
    this.#keys.load(entries.keys())
    this.#history = new History(options.historyMax ?? HISTORY_MAX, revision)
    this.#readers = new Readers(this.#history)
    this.#visible = revision
    this.#assigned = revision
    this.#reserved = revision + RESERVE_BLOCK
  }

  get revision(): Revision {
    return this.#visible
  }

  get(key: string): Entry | undefined {
    return this.#index.get(key)
  }

  /** A limit of 0 is none. */
  list(prefix: string, page: Page = { limit: 0 }): Listing {
    const revision = Math.min(page.at ?? this.#visible, this.#visible)
    let entries = revision === this.#visible ? this.#now(prefix) : this.#then(prefix, revision)
    const { after } = page
    if (after !== undefined) entries = entries.filter((entry) => entry.key > after)
    const shown = page.limit > 0 ? entries.slice(0, page.limit) : entries
    return { entries: shown, revision, remaining: entries.length - shown.length }
  }

  reader(prefix: string, after: Revision, wake: () => void): StoreReader {
    return this.#readers.open(prefix, this.#history.startAfter(after), wake)
  }

  async *watch(prefix: string, after: Revision, signal: AbortSignal): AsyncGenerator<StoreEvent, void, undefined> {
    let wake = (): void => {}
    const stop = (): void => wake()
    const reader = this.reader(prefix, after, stop)
    signal.addEventListener('abort', stop)
    try {
      while (!signal.aborted && !reader.ended) {
        const event = reader.read()
        if (event) yield event
        else if (!reader.ended)
          await new Promise<void>((resolve) => {
            wake = resolve
          })
      }
    } finally {
      signal.removeEventListener('abort', stop)
      reader.close()
    }
  }

  /** Objects under a prefix. */
  count(prefix: string): number {
    return this.#keys.count(prefix)
  }

  /** Changes that readers can still go back to. */
  get historyLength(): number {
    return this.#history.length
  }

  /** What it takes of the disk; undefined when there is none. */
  backendBytes(): number | undefined {
    return this.#backend.sizeBytes?.()
  }

  onChange(listener: (event: StoreEvent) => void): void {
    this.#listeners.push(listener)
  }

  async barrier(): Promise<Revision> {
    return this.#visible
  }

  async commit(writes: readonly Write[]): Promise<Revision> {
    checkKeys(writes)
    for (let obstacle = this.#obstacle(writes); obstacle; obstacle = this.#obstacle(writes)) await obstacle
    // From here to the queue nothing may await: what was checked must still hold.
    for (const write of writes) this.#checkExpected(write)

    const revision = ++this.#assigned
    const commit = this.#enqueue(revision, writes)
    const durable = commit.events.filter((event) => !this.#volatile(event.key)).map(writeOf)
    const startMs = this.#env.clock.monotonicMs()
    try {
      if (durable.length > 0) await this.#backend.commit({ revision, writes: durable })
      commit.state = 'stored'
    } catch (error) {
      commit.state = 'failed'
      throw error
    } finally {
      this.statistics.committed(durable.length > 0, commit.state === 'stored', (this.#env.clock.monotonicMs() - startMs) / 1000)
      this.#publish()
    }
    await commit.settled // an earlier one may still be under way
    return revision
  }

  /** Lets commits under way finish, ends every watch, closes the backend. */
  async close(): Promise<void> {
    while (this.#queue[0]) await this.#queue[0].settled
    await this.#reserving?.catch(() => {})
    this.#readers.endAll()
    await this.#backend.close()
  }

  /** What to wait for first: another commit that is about to change one of these keys, or revisions to hand out. */
  #obstacle(writes: readonly Write[]): Promise<void> | undefined {
    for (const { key } of writes) if (this.#busy.has(key)) return this.#busy.get(key)
    if (this.#assigned >= this.#reserved) return this.#reserve()
    if (this.#assigned >= this.#reserved - RESERVE_EARLY && !this.#reserving)
      void this.#reserve().catch((error: unknown) => this.#env.log.warn('cannot set revisions aside yet', { error }))
    return undefined
  }

  #reserve(): Promise<void> {
    this.#reserving ??= (async () => {
      const through = this.#reserved + RESERVE_BLOCK
      try {
        await this.#backend.reserve(through)
        this.#reserved = through
      } finally {
        this.#reserving = undefined
      }
    })()
    return this.#reserving
  }

  #checkExpected({ key, expect }: Write): void {
    const actual = this.#index.get(key)?.modified ?? 'absent'
    if (actual !== expect) throw new StoreConflict(key, actual)
  }

  #enqueue(revision: Revision, writes: readonly Write[]): Commit {
    const { promise: settled, resolve: settle } = Promise.withResolvers<void>()
    const events = writes.map((write) => this.#eventOf(write, revision))
    const commit: Commit = { revision, events, state: 'writing', settled, settle }
    for (const { key } of writes) this.#busy.set(key, settled)
    this.#queue.push(commit)
    return commit
  }

  #eventOf(write: Write, revision: Revision): StoreEvent {
    const previous = this.#index.get(write.key)
    const value = stamped(write.op === 'put' ? write.value : previous!.value, revision)
    const entry: Entry = { key: write.key, value, created: previous?.created ?? revision, modified: revision }
    return { type: write.op, key: write.key, revision, entry, ...(previous && { previous }) }
  }

  /** Makes every finished commit visible that has none under way before it. */
  #publish(): void {
    while (this.#queue[0] && this.#queue[0].state !== 'writing') {
      const commit = this.#queue.shift()!
      if (commit.state === 'stored') this.#apply(commit)
      for (const { key } of commit.events) this.#busy.delete(key)
      commit.settle()
    }
  }

  #apply({ revision, events }: Commit): void {
    const start = this.#history.end
    for (const event of events) {
      if (event.type === 'put') this.#index.set(event.key, event.entry)
      else this.#index.delete(event.key)
      if (event.type === 'delete') this.#keys.remove(event.key)
      else if (!event.previous) this.#keys.add(event.key)
      this.#history.push(event)
    }
    this.#visible = revision
    for (const event of events) for (const listener of this.#listeners) listener(event)
    for (const [index, event] of events.entries()) this.#readers.announce(event.key, start + index)
  }

  #now(prefix: string): readonly Entry[] {
    return this.#keys.withPrefix(prefix).map((key) => this.#index.get(key)!)
  }

  #then(prefix: string, revision: Revision): readonly Entry[] {
    const before = this.#history.undo(prefix, revision)
    if (before.size === 0) return this.#now(prefix)
    const kept = this.#now(prefix).filter((entry) => !before.has(entry.key))
    const undone = [...before.values()].filter((entry) => entry !== undefined)
    return [...kept, ...undone].sort((a, b) => (a.key < b.key ? -1 : 1))
  }
}

const stamped = (value: KubeObject, revision: Revision): KubeObject =>
  deepFreeze({ ...value, metadata: { ...value.metadata, resourceVersion: String(revision) } })

const writeOf = ({ type, key, entry, previous }: StoreEvent): Write =>
  type === 'put'
    ? { op: 'put', key, value: entry.value, expect: previous?.modified ?? 'absent' }
    : { op: 'delete', key, expect: previous!.modified }

function checkKeys(writes: readonly Write[]): void {
  if (writes.length === 0) throw new TypeError('a commit needs at least one write')
  if (new Set(writes.map((write) => write.key)).size < writes.length) throw new TypeError('a commit may name a key only once')
}
