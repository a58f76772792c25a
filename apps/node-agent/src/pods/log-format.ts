import type { LogOptions } from './log-file.ts'

export const NEWLINE = 10
const SPACE = 32
/** Time, stream and tags are shorter; more without a space is no CRI line. */
const HEAD_BYTES_MAX = 256

/** Turns CRI lines into what the container printed, holding no more of a line than its head. */
export class LogFormat {
  /** As many bytes were given as were asked for. */
  full = false
  readonly #options: LogOptions
  /** Of a line whose head has not come whole. */
  #head = Buffer.alloc(0)
  #within: 'head' | 'text' | 'nothing' = 'head'
  /** The end of what is read now ends a line of the container. */
  #isWhole = true
  #isLineStart = true
  #leftBytes: number

  constructor(options: LogOptions) {
    this.#options = options
    this.#leftBytes = options.limitBytes ?? Infinity
  }

  /** @returns what the block says. */
  add(block: Buffer): Buffer {
    const parts: Buffer[] = []
    for (let rest = block; rest.length > 0; ) rest = this.#within === 'head' ? this.#takeHead(rest, parts) : this.#takeText(rest, parts)
    const text = Buffer.concat(parts)
    const kept = text.subarray(0, this.#leftBytes)
    this.#leftBytes -= kept.length
    this.full = this.#leftBytes <= 0
    return kept
  }

  /** `2026-01-02T03:04:05.678901234+00:00 stdout F `. @returns what follows. */
  #takeHead(block: Buffer, parts: Buffer[]): Buffer {
    const data = this.#head.length === 0 ? withoutZeros(block) : Buffer.concat([this.#head, block])
    const start = data.subarray(0, HEAD_BYTES_MAX)
    const lineEnd = start.indexOf(NEWLINE)
    const spaces = [start.indexOf(SPACE)]
    for (const after of [0, 1]) spaces.push(spaces[after]! < 0 ? -1 : start.indexOf(SPACE, spaces[after]! + 1))
    const [timeEnd, streamEnd, tagEnd] = spaces as [number, number, number]
    const isWhole = tagEnd >= 0 && (lineEnd < 0 || tagEnd < lineEnd)
    this.#head = Buffer.alloc(0)
    if (!isWhole && lineEnd < 0 && data.length < HEAD_BYTES_MAX) this.#head = Buffer.from(data)
    if (this.#head.length > 0 || data.length === 0) return Buffer.alloc(0)
    const end = isWhole ? tagEnd : lineEnd
    const isLine = end >= 0 && streamEnd >= 0 && streamEnd < end // else half a line, from a power cut
    this.#within = 'nothing'
    if (isLine) this.#startText(data.toString('latin1', 0, end), timeEnd, streamEnd, parts)
    return data.subarray(isWhole ? end + 1 : Math.max(0, end))
  }

  #startText(head: string, timeEnd: number, streamEnd: number, parts: Buffer[]): void {
    const { sinceTimeMs, stream, timestamps } = this.#options
    const time = head.slice(0, timeEnd)
    if (sinceTimeMs !== undefined && Date.parse(time) < sinceTimeMs) return
    if (stream !== undefined && head.slice(timeEnd + 1, streamEnd) !== stream) return
    this.#within = 'text'
    this.#isWhole = !head.startsWith('P', streamEnd + 1)
    if (timestamps && this.#isLineStart) parts.push(Buffer.from(`${shownTime(time)} `))
    this.#isLineStart = this.#isWhole
  }

  /** To the end of the line, or of the block. @returns what follows. */
  #takeText(block: Buffer, parts: Buffer[]): Buffer {
    const end = block.indexOf(NEWLINE)
    const isText = this.#within === 'text'
    if (isText) parts.push(end < 0 ? block : block.subarray(0, end))
    if (end < 0) return Buffer.alloc(0)
    if (isText && this.#isWhole) parts.push(LINE_END)
    this.#within = 'head'
    return block.subarray(end + 1)
  }
}

/** Nine digits of a second, and Z for UTC. Source: kubelet, `timeFormatOut`. */
const shownTime = (time: string): string =>
  time.replace(/(\.\d+)?(Z|[+-]\d\d:\d\d)$/, (_all, part: string | undefined, zone: string) => {
    const digits = (part ?? '.').padEnd(10, '0')
    return digits + (zone === '+00:00' ? 'Z' : zone)
  })

const LINE_END = Buffer.from('\n')

/** A power cut leaves zeros where the disk had not come to write; later lines follow them. */
function withoutZeros(block: Buffer): Buffer {
  let start = 0
  while (start < block.length && block[start] === 0) start++
  return block.subarray(start)
}
