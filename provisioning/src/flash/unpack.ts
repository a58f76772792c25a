import { Readable, type Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { ReadableStream } from 'node:stream/web'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import xz from 'xz-decompress'
import { DiskError } from '../disk/disk-error.ts'
import type { ImageFormat } from './image-format.ts'
import { type FramePart, zstdFrames } from './zstd-frames.ts'

const CHUNK_BYTES = 1 << 20

/** The bytes of an image out of its packing. @throws DiskError 'corrupt' when they do not fit together or end too early. */
export async function* unpacked(format: ImageFormat, name: string, packed: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* unpackers[format](name, packed)
  } catch (error) {
    throw isOfPacking(error)
      ? new DiskError('corrupt', `${name}: is damaged: ${saidOf(error)}; download it again`, { cause: error })
      : error
  }
}

const unpackers: Readonly<Record<ImageFormat, (name: string, packed: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>>> = {
  raw: (_, packed) => packed,
  gz: (_, packed) => through(packed, createGunzip({ chunkSize: CHUNK_BYTES })),
  zst: (name, packed) => unzstd(zstdFrames(name, packed)),
  xz: (_, packed) => unxz(packed),
}

/** One decoder per frame: see {@link zstdFrames}. */
async function* unzstd(parts: AsyncGenerator<FramePart>): AsyncGenerator<Uint8Array> {
  for (let next = await parts.next(); !next.done; next = await parts.next()) {
    const first = next.value
    const frame = async function* (): AsyncGenerator<Uint8Array> {
      for (let part = first; ; part = (await parts.next()).value as FramePart) {
        yield part.bytes
        if (part.isLast) return
      }
    }
    yield* through(frame(), createZstdDecompress({ chunkSize: CHUNK_BYTES }))
  }
}

async function* through(packed: AsyncIterable<Uint8Array>, decoder: Transform): AsyncGenerator<Uint8Array> {
  const done = pipeline(Readable.from(packed, { objectMode: false, highWaterMark: CHUNK_BYTES }), decoder)
  done.catch(() => {}) // the decoder hears of it too
  try {
    for await (const bytes of decoder) yield bytes as Uint8Array
  } finally {
    decoder.destroy()
  }
  await done
}

async function* unxz(packed: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const source = ReadableStream.from(packed)
  yield* new xz.XzReadableStream(
    source as unknown as ConstructorParameters<typeof xz.XzReadableStream>[0],
  ) as unknown as AsyncIterable<Uint8Array>
}

/** Errors of zlib have codes of their own; those of the xz decoder have none. All others come from where the packed bytes came from. */
function isOfPacking(error: unknown): boolean {
  if (error instanceof DiskError || !(error instanceof Error) || error.name === 'AbortError') return false
  const { code } = error as NodeJS.ErrnoException
  return code === undefined ? /get_next_output|xz|lzma|wasm|memory/i.test(error.message) : /^Z_|^ZSTD_/.test(code)
}

/** The xz decoder tells only numbers. Source: xz_ret of XZ Embedded. */
function saidOf(error: unknown): string {
  const { message } = error as Error
  const number = /error code (\d+)/.exec(message)?.[1]
  const known: Readonly<Record<string, string>> = {
    2: 'its checksum is of a kind that is not known here (xz --check=crc64 is)',
    3: 'it needs more memory than there is',
    4: 'it needs more memory than there is',
    5: 'it goes on with something that is not xz',
    6: 'it was packed with options, or a checksum, that are not known here (xz --check=crc64 is)',
    7: 'its data contradict themselves',
    8: 'it ends too early',
  }
  return known[number ?? ''] ?? message
}
