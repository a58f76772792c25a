import { closeSync, openSync, readSync } from 'node:fs'

const BYTES_MAX = 64 << 10
const buffer = Buffer.allocUnsafe(BYTES_MAX)

/**
 * Text of a file of the kernel's, of its first 64 KiB; '' when there is none, or it cannot be read. Synchronous: such files wait for no
 * disk, and a look at a hundred pods would cost a second of processor time through the thread pool. Not for files on a disk.
 */
export function readNow(path: string): string {
  let file: number | undefined
  try {
    file = openSync(path, 'r')
    let length = 0
    for (let read = -1; read !== 0 && length < BYTES_MAX; length += read) read = readSync(file, buffer, length, BYTES_MAX - length, null)
    return buffer.toString('utf8', 0, length)
  } catch {
    return ''
  } finally {
    if (file !== undefined) closeSync(file)
  }
}
