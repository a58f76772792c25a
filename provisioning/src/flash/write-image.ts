import { createHash, type Hash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import type { BlockFile } from '../disk/block-file.ts'
import { DiskError } from '../disk/disk-error.ts'
import { readPartitions } from '../disk/partitions.ts'
import { alignedBuffer } from './aligned.ts'
import type { ImageSource } from './image-source.ts'
import { openDevice, openFile, paddedLength, type Target } from './target.ts'

export interface Progress {
  readonly phase: 'write' | 'verify'
  readonly bytes: number
  readonly totalBytes: number | undefined
}

export interface WriteOptions {
  readonly isDevice: boolean
  /** Changes the disk after it was verified, before it is let go. */
  readonly customise?: (disk: BlockFile) => Promise<void>
  readonly progress: (at: Progress) => void
  readonly signal: AbortSignal
}

const CHUNK_BYTES = 4 << 20
const HEAD_BYTES = 1 << 20
const IN_FLIGHT = 3

/**
 * Writes an image to a device or a new file, reads back what was written and compares.
 *
 * The first MiB, which holds the partition table, is zeros until all else has proved good, and again if anything fails after: what was not
 * written well does not boot. Files are sparse and have their name only when they are whole.
 * @throws DiskError when the image is damaged or does not fit, the target is in use, full, broken or gone, or does not hold what was
 * written; the signal's reason when it was aborted.
 */
export async function writeImage(
  source: ImageSource,
  path: string,
  options: WriteOptions,
): Promise<{ readonly bytes: number; readonly sha256: string }> {
  const { isDevice, customise, progress, signal } = options
  const target = await (isDevice ? openDevice(path) : openFile(path))
  let isGood = false
  try {
    refuseTooSmall(target, source.sizeBytes)
    const written = await writeBody(source, target, progress, signal)
    await target.finish(written.bytes)
    await checkLayout(target, written, source.name)
    await target.sync()
    await verify(target, written, progress, signal)
    try {
      await target.write(written.head, 0)
      await target.sync()
      await verifyHead(target, written.head)
      await customise?.(target.disk(target.sizeBytes ?? written.bytes))
      await target.sync()
      isGood = true
    } finally {
      if (!isGood) await target.write(alignedBuffer(written.head.length), 0).catch(() => {}) // the error that led here says more
    }
    return { bytes: written.bytes, sha256: written.sha256 }
  } finally {
    await target.close(isGood).catch((error) => {
      if (isGood) throw error
    })
  }
}

interface Written {
  readonly bytes: number
  readonly sha256: string
  /** The first MiB, which the target does not have yet. */
  readonly head: Buffer
  /** A checksum of each chunk, to tell where a device went wrong. */
  readonly chunks: readonly number[]
}

function refuseTooSmall({ path, sizeBytes }: Target, neededBytes: number | undefined): void {
  if (sizeBytes !== undefined && neededBytes !== undefined && neededBytes > sizeBytes)
    throw new DiskError('full', `${path}: is too small: it holds ${sizeBytes} bytes, the image needs ${neededBytes}`)
}

/** Unpacks, hashes and writes, each while the others go on. The start is written as zeros. */
async function writeBody(source: ImageSource, target: Target, progress: WriteOptions['progress'], signal: AbortSignal): Promise<Written> {
  const hash = createHash('sha256')
  const chunks: number[] = []
  const slots = Array.from({ length: IN_FLIGHT }, () => ({ buffer: alignedBuffer(CHUNK_BYTES), written: Promise.resolve() }))
  let head = alignedBuffer(0)
  let position = 0
  let done = 0
  let fill = 0

  const put = async (): Promise<void> => {
    signal.throwIfAborted()
    const slot = slots[chunks.length % IN_FLIGHT]!
    const content = slot.buffer.subarray(0, fill)
    hash.update(content)
    chunks.push(crc32(content))
    refuseTooSmall(target, position + fill)
    const padded = slot.buffer.subarray(0, paddedLength(fill, position, target.sizeBytes)).fill(0, fill)
    if (position === 0) {
      head = alignedBuffer(Math.min(HEAD_BYTES, padded.length))
      padded.copy(head)
      refuseNoTable(head, source.name)
      padded.fill(0, 0, head.length)
    }
    const length = fill
    slot.written = target.write(padded, position).then(() => {
      done += length
      progress({ phase: 'write', bytes: done, totalBytes: source.sizeBytes })
    })
    slot.written.catch(() => {}) // heard when the slot is used again
    position += length
    fill = 0
    await slots[chunks.length % IN_FLIGHT]!.written
  }

  try {
    for await (const piece of await source.open(signal))
      for (let at = 0; at < piece.length; ) {
        const part = piece.subarray(at, at + CHUNK_BYTES - fill)
        slots[chunks.length % IN_FLIGHT]!.buffer.set(part, fill)
        at += part.length
        fill += part.length
        if (fill === CHUNK_BYTES) await put()
      }
    if (fill > 0) await put()
    for (const { written } of slots) await written
  } finally {
    await Promise.allSettled(slots.map(({ written }) => written))
  }
  signal.throwIfAborted()
  if (position < HEAD_BYTES) throw new DiskError('layout', `${source.name}: ${position} bytes are too few for a disk image`)
  return { bytes: position, sha256: hash.digest('hex'), head, chunks }
}

/** Before the first byte is written: what else it may be is no disk. */
function refuseNoTable(head: Buffer, name: string): void {
  if (head.length < 512 || head.readUInt16LE(510) !== 0xaa55)
    throw new DiskError('layout', `${name}: what is in it is no disk image: it does not start with a partition table`)
}

/** Partitions that end beyond the image tell that some of it is missing. */
async function checkLayout(target: Target, { head, bytes }: Written, name: string): Promise<void> {
  const read = async (into: Uint8Array, position: number): Promise<void> => {
    const block = alignedBuffer(paddedLength(into.length + (position % 4096), 0, undefined))
    for (let done = 0; done < block.length && position >= head.length; ) {
      const start = position - (position % 4096) + done
      if (start >= (target.sizeBytes ?? bytes)) break
      done += await target.read(block.subarray(done), start)
    }
    if (position < head.length) head.copy(into, 0, position)
    else block.copy(into, 0, position % 4096)
  }
  const refuse = async (): Promise<void> => {}
  try {
    await readPartitions({ sizeBytes: bytes, read, write: refuse, sync: refuse, close: refuse })
  } catch (error) {
    if (error instanceof DiskError && error.code !== 'io') throw new DiskError(error.code, `${name}: ${error.message}`, { cause: error })
    throw error
  }
}

/** Reads all but the head, one chunk ahead, and compares. @throws DiskError 'io' that says where it differs. */
async function verify(
  target: Target,
  { bytes, sha256, head, chunks }: Written,
  progress: WriteOptions['progress'],
  signal: AbortSignal,
): Promise<void> {
  const hash = createHash('sha256')
  const buffers = [alignedBuffer(CHUNK_BYTES), alignedBuffer(CHUNK_BYTES)]
  const read = (index: number): Promise<Buffer> => {
    const length = Math.min(CHUNK_BYTES, bytes - index * CHUNK_BYTES)
    const done = readChunk(target, buffers[index % 2]!, index * CHUNK_BYTES, length)
    done.catch(() => {}) // heard when it is its turn
    return done
  }
  let next = read(0)
  try {
    for (let index = 0; index < chunks.length; index++) {
      signal.throwIfAborted()
      const chunk = await next
      if (index + 1 < chunks.length) next = read(index + 1)
      if (index === 0) overlay(chunk, head, target.path)
      compare(chunk, chunks[index]!, hash, target.path, index * CHUNK_BYTES)
      progress({ phase: 'verify', bytes: index * CHUNK_BYTES + chunk.length, totalBytes: bytes })
    }
  } finally {
    await next.catch(() => {})
  }
  if (hash.digest('hex') !== sha256) throw differs(target.path, 'somewhere')
}

function compare(chunk: Buffer, expected: number, hash: Hash, path: string, position: number): void {
  hash.update(chunk)
  if (crc32(chunk) !== expected) throw differs(path, `between bytes ${position} and ${position + chunk.length}`)
}

const differs = (path: string, where: string): DiskError =>
  new DiskError(
    'io',
    `${path}: does not hold what was written: it differs ${where}. The card is broken, or smaller than it says: take another`,
  )

/** The head is still zeros on the target; the hash is of the image. */
function overlay(chunk: Buffer, head: Buffer, path: string): void {
  const start = chunk.subarray(0, head.length)
  if (start.some((byte) => byte !== 0)) throw differs(path, `between bytes 0 and ${head.length}`)
  head.copy(start)
}

async function verifyHead(target: Target, head: Buffer): Promise<void> {
  const found = await readChunk(target, alignedBuffer(head.length), 0, head.length)
  if (!found.equals(head)) throw differs(target.path, `between bytes 0 and ${head.length}`)
}

/** Fills `length` bytes; devices and systems may give less at once. */
async function readChunk(target: Target, buffer: Buffer, position: number, length: number): Promise<Buffer> {
  const padded = buffer.subarray(0, paddedLength(length, position, target.sizeBytes))
  for (let done = 0; done < length; ) done += await target.read(padded.subarray(done), position + done)
  return buffer.subarray(0, length)
}
