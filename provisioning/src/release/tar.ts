/** A regular file of an archive. */
export interface TarFile {
  readonly path: string
  readonly isExecutable: boolean
  readonly sizeBytes: number
  /** May be read once, before the next file is asked for. */
  readonly content: AsyncIterable<Uint8Array>
}

/** An archive is cut off, damaged, or holds what we put into none. */
export class TarError extends Error {
  override readonly name = 'TarError'
}

const BLOCK = 512
/** Archives end with two blocks of zeros; tar fills up to 20 blocks. */
const RECORD = 20 * BLOCK

/** The bytes of an archive: the same files in the same order give the same bytes, whoever packs them and when. @param mtime Seconds. */
export async function* tarOf(files: Iterable<TarFile>, mtime: number): AsyncGenerator<Uint8Array> {
  let total = 0
  for (const file of files) {
    yield header(file, mtime)
    let size = 0
    for await (const chunk of file.content) {
      size += chunk.length
      yield chunk
    }
    if (size !== file.sizeBytes) throw new TarError(`${file.path} has ${size} bytes, not ${file.sizeBytes}: it changed while it was packed`)
    yield Buffer.alloc(padding(size))
    total += BLOCK + size + padding(size)
  }
  yield Buffer.alloc(2 * BLOCK + ((RECORD - ((total + 2 * BLOCK) % RECORD)) % RECORD))
}

const padding = (size: number): number => (BLOCK - (size % BLOCK)) % BLOCK

/** Source: POSIX.1-2017, pax, "ustar Interchange Format". */
function header({ path, isExecutable, sizeBytes }: TarFile, mtime: number): Buffer {
  const block = Buffer.alloc(BLOCK)
  const [prefix, name] = splitPath(path)
  const octal = (value: number, at: number, digits: number): void => void block.write(value.toString(8).padStart(digits, '0'), at)
  block.write(name, 0)
  octal(isExecutable ? 0o755 : 0o644, 100, 7)
  octal(0, 108, 7)
  octal(0, 116, 7)
  octal(sizeBytes, 124, 11)
  octal(mtime, 136, 11)
  block.write('0', 156)
  block.write('ustar\0' + '00', 257)
  block.write('root', 265)
  block.write('root', 297)
  octal(0, 329, 7)
  octal(0, 337, 7)
  block.write(prefix, 345)
  block.write(`${checksum(block).toString(8).padStart(6, '0')}\0 `, 148)
  return block
}

/** The sum of all bytes, with blanks where the sum stands. */
function checksum(block: Buffer): number {
  let sum = 8 * 0x20
  for (const [index, byte] of block.entries()) if (index < 148 || index >= 156) sum += byte
  return sum
}

const NAME_BYTES = 100
const PREFIX_BYTES = 155

function splitPath(path: string): readonly [prefix: string, name: string] {
  if (Buffer.byteLength(path) <= NAME_BYTES) return ['', path]
  for (let slash = path.indexOf('/'); slash > 0; slash = path.indexOf('/', slash + 1)) {
    const [prefix, name] = [path.slice(0, slash), path.slice(slash + 1)]
    if (Buffer.byteLength(prefix) <= PREFIX_BYTES && Buffer.byteLength(name) <= NAME_BYTES) return [prefix, name]
  }
  throw new TarError(`${path}: the path is too long for an archive`)
}

/**
 * The files of an archive, one after the other; folders are passed over.
 *
 * @throws TarError when it ends early, a checksum is wrong, or there is anything but plain files inside the archive's own tree.
 */
export async function* tarFiles(archive: AsyncIterable<Uint8Array>): AsyncGenerator<TarFile> {
  const bytes = new ByteReader(archive)
  for (;;) {
    const block = await bytes.exactly(BLOCK)
    if (block.every((byte) => byte === 0)) return bytes.drain()
    const { path, type, isExecutable, sizeBytes } = readHeader(block)
    if (type === '5') continue
    if (type !== '0') throw new TarError(`${path} is no plain file (type "${type}")`)
    let isRead = false
    const content = (async function* (): AsyncGenerator<Uint8Array> {
      isRead = true
      yield* bytes.upTo(sizeBytes)
    })()
    yield { path, isExecutable, sizeBytes, content }
    if (!isRead) for await (const _ of bytes.upTo(sizeBytes));
    await bytes.exactly(padding(sizeBytes))
  }
}

function readHeader(block: Buffer): Omit<TarFile, 'content'> & { readonly type: string } {
  const text = (at: number, length: number): string => block.toString('utf8', at, at + length).replace(/\0.*$/s, '')
  const octal = (at: number, length: number): number => Number.parseInt(text(at, length).trim(), 8)
  if (octal(148, 8) !== checksum(block)) throw new TarError('it is no tar archive, or damaged')
  const prefix = text(345, PREFIX_BYTES)
  const path = prefix === '' ? text(0, NAME_BYTES) : `${prefix}/${text(0, NAME_BYTES)}`
  if (path.startsWith('/') || path.split('/').includes('..')) throw new TarError(`"${path}" would be unpacked elsewhere`)
  const sizeBytes = octal(124, 12)
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0) throw new TarError(`${path}: its size is damaged`)
  return { path, type: text(156, 1) || '0', isExecutable: (octal(100, 8) & 0o100) !== 0, sizeBytes }
}

/** Bytes of a stream in the portions that are asked for. */
class ByteReader {
  readonly #source: AsyncIterator<Uint8Array>
  #rest: Buffer = Buffer.alloc(0)

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]()
  }

  async exactly(count: number): Promise<Buffer> {
    const chunks: Uint8Array[] = []
    for await (const chunk of this.upTo(count)) chunks.push(chunk)
    return Buffer.concat(chunks)
  }

  async *upTo(count: number): AsyncGenerator<Uint8Array> {
    for (let left = count; left > 0; ) {
      if (this.#rest.length === 0) await this.#fill()
      const part = this.#rest.subarray(0, left)
      this.#rest = this.#rest.subarray(part.length)
      left -= part.length
      yield part
    }
  }

  /** To the end, so that whoever gives the bytes sees all of them. */
  async drain(): Promise<void> {
    while (!(await this.#source.next()).done);
  }

  async #fill(): Promise<void> {
    const { done, value } = await this.#source.next()
    if (done === true) throw new TarError('it is cut off')
    this.#rest = Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  }
}
