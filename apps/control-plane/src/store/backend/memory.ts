import { type Backend, type Change, type Entry, type Revision, DiskFullError, StorageError } from './backend.ts'

/** What outlives a process in a simulation: the disk of a {@link MemoryBackend}. */
export class MemoryDisk {
  readonly entries = new Map<string, Entry>()
  reserved: Revision = 0
  /** While true every write fails, as on a full disk. */
  full = false
  /** The backend that may write; the newest that was loaded. */
  owner: MemoryBackend | undefined
}

/** Keeps nothing over a restart unless the disk is passed on. Runs on microtasks alone, for simulations and tests. */
export class MemoryBackend implements Backend {
  readonly #disk: MemoryDisk

  constructor(disk: MemoryDisk = new MemoryDisk()) {
    this.#disk = disk
  }

  async load(): Promise<{ revision: Revision; entries: AsyncIterable<Entry> }> {
    this.#disk.owner = this
    const entries = [...this.#disk.entries.values()]
    return { revision: this.#disk.reserved + 1, entries: each(entries) }
  }

  async commit({ revision, writes }: Change): Promise<void> {
    this.#checkWritable()
    const { entries } = this.#disk
    for (const write of writes) {
      const { op, key } = write
      if (op === 'delete') entries.delete(key)
      else entries.set(key, { key, value: write.value, created: entries.get(key)?.created ?? revision, modified: revision })
    }
    this.#disk.reserved = Math.max(this.#disk.reserved, revision)
  }

  async reserve(through: Revision): Promise<void> {
    this.#checkWritable()
    this.#disk.reserved = Math.max(this.#disk.reserved, through)
  }

  async close(): Promise<void> {
    if (this.#disk.owner === this) this.#disk.owner = undefined
  }

  #checkWritable(): void {
    if (this.#disk.owner !== this) throw new StorageError('the store is closed, or another process has opened it')
    if (this.#disk.full) throw new DiskFullError('the disk is full: free some space')
  }
}

async function* each(entries: readonly Entry[]): AsyncGenerator<Entry> {
  yield* entries
}
