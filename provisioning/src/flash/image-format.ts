import { DiskError } from '../disk/disk-error.ts'

export type ImageFormat = 'raw' | 'xz' | 'zst' | 'gz'

/** How many bytes of both ends of an image are looked at. */
export const LOOK_BYTES = 65_536

const starts = (head: Buffer, ...bytes: readonly number[]): boolean => bytes.every((byte, index) => head[index] === byte)

/** How an image is packed, by what it starts with: names lie. @throws DiskError 'layout' when it is no image that can be written. */
export function formatOf(name: string, head: Buffer): ImageFormat {
  const refuse = (text: string): never => {
    throw new DiskError('layout', `${name}: ${text}`)
  }
  if (head.length === 0) refuse('is empty')
  if (starts(head, 0xfd, 0x37, 0x7a, 0x58, 0x5a, 0)) return 'xz'
  if (starts(head, 0x28, 0xb5, 0x2f, 0xfd) || (head.length >= 4 && (head.readUInt32LE(0) & 0xfffffff0) === 0x184d2a50)) return 'zst'
  if (starts(head, 0x1f, 0x8b)) return 'gz'
  if (starts(head, 0x50, 0x4b, 3, 4)) refuse('is a ZIP archive: unpack it and give the .img inside')
  if (starts(head, 0x42, 0x5a, 0x68)) refuse('is packed with bzip2: unpack it with bunzip2 and give the .img')
  if (starts(head, 0x37, 0x7a, 0xbc, 0xaf)) refuse('is a 7z archive: unpack it and give the .img inside')
  if (starts(head, 0x51, 0x46, 0x49, 0xfb)) refuse('is a QCOW2 disk: convert it with qemu-img convert -O raw')
  if (/^\s*<(!doctype|html|\?xml)/i.test(head.toString('latin1', 0, 200)))
    refuse('is a web page, not an image: is the address that of the download?')
  if (head.length < 512 || head.readUInt16LE(510) !== 0xaa55)
    refuse('is no disk image: neither packed with xz, zstd or gzip nor does it start with a partition table')
  return 'raw'
}

/**
 * Bytes that an image has when unpacked, as far as its ends tell: exact for raw and xz. One of many zstd frames may be longer, and a
 * gzip trailer tells only the size's lower half. @throws DiskError 'corrupt' when an end is missing.
 */
export function sizeOfImage(
  format: ImageFormat,
  name: string,
  head: Buffer,
  tail: Buffer | undefined,
  packedBytes: number | undefined,
): number | undefined {
  if (format === 'raw') return packedBytes
  if (format === 'zst') return zstContentBytes(head)
  if (tail === undefined || packedBytes === undefined) return undefined
  if (format === 'xz') return xzContentBytes(name, tail, packedBytes)
  if (tail.length < 18) throw cutShort(name)
  const low = tail.readUInt32LE(tail.length - 4)
  return low + 2 ** 32 * Math.max(0, Math.ceil((packedBytes * 0.99 - low) / 2 ** 32)) // what does not pack does not grow by 1 %
}

const cutShort = (name: string): DiskError => new DiskError('corrupt', `${name}: is cut short, its end is missing: download it again`)

/** Source: RFC 8878, 3.1.1.1. */
function zstContentBytes(head: Buffer): number | undefined {
  if (head.length < 18 || head.readUInt32LE(0) !== 0xfd2fb528) return undefined
  const flags = head[4]!
  const isSingle = (flags & 0x20) !== 0
  const at = 5 + (isSingle ? 0 : 1) + [0, 1, 2, 4][flags & 3]!
  const size = flags >> 6
  if (size === 0) return isSingle ? head[at]! : undefined
  if (size === 1) return head.readUInt16LE(at) + 256
  return size === 2 ? head.readUInt32LE(at) : Number(head.readBigUInt64LE(at))
}

/** The sum of the blocks in the index at the end of a file of one stream; unknown when there are several. Source: the .xz file format 1.2.1. */
function xzContentBytes(name: string, padded: Buffer, packedBytes: number): number | undefined {
  let end = padded.length
  while (end >= 4 && padded.readUInt32LE(end - 4) === 0) end -= 4 // padding between streams
  const tail = padded.subarray(0, end)
  if (tail.length < 32 || tail.toString('latin1', tail.length - 2) !== 'YZ') throw cutShort(name)
  const indexBytes = (tail.readUInt32LE(tail.length - 8) + 1) * 4
  const index = tail.length - 12 - indexBytes
  if (index < 0) return undefined
  if (tail[index] !== 0) throw new DiskError('corrupt', `${name}: its index is damaged: download it again`)
  let at = index + 1
  const next = (): number => {
    let value = 0
    for (let factor = 1; at < tail.length - 12; factor *= 128) {
      const byte = tail[at++]!
      value += (byte & 0x7f) * factor
      if (byte < 0x80) return value
    }
    throw new DiskError('corrupt', `${name}: its index is damaged: download it again`)
  }
  let packed = 12 + indexBytes + 12
  let unpacked = 0
  for (let left = next(); left > 0; left--) {
    packed += Math.ceil(next() / 4) * 4
    unpacked += next()
  }
  return packed + (padded.length - end) === packedBytes ? unpacked : undefined
}
