import { constants, createInflate, type Inflate } from 'node:zlib'
import { HEADER_DICTIONARY } from './dictionary.ts'
import { SpdyError } from './spdy-error.ts'

/** Lower-case names; several values of one name are parted by NUL. */
export type SpdyHeaders = ReadonlyMap<string, string>

const BLOCK_BYTES_MAX = 64 * 1024
const HEADERS_MAX = 100
const TOO_LARGE = `headers of more than ${BLOCK_BYTES_MAX} bytes`

/**
 * Writes name/value blocks of one direction of a session. They are stored in the zlib stream as they are: every inflater takes that, and
 * a session then costs no compressor. Source: SPDY/3.1, "Compression"; RFC 1950; RFC 1951 3.2.4.
 */
export class HeaderWriter {
  #begun = false

  /** @throws SpdyError when they do not fit a block. */
  write(headers: SpdyHeaders): Buffer {
    const pairs = Buffer.concat([uint32(headers.size), ...[...headers].flatMap(([name, value]) => [text(name.toLowerCase()), text(value)])])
    if (pairs.length > 0xffff) throw new SpdyError(`headers of ${pairs.length} bytes, at most ${0xffff}`)
    const head = this.#begun ? [] : [ZLIB_HEAD]
    this.#begun = true
    return Buffer.concat([...head, storedHead(pairs.length), pairs, storedHead(0)])
  }
}

/** Deflate, 32 KiB window, and the checksum of the dictionary. */
const ZLIB_HEAD = Buffer.from([0x78, 0xbb, 0xe3, 0xc6, 0xa7, 0xc2])

/** An empty one at the end makes inflaters hand out what they hold back. */
function storedHead(length: number): Buffer {
  const head = Buffer.alloc(5)
  head.writeUInt16LE(length, 1)
  head.writeUInt16LE(~length & 0xffff, 3)
  return head
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value)
  return Buffer.concat([uint32(bytes.length), bytes])
}

/** Reads name/value blocks of one direction of a session, in the order in which they came. */
export class HeaderReader {
  #inflate: Inflate | undefined
  #chunks: Buffer[] = []
  #bytes = 0

  /** @throws SpdyError when the block is malformed or larger than this side takes; the reader is of no more use then. */
  async read(block: Buffer): Promise<SpdyHeaders> {
    this.#inflate ??= this.#open()
    const inflate = this.#inflate
    this.#chunks = []
    this.#bytes = 0
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    inflate.once('error', reject)
    inflate.once('close', () => reject(new SpdyError('headers end')))
    inflate.write(block, (error) => (error ? reject(error) : resolve()))
    try {
      await promise
    } catch (error) {
      if (error instanceof SpdyError) throw error
      throw new SpdyError(`headers cannot be inflated: ${error instanceof Error ? error.message : error}`, { cause: error })
    } finally {
      inflate.removeAllListeners('close')
      inflate.removeListener('error', reject)
    }
    if (this.#bytes > BLOCK_BYTES_MAX) throw new SpdyError(TOO_LARGE)
    return parsePairs(Buffer.concat(this.#chunks))
  }

  close(): void {
    this.#inflate?.destroy()
  }

  #open(): Inflate {
    const inflate = createInflate({ dictionary: HEADER_DICTIONARY, flush: constants.Z_SYNC_FLUSH })
    inflate.on('error', () => {}) // the read that is under way rejects
    inflate.on('data', (chunk: Buffer) => {
      this.#bytes += chunk.length
      if (this.#bytes > BLOCK_BYTES_MAX) inflate.destroy(new SpdyError(TOO_LARGE))
      else this.#chunks.push(chunk)
    })
    return inflate
  }
}

function parsePairs(bytes: Buffer): SpdyHeaders {
  let at = 0
  const number = (): number => {
    if (at + 4 > bytes.length) throw new SpdyError('headers end too early')
    at += 4
    return bytes.readUInt32BE(at - 4)
  }
  const word = (): string => {
    const length = number()
    if (at + length > bytes.length) throw new SpdyError('headers end too early')
    at += length
    return bytes.toString('utf8', at - length, at)
  }
  const count = number()
  if (count > HEADERS_MAX) throw new SpdyError(`${count} headers, at most ${HEADERS_MAX}`)
  const headers = new Map<string, string>()
  for (let index = 0; index < count; index++) {
    const name = word().toLowerCase()
    if (name === '') throw new SpdyError('a header without a name')
    if (headers.has(name)) throw new SpdyError('a header is there twice')
    headers.set(name, word())
  }
  if (at !== bytes.length) throw new SpdyError('headers are followed by more')
  return headers
}
