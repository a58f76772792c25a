import { type FileHandle, open } from 'node:fs/promises'
import { isMissing } from '../host/files.ts'

export interface LogOptions {
  readonly timestamps: boolean
  /** At most so many of the last lines that are there now. */
  readonly tailLines?: number
  /** Nothing older; epoch milliseconds. */
  readonly sinceTimeMs?: number
  /** Ends after so many bytes. */
  readonly limitBytes?: number
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
 * What a container printed, from a file in CRI log format. A missing file is an empty one; a file that is replaced or truncated
 * meanwhile is read on from its new start.
 *
 * @param follow Reads on until the writer has ended or `signal` aborts; absent: to the end of what is there.
 * @see Source: Kubernetes "CRI: log format", tags P (partial line) and F (full line).
 */
export async function* readLogFile(path: string, options: LogOptions, signal: AbortSignal, follow?: LogWriter): AsyncGenerator<Uint8Array> {
  const format = new LogFormat(options)
  const done = new AbortController()
  let file: FileHandle | undefined
  let position = 0
  try {
    while (!signal.aborted) {
      const ended = follow?.ended() ?? true
      const changed = follow?.change(AbortSignal.any([signal, done.signal])) // asked before reading, so that no change is missed
      const next = await openIfReplaced(path, file, position)
      if (next !== file) {
        await file?.close()
        position = file === undefined && next ? await tailStart(next, options.tailLines) : 0
        file = next
      }
      for (;;) {
        const block = file && (await file.read(Buffer.alloc(BLOCK_BYTES), 0, BLOCK_BYTES, position))
        if (!block || block.bytesRead === 0 || signal.aborted) break
        position += block.bytesRead
        const text = format.add(block.buffer.subarray(0, block.bytesRead))
        if (text.length > 0) yield text
        if (format.full) return
      }
      if (ended) return
      await changed
    }
  } finally {
    done.abort()
    await file?.close()
  }
}

/** The last lines of a log, without times; '' when there is none. */
export async function lastLines(path: string, lines: number): Promise<string> {
  const blocks: Uint8Array[] = []
  for await (const block of readLogFile(path, { timestamps: false, tailLines: lines }, new AbortController().signal)) blocks.push(block)
  return Buffer.concat(blocks).toString('utf8')
}

/** The same handle as long as it is the file of that name and has not become shorter than what was read. */
async function openIfReplaced(path: string, file: FileHandle | undefined, position: number): Promise<FileHandle | undefined> {
  let next: FileHandle
  try {
    next = await open(path, 'r')
  } catch (error) {
    if (isMissing(error)) return file
    throw error
  }
  if (!file) return next
  const [now, before] = [await next.stat(), await file.stat()]
  if (now.ino !== before.ino || now.size < position) return next
  await next.close()
  return file
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

const NEWLINE = 10
/** A longer line is no CRI line any more. */
const LINE_BYTES_MAX = 1 << 20

/** Turns CRI lines into what the container printed. */
class LogFormat {
  full = false
  readonly #options: LogOptions
  readonly #sinceTime: string | undefined
  #rest = Buffer.alloc(0)
  #leftBytes: number
  #isLineStart = true

  constructor(options: LogOptions) {
    this.#options = options
    this.#leftBytes = options.limitBytes ?? Infinity
    this.#sinceTime = options.sinceTimeMs === undefined ? undefined : new Date(options.sinceTimeMs).toISOString()
  }

  add(block: Buffer): Buffer {
    const data = this.#rest.length === 0 ? block : Buffer.concat([this.#rest, block])
    const parts: Buffer[] = []
    let start = 0
    for (let end = data.indexOf(NEWLINE, start); end >= 0; end = data.indexOf(NEWLINE, start)) {
      this.#line(data.subarray(start, end), parts)
      start = end + 1
    }
    this.#rest = data.length - start > LINE_BYTES_MAX ? Buffer.alloc(0) : Buffer.from(data.subarray(start))
    const text = Buffer.concat(parts)
    const kept = text.subarray(0, this.#leftBytes)
    this.#leftBytes -= kept.length
    this.full = this.#leftBytes <= 0
    return kept
  }

  /** `2026-01-02T03:04:05.678901234+00:00 stdout F text` */
  #line(line: Buffer, parts: Buffer[]): void {
    const timeEnd = line.indexOf(' ')
    const streamEnd = line.indexOf(' ', timeEnd + 1)
    const tagEnd = line.indexOf(' ', streamEnd + 1)
    if (timeEnd < 0 || streamEnd < 0) return // half a line, from a power cut
    const time = line.toString('latin1', 0, timeEnd)
    if (this.#sinceTime !== undefined && isBefore(time, this.#sinceTime)) return
    const tag = line.toString('latin1', streamEnd + 1, tagEnd < 0 ? line.length : tagEnd)
    if (this.#options.timestamps && this.#isLineStart) parts.push(Buffer.from(`${time} `))
    if (tagEnd >= 0) parts.push(line.subarray(tagEnd + 1))
    this.#isLineStart = !tag.startsWith('P')
    if (this.#isLineStart) parts.push(LINE_END)
  }
}

const LINE_END = Buffer.from('\n')

const isBefore = (time: string, since: string): boolean => {
  const ms = Date.parse(time)
  return !Number.isNaN(ms) && ms < Date.parse(since)
}
