import type { Progress } from '@bramble/provisioning/flash/write-image'

const WORDS = { write: 'writing', verify: 'checking' } as const
const PLAIN_EVERY = 10 // per cent
const PLAIN_EVERY_BYTES = 512 << 20
const DRAW_EVERY_MS = 200

/** One line of text: bytes, share, rate and what is left of the time. @param elapsedMs Since the phase began. */
export function progressLine({ phase, bytes, totalBytes }: Progress, elapsedMs: number): string {
  const rate = elapsedMs > 0 ? (bytes / elapsedMs) * 1000 : 0
  const parts = [WORDS[phase], totalBytes === undefined ? humanBytes(bytes) : `${humanBytes(bytes)} of ${humanBytes(totalBytes)}`]
  if (totalBytes !== undefined && totalBytes > 0) parts.push(`${Math.min(100, Math.floor((bytes / totalBytes) * 100))} %`)
  if (rate > 0) parts.push(`${humanBytes(rate)}/s`)
  if (totalBytes !== undefined && rate > 0 && bytes < totalBytes) parts.push(`${humanSeconds((totalBytes - bytes) / rate)} left`)
  return parts.join('  ')
}

/** Decimal units, as they stand on cards. */
export function humanBytes(bytes: number): string {
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(0)} kB`
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(0)} MB` : `${(bytes / 1e9).toFixed(2)} GB`
}

export function humanSeconds(seconds: number): string {
  const whole = Math.ceil(seconds)
  if (whole < 60) return `${whole} s`
  return whole < 3600
    ? `${Math.floor(whole / 60)} min ${whole % 60} s`
    : `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`
}

/** A line that is drawn over itself on a terminal, and a line now and then elsewhere. */
export class ProgressView {
  readonly #out: { readonly isTTY?: boolean; readonly columns?: number; write(text: string): unknown }
  readonly #nowMs: () => number
  #phase: Progress['phase'] | undefined
  #startedMs = 0
  #drawnMs = 0
  #step = -1
  #last: Progress | undefined

  constructor(out: { readonly isTTY?: boolean; readonly columns?: number; write(text: string): unknown }, nowMs: () => number) {
    this.#out = out
    this.#nowMs = nowMs
  }

  show(at: Progress): void {
    const nowMs = this.#nowMs()
    if (at.phase !== this.#phase) {
      this.end()
      this.#phase = at.phase
      this.#startedMs = nowMs
      this.#drawnMs = 0
      this.#step = -1
    }
    this.#last = at
    if (this.#out.isTTY) {
      if (nowMs - this.#drawnMs >= DRAW_EVERY_MS) this.#draw(nowMs)
      return
    }
    const step = at.totalBytes ? Math.floor(((at.bytes / at.totalBytes) * 100) / PLAIN_EVERY) : Math.floor(at.bytes / PLAIN_EVERY_BYTES)
    if (step > this.#step) this.#out.write(`${progressLine(at, nowMs - this.#startedMs)}\n`)
    this.#step = Math.max(step, this.#step)
  }

  /** Leaves the last line standing; what is written next begins a line of its own. */
  end(): void {
    if (!this.#last) return
    if (this.#out.isTTY) {
      this.#draw(this.#nowMs())
      this.#out.write('\n')
    }
    this.#last = undefined
    this.#phase = undefined
  }

  #draw(nowMs: number): void {
    this.#drawnMs = nowMs
    const text = progressLine(this.#last!, nowMs - this.#startedMs)
    this.#out.write(`\r${text.slice(0, (this.#out.columns ?? 80) - 1)}\x1b[K`)
  }
}
