import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open, readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { DiskError, diskError } from '../disk/disk-error.ts'
import { parseSha256, sumInSidecar } from './checksum.ts'
import { download, downloadText, lookAt, tailOf } from './download.ts'
import { formatOf, LOOK_BYTES, sizeOfImage } from './image-format.ts'
import { keptAt } from './keep.ts'
import { unpacked } from './unpack.ts'

/** An image of a disk, wherever it is and however it is packed. */
export interface ImageSource {
  readonly name: string
  readonly compressedBytes: number | undefined
  /** Unpacked, as far as it is told: a lower bound for gzip and zstd. */
  readonly sizeBytes: number | undefined
  /** The checksum that its bytes must have and where it comes from. */
  readonly expected: { readonly sha256: string; readonly from: string } | undefined
  /**
   * The unpacked bytes, once more from the start at each call. Reading them to the end checks them.
   * @throws DiskError while it is read: 'corrupt' when bytes are damaged, missing, or not those that the checksum is of.
   */
  open(signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>
  /** What the checksum was of, known at the end of the bytes: the file as published, or the image in it. */
  checked(): 'download' | 'image' | undefined
}

/** Bytes as they are kept, packed or not. */
interface Packed {
  readonly name: string
  readonly sizeBytes: number | undefined
  readonly head: Buffer
  readonly tail: Buffer | undefined
  readonly sidecar: { readonly where: string; readonly text: string } | undefined
  open(signal: AbortSignal): AsyncIterable<Uint8Array>
}

const READ_BYTES = 1 << 20
const SIDECAR_MAX_BYTES = 1 << 20

/**
 * Looks at an image: a file or an http(s) address; as it is or packed with xz, zstd or gzip, told by its first bytes.
 *
 * The checksum is `sha256` or what FILE.sha256 beside it says; of the file as published or of the image in it, both are good.
 * For many cards, `keepAt` names a file in which a download is kept when it was read once; the caller removes it.
 * @throws DiskError when it is not there, is no image, or is cut short.
 */
export async function openImage(
  fileOrUrl: string,
  options: { readonly sha256?: string; readonly keepAt?: string } = {},
): Promise<ImageSource> {
  const given = options.sha256 === undefined ? undefined : { sha256: parseSha256(options.sha256, '--sha256'), from: '--sha256' }
  const packed = await (/^https?:\/\//i.test(fileOrUrl)
    ? remote(fileOrUrl, given === undefined, options.keepAt)
    : local(fileOrUrl, given === undefined))
  const { name, sidecar } = packed
  const format = formatOf(name, packed.head)
  const sizeBytes = sizeOfImage(format, name, packed.head, packed.tail, packed.sizeBytes)
  const expected = given ?? (sidecar && { sha256: sumInSidecar(sidecar.text, name, sidecar.where), from: sidecar.where })
  let matched: 'download' | 'image' | undefined

  return {
    name,
    compressedBytes: packed.sizeBytes,
    sizeBytes,
    expected,
    open: async (signal) => checkedBytes(signal),
    checked: () => matched,
  }

  async function* checkedBytes(signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const ofDownload = createHash('sha256')
    const ofImage = createHash('sha256')
    const isHashed = expected !== undefined
    let bytes = 0
    for await (const piece of unpacked(
      format,
      name,
      isHashed && format !== 'raw' ? hashed(packed.open(signal), ofDownload) : packed.open(signal),
    )) {
      signal.throwIfAborted()
      bytes += piece.length
      if (isHashed) ofImage.update(piece)
      yield piece
    }
    const isExact = format === 'raw' || format === 'xz'
    if (sizeBytes !== undefined && (isExact ? bytes !== sizeBytes : bytes < sizeBytes))
      throw new DiskError('corrupt', `${name}: gave ${bytes} bytes instead of ${sizeBytes}: is it cut short?`)
    if (!isHashed) return
    const sums = { download: ofDownload.digest('hex'), image: ofImage.digest('hex') }
    matched = sums.image === expected.sha256 ? 'image' : sums.download === expected.sha256 ? 'download' : undefined
    if (matched === undefined) {
      const found = format === 'raw' ? sums.image : `${sums.download} (the image in it: ${sums.image})`
      throw new DiskError('corrupt', `${name}: its SHA-256 is ${found}, but ${expected.from} says ${expected.sha256}: download it again`)
    }
  }
}

async function* hashed(packed: AsyncIterable<Uint8Array>, hash: { update(bytes: Uint8Array): unknown }): AsyncGenerator<Uint8Array> {
  for await (const bytes of packed) {
    hash.update(bytes)
    yield bytes
  }
}

async function local(path: string, wantsSidecar: boolean): Promise<Packed> {
  try {
    const handle = await open(path)
    try {
      const stat = await handle.stat()
      if (!stat.isFile()) throw new DiskError('layout', `${path}: is no file`)
      const at = async (position: number): Promise<Buffer> => {
        const buffer = Buffer.alloc(Math.min(LOOK_BYTES, stat.size))
        return buffer.subarray(0, (await handle.read(buffer, 0, buffer.length, position)).bytesRead)
      }
      const where = `${path}.sha256`
      const text = wantsSidecar ? await readFile(where, 'utf8').catch(ignoreMissing) : undefined
      return {
        name: basename(path),
        sizeBytes: stat.size,
        head: await at(0),
        tail: await at(Math.max(0, stat.size - LOOK_BYTES)),
        sidecar: text === undefined ? undefined : { where, text },
        open: (signal) => createReadStream(path, { highWaterMark: READ_BYTES, signal }),
      }
    } finally {
      await handle.close()
    }
  } catch (error) {
    throw diskError(path, 'reading', error)
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
}

async function remote(url: string, wantsSidecar: boolean, keepAt: string | undefined): Promise<Packed> {
  if (!URL.canParse(url)) throw new DiskError('path', `${url}: is no address`)
  const address = new URL(url)
  const name = basename(address.pathname) || address.host
  const file = await lookAt(url, LOOK_BYTES)
  address.pathname += '.sha256'
  const where = address.href
  const text = wantsSidecar ? await downloadText(where, SIDECAR_MAX_BYTES) : undefined
  return {
    name,
    sizeBytes: file.sizeBytes,
    head: file.head,
    tail: await tailOf(file, LOOK_BYTES),
    sidecar: text === undefined ? undefined : { where, text },
    open: keepAt === undefined ? (signal) => download(file, signal) : keptAt(keepAt, (signal) => download(file, signal)),
  }
}
