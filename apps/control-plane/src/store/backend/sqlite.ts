import { chmodSync, existsSync, mkdirSync, openSync, closeSync, readdirSync, renameSync, statSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import type { KubeObject } from '@bramble/api/object'
import type { Env } from '@bramble/reconcile/env'
import { type Backend, type Change, DiskFullError, type Entry, type Revision, StorageError } from './backend.ts'

export interface SqliteOptions {
  readonly path: string
  /** The file never grows past this many bytes: writes fail as on a full disk. Default: no limit but the disk. */
  readonly bytesMax?: number
  readonly env: Env
}

const PAGE_BYTES = 1024
/** What the file looks like. A version that changes it raises this; older ones refuse the file then. */
export const STORE_FORMAT = 1
// A rowid table with an index beside: WITHOUT ROWID moves whole objects when pages split and writes half as much again.
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS objects (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, created INTEGER NOT NULL, modified INTEGER NOT NULL, value TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS reserved (id INTEGER PRIMARY KEY CHECK (id = 1), through INTEGER NOT NULL);
  PRAGMA user_version = ${STORE_FORMAT};`

interface Pending {
  readonly apply: () => void
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}
interface Row {
  readonly key: string
  readonly created: number
  readonly modified: number
  readonly value: string
}

/**
 * One file, one process. What is committed during one turn of the event loop goes to the disk in one transaction, with
 * one sync (WAL, synchronous FULL): the fewer syncs, the longer an SD card lives.
 */
export class SqliteBackend implements Backend {
  readonly #options: SqliteOptions
  #database: DatabaseSync | undefined
  #statements: Statements | undefined
  #pending: Pending[] = []

  constructor(options: SqliteOptions) {
    this.#options = options
  }

  /** @throws StorageError when another process has the file, or it is damaged: then it is put aside as `.corrupt-<time>`. */
  async load(): Promise<{ revision: Revision; entries: AsyncIterable<Entry> }> {
    const database = this.#open()
    this.#database = database
    this.#statements = statementsFor(database)
    const reserved = database.prepare('SELECT through FROM reserved').get() as { through: number } | undefined
    const newest = database.prepare('SELECT max(modified) AS revision FROM objects').get() as { revision: number | null }
    return { revision: Math.max(reserved?.through ?? 0, newest.revision ?? 0) + 1, entries: this.#entries(database) }
  }

  commit({ revision, writes }: Change): Promise<void> {
    const rows = writes.map((write) => ({ key: write.key, value: write.op === 'put' ? JSON.stringify(write.value) : undefined }))
    return this.#enqueue(({ put, remove }) => {
      for (const { key, value } of rows) value === undefined ? remove.run(key) : put.run(key, revision, revision, value)
    })
  }

  reserve(through: Revision): Promise<void> {
    return this.#enqueue(({ reserve }) => reserve.run(through))
  }

  sizeBytes(): number {
    const sizes = ['', '-wal'].map((suffix) => statSync(`${this.#options.path}${suffix}`, { throwIfNoEntry: false })?.size ?? 0)
    return sizes.reduce((sum, size) => sum + size, 0)
  }

  async close(): Promise<void> {
    this.#flush()
    this.#database?.close()
    this.#database = undefined
  }

  #enqueue(apply: (statements: Statements) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      if (!this.#database) return reject(new StorageError(`the store ${this.#options.path} is closed`))
      if (this.#pending.length === 0) setImmediate(() => this.#flush())
      this.#pending.push({ apply: () => apply(this.#statements!), resolve, reject })
    })
  }

  #flush(): void {
    const group = this.#pending
    this.#pending = []
    if (group.length === 0 || !this.#database) return
    try {
      this.#database.exec('BEGIN IMMEDIATE')
      for (const { apply } of group) apply()
      this.#database.exec('COMMIT')
    } catch (error) {
      this.#rollback()
      const failure = storageError(this.#options.path, 'cannot write to', error)
      for (const { reject } of group) reject(failure)
      return
    }
    for (const { resolve } of group) resolve()
  }

  /** SQLite has rolled back by itself after some errors; then there is no transaction to end. */
  #rollback(): void {
    if (this.#database?.isTransaction) this.#database.exec('ROLLBACK')
  }

  #open(): DatabaseSync {
    const { path } = this.#options
    prepareFile(path)
    let database: DatabaseSync | undefined
    try {
      database = new DatabaseSync(path)
      this.#configure(database)
      const complaint = checkIntegrity(database)
      if (complaint === undefined) return database
      throw new DamagedError(complaint)
    } catch (error) {
      database?.close()
      if (!isDamage(error)) throw storageError(path, 'cannot open', error)
      const damage = (error as Error).message
      throw new StorageError(`${path} is damaged (${damage}) and was put aside as ${this.#putAside()}: ${AFTER_DAMAGE}`, { cause: error })
    }
  }

  #configure(database: DatabaseSync): void {
    const { bytesMax } = this.#options
    // EXCLUSIVE before the first access: the lock is held until the process ends, however it ends, and WAL needs no shared memory file.
    database.exec(`PRAGMA locking_mode = EXCLUSIVE; PRAGMA page_size = ${PAGE_BYTES}; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
      PRAGMA wal_autocheckpoint = 10000; PRAGMA journal_size_limit = 16777216; PRAGMA temp_store = MEMORY; BEGIN EXCLUSIVE; COMMIT;`)
    const { user_version: version } = database.prepare('PRAGMA user_version').get() as { user_version: number }
    if (version > STORE_FORMAT)
      throw new StorageError(
        `it was written by a newer version of Bramble (format ${version}): install that version again, or put a copy from before in its place with "bramble server --restore FILE"`,
      )
    if (version < STORE_FORMAT) database.exec(SCHEMA)
    if (bytesMax !== undefined) database.exec(`PRAGMA max_page_count = ${Math.floor(bytesMax / PAGE_BYTES)}`)
  }

  #putAside(): string {
    const { path, env } = this.#options
    const aside = `${path}${ASIDE}${new Date(env.clock.nowMs()).toISOString().replace(/[:.]/g, '-')}`
    for (const suffix of ['', '-wal', '-shm']) if (existsSync(`${path}${suffix}`)) renameSync(`${path}${suffix}`, `${aside}${suffix}`)
    return aside
  }

  async *#entries(database: DatabaseSync): AsyncGenerator<Entry> {
    for (const row of database.prepare('SELECT key, created, modified, value FROM objects').iterate()) {
      const { key, created, modified, value } = row as unknown as Row
      yield { key, created, modified, value: parse(this.#options.path, key, value) }
    }
  }
}

