import { type FileHandle, open } from 'node:fs/promises'
import { DiskError, diskError } from './disk-error.ts'

/** A disk, a card or an image of one: bytes at positions. Positions and lengths that are multiples of 512 work on every device. */
export interface BlockFile {
  readonly sizeBytes: number
  /** Fills `target` whole. @throws DiskError 'io' when the disk ends before. */
  read(target: Uint8Array, position: number): Promise<void>
  /** Writes all of `data`. @throws DiskError 'io', or 'full'. Never makes an image file longer. */
  write(data: Uint8Array, position: number): Promise<void>
  /** Returns when everything written has reached the medium. */
  sync(): Promise<void>
  close(): Promise<void>
}

/** Opens an image file or a device, for reading unless told. @throws DiskError 'io'. */
export async function openBlockFile(path: string, options: { readonly writable?: boolean } = {}): Promise<BlockFile> {
  try {
    const handle = await open(path, options.writable ? 'r+' : 'r')
    try {
      return blockFile(handle, path, await sizeOf(handle))
    } catch (error) {
      await handle.close()
      throw error
    }
  } catch (error) {
    throw diskError(path, 'opening', error)
  }
}

/** The block file of a handle that is open already; closing it closes the handle. */
export function blockFile(handle: FileHandle, path: string, sizeBytes: number): BlockFile {
  const within = (length: number, position: number): void => {
    if (position < 0 || position + length > sizeBytes)
      throw new DiskError('io', `${path}: bytes ${position} to ${position + length} lie beyond its end at ${sizeBytes}: was it cut short?`)
  }
  return {
    sizeBytes,
    async read(target, position) {
      within(target.length, position)
      for (let done = 0; done < target.length; ) {
        const { bytesRead } = await tried('reading', () => handle.read(target, done, target.length - done, position + done))
        if (bytesRead === 0) throw new DiskError('io', `${path}: reading ends at ${position + done} of ${sizeBytes}: is the device gone?`)
        done += bytesRead
      }
    },
    async write(data, position) {
      within(data.length, position)
      for (let done = 0; done < data.length; ) {
        const { bytesWritten } = await tried('writing', () => handle.write(data, done, data.length - done, position + done))
        if (bytesWritten === 0)
          throw new DiskError('io', `${path}: takes no more at ${position + done} of ${sizeBytes}: is the device gone?`)
        done += bytesWritten
      }
    },
    sync: () => tried('writing', () => handle.sync()),
    close: () => handle.close(),
  }

  async function tried<T>(doing: string, act: () => Promise<T>): Promise<T> {
    try {
      return await act()
    } catch (error) {
      throw diskError(path, doing, error)
    }
  }
}

const SECTOR = 512
const SIZE_MAX = 2 ** 50

/** Bytes of a file or device. A device's size is found by reading: no system call that Node.js has tells it, on any system. */
export async function sizeOf(handle: FileHandle): Promise<number> {
  const stat = await handle.stat()
  if (stat.isFile()) return stat.size
  const sector = Buffer.alloc(SECTOR)
  const isThere = async (index: number): Promise<boolean> => (await handle.read(sector, 0, SECTOR, index * SECTOR)).bytesRead === SECTOR
  let end = 1
  while (end * SECTOR < SIZE_MAX && (await isThere(end - 1))) end *= 2
  let low = Math.floor(end / 2) // sectors below `low` are there, sector `end - 1` is not
  let high = end - 1
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    if (await isThere(middle)) low = middle + 1
    else high = middle
  }
  return low * SECTOR
}
