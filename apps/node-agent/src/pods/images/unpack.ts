import { createReadStream, createWriteStream } from 'node:fs'
import { open } from 'node:fs/promises'
import type { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createZstdDecompress } from 'node:zlib'

/**
 * The path of an archive that is not compressed: its own, or that of a draft with what was in it. Runtimes differ in what they unpack
 * themselves.
 *
 * @throws Error when it is damaged.
 * @see Source: RFC 1952 and RFC 8878, magic numbers.
 */
export async function unpacked(path: string, draftPath: string, signal: AbortSignal): Promise<string> {
  const decompress = await decompressorOf(path)
  if (!decompress) return path
  await pipeline(createReadStream(path), decompress, createWriteStream(draftPath, { mode: 0o600 }), { signal })
  return draftPath
}

async function decompressorOf(path: string): Promise<Transform | undefined> {
  const file = await open(path)
  try {
    const { buffer } = await file.read(Buffer.alloc(4), 0, 4, 0)
    if (buffer.readUInt16BE(0) === 0x1f8b) return createGunzip()
    return buffer.readUInt32LE(0) === 0xfd2fb528 ? createZstdDecompress() : undefined
  } finally {
    await file.close()
  }
}
