import { chmodSync, closeSync, existsSync, openSync } from 'node:fs'
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { backup, DatabaseSync } from 'node:sqlite'
import { StorageError } from './backend.ts'
import { DamagedError, isDamage, STORE_FORMAT, storageError } from './sqlite.ts'

// Copies of a store that no control plane has open, each in one file, and the way back.

/** Of the cluster's history, so that nobody who saw later ones takes new objects for old: as `etcdutl snapshot restore --bump-revision`. */
const REVISIONS_SKIPPED = 1_000_000
const BACKUPS_MAX = 5

export interface Backup {
  readonly path: string
  /** The version of Bramble that had written it. */
  readonly version: string
}

export const backupFolder = (storePath: string): string => join(dirname(storePath), 'backups')

/** The newest first. */
export async function listBackups(storePath: string): Promise<readonly Backup[]> {
  const names = await readdir(backupFolder(storePath)).catch(() => [])
  return names
    .flatMap((name) => {
      const version = /^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ-(.+)\.db$/.exec(name)?.[1]
      return version === undefined ? [] : [{ path: join(backupFolder(storePath), name), version }]
    })
    .sort((a, b) => (a.path < b.path ? 1 : -1))
}

/**
 * Copies the store: the copy appears whole, checked and synced, or not at all. The oldest copies go when there are too many.
 *
 * @param version Of Bramble that wrote it, for the copy's name.
 * @throws StorageError when the store is in use or damaged, or there is no room.
 */
export async function backUpStore(storePath: string, version: string, nowMs: number): Promise<Backup> {
  const folder = backupFolder(storePath)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const path = join(folder, `${new Date(nowMs).toISOString().slice(0, 19).replaceAll(':', '-')}Z-${version}.db`)
  await copyStore(storePath, path, () => {})
  const spare = (await listBackups(storePath)).filter((each) => each.path !== path).slice(BACKUPS_MAX - 1)
  for (const each of spare) await rm(each.path, { force: true })
  return { path, version }
}

/**
 * Puts a copy in the place of the store; what stands there is copied before, unless it is damaged.
 *
 * @param version Of Bramble that wrote what stands there.
 * @throws StorageError when the copy is damaged or of a newer format, or the store is in use: nothing has changed then.
 */
export async function restoreStore(storePath: string, from: string, version: string, nowMs: number): Promise<Backup | undefined> {
  if (!existsSync(from)) throw new StorageError(`${from} is not there; backups are in ${backupFolder(storePath)}`)
  const format = formatOf(from)
  if (format > STORE_FORMAT)
    throw new StorageError(`${from} was written by a newer version of Bramble (format ${format}): install that version first`)
  const beside = `${storePath}.restored`
  await copyStore(from, beside, skipRevisions)
  try {
    const replaced = existsSync(storePath) ? await backUpUnlessDamaged(storePath, version, nowMs) : undefined
    // SQLite would replay a log that is left over into the file that takes the store's place
    for (const suffix of ['-wal', '-shm']) await rm(`${storePath}${suffix}`, { force: true })
    await rename(beside, storePath)
    await syncFolder(dirname(storePath))
    return replaced
  } finally {
    await rm(beside, { force: true })
  }
}

async function backUpUnlessDamaged(storePath: string, version: string, nowMs: number): Promise<Backup | undefined> {
  try {
    const made = await backUpStore(storePath, version, nowMs)
    closeLog(storePath)
    return made
  } catch (error) {
    if (isDamage((error as Error).cause)) return undefined
    throw error
  }
}

/** @throws StorageError when the file is none, or damaged, or in use. */
export const formatOf = (path: string): number =>
  use(path, 'cannot read', { readOnly: true }, (database) => {
    const { user_version: format } = database.prepare('PRAGMA user_version').get() as { user_version: number }
    return format
  })

/** What is in the log beside it goes into the file. */
const closeLog = (path: string): void => use(path, 'cannot write to', {}, (database) => database.exec('PRAGMA journal_mode = DELETE'))

const skipRevisions = (database: DatabaseSync): void =>
  database.exec(`INSERT INTO reserved (id, through)
    SELECT 1, max(coalesce((SELECT max(modified) FROM objects), 0), coalesce((SELECT through FROM reserved), 0)) + ${REVISIONS_SKIPPED}
    WHERE true ON CONFLICT (id) DO UPDATE SET through = excluded.through`)

async function copyStore(from: string, to: string, change: (database: DatabaseSync) => void): Promise<void> {
  const part = join(dirname(to), `.${basename(to)}.part`)
  await rm(part, { force: true })
  closeSync(openSync(part, 'wx', 0o600)) // Secrets are in it
  try {
    await copyPages(from, part)
    use(part, 'cannot check', {}, (database) => {
      change(database)
      database.exec('PRAGMA journal_mode = DELETE') // one file
      const { integrity_check: verdict } = database.prepare('PRAGMA integrity_check(1)').get() as { integrity_check: string }
      if (verdict !== 'ok') throw new StorageError(`${from} is damaged (${verdict})`, { cause: new DamagedError(verdict) })
    })
    chmodSync(part, 0o600)
    await syncFile(part)
    await rename(part, to)
    await syncFolder(dirname(to))
  } finally {
    for (const suffix of ['', '-wal', '-shm', '-journal']) await rm(`${part}${suffix}`, { force: true })
  }
}

async function copyPages(from: string, to: string): Promise<void> {
  const source = new DatabaseSync(from)
  try {
    source.exec('BEGIN IMMEDIATE; COMMIT') // tells by its code what backup() calls "not an error": it is in use, or no database
    await backup(source, to, { rate: 1_000 })
  } catch (error) {
    throw storageError(from, 'cannot copy', error)
  } finally {
    source.close()
  }
}

function use<T>(path: string, what: string, options: { readonly readOnly?: boolean }, work: (database: DatabaseSync) => T): T {
  let database: DatabaseSync | undefined
  try {
    database = new DatabaseSync(path, options)
    return work(database)
  } catch (error) {
    throw error instanceof StorageError ? error : storageError(path, what, error)
  } finally {
    database?.close()
  }
}

async function syncFile(path: string): Promise<void> {
  await using file = await open(path, 'r+')
  await file.sync()
}
async function syncFolder(path: string): Promise<void> {
  await using folder = await open(path, 'r')
  await folder.sync()
}
