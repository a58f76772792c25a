import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Log } from '@bramble/reconcile/env'
import { writeDurably } from '../../pki/write-durably.ts'
import { DiskFullError, StorageError } from './backend.ts'
import { backUpStore, formatOf, listBackups, restoreStore } from './sqlite-backup.ts'
import { isDamage, STORE_FORMAT } from './sqlite.ts'

export interface StorePreparation {
  readonly path: string
  /** Of this program. */
  readonly version: string
  /** A version that the launcher gave up, so that this one runs again. */
  readonly givenUp: string | undefined
  readonly nowMs: number
  readonly log: Log
}

/** Stores of versions that did not say so. */
const UNKNOWN = 'unknown'

/**
 * What comes before the store is opened: when another version had it last, it is copied; and when that version was given up and had
 * changed the format, the copy that was made before is put back. What was written since is in a copy of its own.
 *
 * @throws StorageError when the store cannot be copied: a version that cannot be left again is not started.
 */
export async function prepareStore({ path, version, givenUp, nowMs, log }: StorePreparation): Promise<void> {
  const writtenBy = await writerOf(path)
  if (existsSync(path) && writtenBy !== version) {
    const isWhole = await copyForReturn(path, writtenBy ?? UNKNOWN, nowMs, log)
    if (isWhole && givenUp !== undefined && givenUp === writtenBy) await putBack(path, { version, givenUp, nowMs, log })
  }
  if (writtenBy !== version) await writeDurably(writerFile(path), `${version}\n`, 0o600)
}

/**
 * Puts a copy in the place of a store that nobody has open, for somebody who asks for it.
 *
 * @returns where what stood there is now; undefined when that was damaged, or nothing. @throws StorageError as {@link restoreStore}.
 */
export async function restoreByHand(path: string, from: string, version: string, nowMs: number): Promise<string | undefined> {
  const replaced = await restoreStore(path, from, (await writerOf(path)) ?? UNKNOWN, nowMs)
  await writeDurably(writerFile(path), `${version}\n`, 0o600)
  return replaced?.path
}

/** The version that a launcher gave up last. @param slot Its folder, if one started this program. */
export const givenUpBy = async (slot: string | undefined): Promise<string | undefined> =>
  slot === undefined ? undefined : (await readFile(join(slot, 'returned'), 'utf8').catch(() => '')).split(' ')[0] || undefined

/** @returns undefined when nobody said. */
const writerOf = async (path: string): Promise<string | undefined> =>
  (await readFile(writerFile(path), 'utf8').catch(() => '')).trim() || undefined

const writerFile = (path: string): string => join(dirname(path), 'store.version')

async function copyForReturn(path: string, version: string, nowMs: number, log: Log): Promise<boolean> {
  try {
    const { path: copy } = await backUpStore(path, version, nowMs)
    log.info('another version had the store last: it was copied', { version, copy })
    return true
  } catch (error) {
    if (error instanceof DiskFullError)
      throw new StorageError(`${error.message}; without a copy of the store this version is not started`, { cause: error })
    if (isDamage((error as Error).cause)) return false // whoever opens it says so, and puts it aside
    throw error
  }
}

async function putBack(path: string, { version, givenUp, nowMs, log }: Omit<StorePreparation, 'path'>): Promise<void> {
  if (formatOf(path) <= STORE_FORMAT) return // what was written meanwhile can be read, and stays
  const last = (await listBackups(path)).find((each) => each.version === version && formatOf(each.path) <= STORE_FORMAT)
  if (!last) return
  await restoreStore(path, last.path, givenUp!, nowMs)
  log.warn('a newer version was given up that had changed the store: the copy from before is in its place', { givenUp, copy: last.path })
}