interface Statements {
  readonly put: StatementSync
  readonly remove: StatementSync
  readonly reserve: StatementSync
}
const statementsFor = (database: DatabaseSync): Statements => ({
  put: database.prepare(`INSERT INTO objects (key, created, modified, value) VALUES (?, ?, ?, ?)
    ON CONFLICT (key) DO UPDATE SET modified = excluded.modified, value = excluded.value`),
  remove: database.prepare('DELETE FROM objects WHERE key = ?'),
  reserve: database.prepare(`INSERT INTO reserved (id, through) VALUES (1, ?)
    ON CONFLICT (id) DO UPDATE SET through = max(through, excluded.through)`),
})

const ASIDE = '.corrupt-'
const AFTER_DAMAGE = 'restore a backup in its place; or, to start with an empty cluster, move the damaged file to another folder'

/** The file is there and nobody else may read it (it holds Secrets) before SQLite writes to it. */
function prepareFile(path: string): void {
  const folder = dirname(path)
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    // A restart by a supervisor must not turn a damaged cluster into an empty one.
    const aside = existsSync(path) ? undefined : readdirSync(folder).find((name) => name.startsWith(`${basename(path)}${ASIDE}`))
    if (aside !== undefined) throw new StorageError(`${path} was damaged and stands beside as ${aside}: ${AFTER_DAMAGE}`)
    closeSync(openSync(path, 'a', 0o600))
    chmodSync(path, 0o600)
  } catch (error) {
    throw error instanceof StorageError ? error : new StorageError(`cannot open ${path}: ${(error as Error).message}`, { cause: error })
  }
}

export class DamagedError extends Error {}

function checkIntegrity(database: DatabaseSync): string | undefined {
  const { quick_check: verdict } = database.prepare('PRAGMA quick_check(1)').get() as { quick_check: string }
  return verdict === 'ok' ? undefined : verdict.trim().split('\n').at(-1)!
}

// Source: sqlite.org/rescode.html. The extended codes carry more in the higher bits.
const SQLITE_BUSY = 5
const SQLITE_CORRUPT = 11
const SQLITE_FULL = 13
const SQLITE_NOTADB = 26
const resultCode = (error: unknown): number => ((error as { errcode?: number }).errcode ?? 0) & 0xff

export const isDamage = (error: unknown): boolean =>
  error instanceof DamagedError || resultCode(error) === SQLITE_CORRUPT || resultCode(error) === SQLITE_NOTADB

export function storageError(path: string, what: string, error: unknown): StorageError {
  const code = resultCode(error)
  if (code === SQLITE_BUSY)
    return new StorageError(`${path} is in use by another process: stop the other control plane first`, { cause: error })
  if (code === SQLITE_FULL)
    return new DiskFullError(`${what} ${path}: the disk is full: free some space in ${dirname(path)}`, { cause: error })
  return new StorageError(`${what} ${path}: ${(error as Error).message}`, { cause: error })
}

function parse(path: string, key: string, value: string): KubeObject {
  try {
    return JSON.parse(value) as KubeObject
  } catch (error) {
    throw new StorageError(`${path} holds a damaged object at ${key}: restore a backup, or delete that row with sqlite3`, { cause: error })
  }
}
