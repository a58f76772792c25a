import type { FileHandle } from 'node:fs/promises'
import type { RawStream } from './raw-stream.ts'

const CHUNK_BYTES = 64 * 1024

/**
 * Sends a part of a file, read as fast as the client takes it and no further: two chunks at most are in memory. A client that goes
 * away, or takes nothing for too long, ends it.
 */
export async function sendPart(file: FileHandle, start: number, end: number, stream: RawStream): Promise<void> {
  for (let position = start; position < end; ) {
    const length = Math.min(CHUNK_BYTES, end - position)
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafeSlow(length), 0, length, position)
    position += bytesRead
    // a file that was cut short meanwhile: the client gets fewer bytes than it was told
    if (bytesRead === 0 || !(await stream.write(buffer.subarray(0, bytesRead)))) return
  }
}
