import { DiskError } from '../disk/disk-error.ts'

/** A part of one zstd frame. */
export interface FramePart {
  readonly bytes: Uint8Array
  readonly isLast: boolean
}

const MAGIC = 0xfd2fb528
const SKIPPABLE = 0x184d2a50
const BLOCK_MAX_BYTES = 128 << 10

/**
 * Cuts packed bytes into their zstd frames and leaves out those that hold nothing. Node.js unpacks only the first frame of what it is
 * given at once and drops the rest without a word; pzstd and `cat` make files of many. Source: RFC 8878, 3.1.
 * @throws DiskError 'corrupt' when the bytes end within a frame or go on as something else.
 */
export async function* zstdFrames(name: string, packed: AsyncIterable<Uint8Array>): AsyncGenerator<FramePart> {
  const take = taker(packed)
  const need = async (count: number): Promise<Buffer> => {
    const bytes = await take(count)
    if (bytes === undefined) throw new DiskError('corrupt', `${name}: is cut short, its end is missing: download it again`)
    return bytes
  }
  for (let start = await take(4); start !== undefined; start = await take(4)) {
    const magic = start.readUInt32LE(0)
    if ((magic & 0xfffffff0) === SKIPPABLE) {
      for (let left = (await need(4)).readUInt32LE(0); left > 0; left -= BLOCK_MAX_BYTES) await need(Math.min(left, BLOCK_MAX_BYTES))
      continue
    }
    if (magic !== MAGIC) throw new DiskError('corrupt', `${name}: goes on with something that is not zstd: download it again`)
    const flags = await need(1)
    yield { bytes: Buffer.concat([start, flags, await need(headerBytes(flags[0]!))]), isLast: false }
    for (let isLast = false; !isLast; ) {
      const header = await need(3)
      const value = header.readUIntLE(0, 3)
      isLast = (value & 1) === 1
      const isRepeated = ((value >> 1) & 3) === 1
      const block = await need(isRepeated ? 1 : Math.min(value >> 3, BLOCK_MAX_BYTES + 1)) // one that is longer fails when it is unpacked
      yield { bytes: Buffer.concat([header, block, isLast && flags[0]! & 4 ? await need(4) : Buffer.alloc(0)]), isLast }
    }
  }
}

/** What follows the flags: window, dictionary and size. */
function headerBytes(flags: number): number {
  const isSingle = (flags & 0x20) !== 0
  const size = flags >> 6
  return (isSingle ? 0 : 1) + [0, 1, 2, 4][flags & 3]! + (size === 0 ? (isSingle ? 1 : 0) : 2 ** size)
}

/** Takes bytes off a stream by count: undefined when it has ended, also in the middle of them. */
function taker(stream: AsyncIterable<Uint8Array>): (count: number) => Promise<Buffer | undefined> {
  const iterator = stream[Symbol.asyncIterator]()
  let piece: Uint8Array = Buffer.alloc(0)
  return async (count) => {
    const parts: Uint8Array[] = []
    for (let missing = count; missing > 0; ) {
      if (piece.length === 0) {
        const next = await iterator.next()
        if (next.done) return undefined
        piece = next.value
      }
      parts.push(piece.subarray(0, missing))
      const taken = parts.at(-1)!.length
      piece = piece.subarray(taken)
      missing -= taken
    }
    return Buffer.concat(parts)
  }
}
