import { constants } from 'node:fs'
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises'
import { type BlockFile, blockFile, sizeOf } from '../disk/block-file.ts'
import { DiskError, diskError } from '../disk/disk-error.ts'

/** What an image is written to. Buffers are page-aligned, positions and lengths multiples of the block size. */
export interface Target {
  readonly path: string
  /** What a device holds; undefined for a file, which grows. */
  readonly sizeBytes: number | undefined
  write(buffer: Buffer, position: number): Promise<void>
  /** Past the caches where the system can: what comes back is what is there. May give less than the buffer holds, never nothing. */
  read(buffer: Buffer, position: number): Promise<number>
  sync(): Promise<void>
  /** Fixes the length of a file. */
  finish(bytes: number): Promise<void>
  /** For small changes; lives as long as the target. */
  disk(bytes: number): BlockFile
  /** Lets go; a file gets its name only when all is well, and vanishes otherwise. */
  close(isGood: boolean): Promise<void>
}

const BLOCK_BYTES = 4096
const SPARSE_BYTES = 65_536
const ZEROS = Buffer.alloc(SPARSE_BYTES)

/**
 * Claims a device: nobody can mount it, nor claim it as well, until it is closed.
 * @throws DiskError when it is in use, read-only, gone, or no device.
 */
export async function openDevice(path: string): Promise<Target> {
  const raw = process.platform === 'darwin' ? path.replace(/^\/dev\/disk/, '/dev/rdisk') : path
  try {
    const kind = await stat(raw)
    if (!(kind.isBlockDevice() || (process.platform === 'darwin' && kind.isCharacterDevice())))
      throw new DiskError('path', `${path}: is no device: to make an image file, use --output`)
    const claim = await open(raw, constants.O_RDWR | constants.O_EXCL) // of a block device: EBUSY while any part of it is in use
    const direct = await openDirect(raw, constants.O_RDWR)
    try {
      return deviceTarget(path, claim, direct, await sizeOf(claim))
    } catch (error) {
      await Promise.all([claim.close(), direct?.close()])
      throw error
    }
  } catch (error) {
    throw diskError(path, 'opening', error)
  }
}

function deviceTarget(path: string, claim: FileHandle, direct: FileHandle | undefined, sizeBytes: number): Target {
  const handle = direct ?? claim
  const disk = blockFile(handle, path, sizeBytes)
  return {
    path,
    sizeBytes,
    async write(buffer, position) {
      try {
        await disk.write(buffer, position)
      } catch (error) {
        const isFull = error instanceof DiskError && error.code === 'full' // of a device: its end has moved
        throw isFull
          ? new DiskError('io', `${path}: takes nothing at byte ${position}, though it said to hold ${sizeBytes}: was it pulled out?`)
          : error
      }
    },
    read: (buffer, position) => readSome(path, handle, buffer, position),
    sync: () => disk.sync(),
    finish: async () => {},
    disk: () => ({ ...blockFile(claim, path, sizeBytes), close: async () => {} }),
    async close() {
      await direct?.close() // first: what the system does when a written device is closed must find it claimed
      await claim.close()
    },
  }
}

/** Makes an image file, under another name until it is whole. @throws DiskError. */
export async function openFile(path: string): Promise<Target> {
  const kind = await stat(path).catch(() => undefined)
  if (kind && !kind.isFile()) throw new DiskError('path', `${path}: is ${kind.isDirectory() ? 'a folder' : 'a device'}, not a file`)
  const part = `${path}.part`
  let handle: FileHandle
  try {
    handle = await open(part, 'w+')
  } catch (error) {
    throw diskError(path, 'making the file', error)
  }
  const sink = blockFile(handle, path, Number.MAX_SAFE_INTEGER)
  let direct: FileHandle | undefined
  return {
    path,
    sizeBytes: undefined,
    async write(buffer, position) {
      for (const [from, to] of filledRanges(buffer)) await sink.write(buffer.subarray(from, to), position + from)
    },
    async read(buffer, position) {
      direct ??= await openDirect(part, constants.O_RDONLY)
      return readSome(path, direct ?? handle, buffer, position)
    },
    sync: () => sink.sync(),
    async finish(bytes) {
      try {
        await handle.truncate(bytes)
      } catch (error) {
        throw diskError(path, 'writing', error)
      }
    },
    disk: (bytes) => ({ ...blockFile(handle, path, bytes), close: async () => {} }),
    async close(isGood) {
      await direct?.close()
      await handle.close()
      if (isGood) await rename(part, path)
      else await rm(part, { force: true })
    },
  }
}

/** Not every system and file system has direct access. */
const openDirect = (path: string, flags: number): Promise<FileHandle | undefined> =>
  constants.O_DIRECT === undefined ? Promise.resolve(undefined) : open(path, flags | constants.O_DIRECT).catch(() => undefined)

async function readSome(path: string, handle: FileHandle, buffer: Buffer, position: number): Promise<number> {
  try {
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, position)
    if (bytesRead > 0) return bytesRead
  } catch (error) {
    throw diskError(path, 'reading back', error)
  }
  throw new DiskError('io', `${path}: ends at byte ${position}: was it pulled out?`)
}

/** Ranges that are not all zero: the rest of a new file is a hole, which reads as zeros. */
function* filledRanges(buffer: Buffer): Generator<readonly [from: number, to: number]> {
  let start: number | undefined
  for (let at = 0; at < buffer.length; at += SPARSE_BYTES) {
    const piece = buffer.subarray(at, at + SPARSE_BYTES)
    const isEmpty = piece.equals(piece.length === SPARSE_BYTES ? ZEROS : ZEROS.subarray(0, piece.length))
    if (isEmpty && start !== undefined) yield [start, at]
    start = isEmpty ? undefined : (start ?? at)
  }
  if (start !== undefined) yield [start, buffer.length]
}

/** The length that a device takes for so many bytes at this position. */
export function paddedLength(bytes: number, position: number, sizeBytes: number | undefined): number {
  const whole = Math.ceil(bytes / BLOCK_BYTES) * BLOCK_BYTES
  return sizeBytes !== undefined && position + whole > sizeBytes ? Math.ceil(bytes / 512) * 512 : whole
}
