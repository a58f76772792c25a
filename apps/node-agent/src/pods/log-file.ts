import { type FileHandle, open, stat } from 'node:fs/promises'
import { isMissing } from '../host/files.ts'
import { LogFormat, NEWLINE } from './log-format.ts'

export interface LogOptions {
  readonly timestamps: boolean
  /** At most so many of the last lines that are there now. */
  readonly tailLines?: number
  /** Nothing older; epoch milliseconds. */
  readonly sinceTimeMs?: number
  /** Ends after so many bytes. */
  readonly limitBytes?: number
  /** Only what was printed there. */
  readonly stream?: 'stdout' | 'stderr'
}

/** What a follower must know about the writer. */
export interface LogWriter {
  /** Nothing will be written any more. */
  readonly ended: () => boolean
  /** Resolves when there may be more to read, or it may have ended. */
  readonly change: (signal: AbortSignal) => Promise<void>
}

const BLOCK_BYTES = 64 * 1024

/**
 * What a container printed, from a file in CRI log format. A missing file is an empty one. Long lines are handed on in pieces, as they
 * are read.
 *
 * @param follow Reads on until the writer has ended or `signal` aborts; a file that was rotated away is read to its end, then the new one
 * from its beginning. Absent: what is there when it is opened, and no more.
 * @see Source: Kubernetes "CRI: log format", tags P (partial line) and F (full line).
 */
export async function* readLogFile(path: string, options: LogOptions, signal: AbortSignal, follow?: LogWriter): AsyncGenerator<Uint8Array> {
  const format = new LogFormat(options)
  const done = new AbortController()
  let log: OpenLog | undefined
  let tailLines = options.tailLines
  try {
    while (!signal.aborted) {
      const ended = follow?.ended() ?? true
      const changed = follow?.change(AbortSignal.any([signal, done.signal])) // asked before reading, so that no change is missed
      log ??= await OpenLog.open(path, tailLines)
      tailLines = undefined
      if (log && !follow) log.untilBytes = await log.size()
      for (let isLast = false; log && !isLast; ) {
        isLast = !follow || !(await log.isReplaced(path)) // asked before reading: then nothing is written to it any more
        for (let block = await log.next(); block.length > 0 && !signal.aborted; block = await log.next()) {
          const text = format.add(block)
          if (text.length > 0) yield text
          if (format.full) return
        }
        if (signal.aborted || isLast) break
        await log.close()
        log = await OpenLog.open(path)
      }
      if (ended) return
      await changed
    }
  } finally {
    done.abort()
    await log?.close()
  }
}

/** The last lines of a log, without times; '' when there is none. */
export async function lastLines(path: string, lines: number): Promise<string> {
  const blocks: Uint8Array[] = []
  for await (const block of readLogFile(path, { timestamps: false, tailLines: lines }, new AbortController().signal)) blocks.push(block)
  return Buffer.concat(blocks).toString('utf8')
}

/** A log file that is read, whatever happens to its name. */
class OpenLog {
  /** Where reading ends. */
  untilBytes = Infinity
  readonly #file: FileHandle
  #position: number

  private constructor(file: FileHandle, position: number) {
    this.#file = file
    this.#position = position
  }

  /** At its beginning, or where the last `lines` lines begin; undefined when there is none. */
  static async open(path: string, lines?: number): Promise<OpenLog | undefined> {
    const file = await open(path, 'r').catch(missing)
    return file && new OpenLog(file, await tailStart(file, lines))
  }

  size = async (): Promise<number> => (await this.#file.stat()).size

  /** Another file has its name now, or it was made shorter than what was read. */
  async isReplaced(path: string): Promise<boolean> {
    const [now, own] = [await stat(path).catch(missing), await this.#file.stat()]
    return own.size < this.#position || (now !== undefined && now.ino !== own.ino)
  }

  /** Empty at the end. */
  async next(): Promise<Buffer> {
    const length = Math.min(BLOCK_BYTES, this.untilBytes - this.#position)
    if (length <= 0) return Buffer.alloc(0)
    const { buffer, bytesRead } = await this.#file.read(Buffer.alloc(length), 0, length, this.#position)
    this.#position += bytesRead
    return buffer.subarray(0, bytesRead)
  }

  close = (): Promise<void> => this.#file.close()
}

function missing(error: unknown): undefined {
  if (!isMissing(error)) throw error
}

/** Where the last `lines` lines begin. */
async function tailStart(file: FileHandle, lines: number | undefined): Promise<number> {
  if (lines === undefined) return 0
  const { size } = await file.stat()
  if (lines === 0) return size
  let missing = lines // newlines that end lines before the first wanted one; the last byte ends the last line
  for (let end = Math.max(0, size - 1); end > 0; ) {
    const start = Math.max(0, end - BLOCK_BYTES)
    const { buffer } = await file.read(Buffer.alloc(end - start), 0, end - start, start)
    for (let index = buffer.length - 1; index >= 0; index--) if (buffer[index] === NEWLINE && --missing === 0) return start + index + 1
    end = start
  }
  return 0
}
