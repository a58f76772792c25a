import { createReadStream } from 'node:fs'
import { type FileHandle, open, rename, rm } from 'node:fs/promises'

type Open = (signal: AbortSignal) => AsyncIterable<Uint8Array>

const READ_BYTES = 1 << 20

/**
 * The same bytes as `download` gives, and a copy of them at `path` that later reads take, once one went to the end.
 * A disk without room for the copy only costs another download.
 */
export function keptAt(path: string, download: Open): Open {
  let isWhole = false
  let reads = 0
  return (signal) => (isWhole ? createReadStream(path, { highWaterMark: READ_BYTES, signal }) : copied(signal))

  async function* copied(signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const part = `${path}.${++reads}` // one that was left may still be on its way out
    let copy: FileHandle | undefined = await open(part, 'w', 0o600).catch(() => undefined)
    try {
      for await (const bytes of download(signal)) {
        if (copy && !(await isWritten(copy, bytes))) copy = await copy.close().then(() => undefined)
        yield bytes
      }
      if (copy) await rename(part, path)
      isWhole ||= copy !== undefined
    } finally {
      await copy?.close()
      await rm(part, { force: true })
    }
  }
}

const isWritten = (copy: FileHandle, bytes: Uint8Array): Promise<boolean> =>
  copy.writeFile(bytes).then(
    () => true,
    () => false,
  )
