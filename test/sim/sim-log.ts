import type { Clock, Log, LogFields } from '../../packages/reconcile/src/env.ts'

const LINES_MAX = 400

/** Keeps the newest lines of all programs, to be read when a run goes wrong. */
export class SimLog implements Log {
  readonly lines: string[]
  readonly #clock: Clock
  readonly #fields: LogFields

  constructor(clock: Clock, fields: LogFields = {}, lines: string[] = []) {
    this.#clock = clock
    this.#fields = fields
    this.lines = lines
  }

  debug(): void {}

  info(message: string, fields?: LogFields): void {
    this.#keep('info', message, fields)
  }

  warn(message: string, fields?: LogFields): void {
    this.#keep('WARN', message, fields)
  }

  error(message: string, fields?: LogFields): void {
    this.#keep('ERROR', message, fields)
  }

  child(fields: LogFields): Log {
    return new SimLog(this.#clock, { ...this.#fields, ...fields }, this.lines)
  }

  #keep(level: string, message: string, fields: LogFields = {}): void {
    const { program = 'sim', ...rest } = { ...this.#fields, ...fields }
    const details = Object.entries(rest).map(([name, value]) => `${name}=${value instanceof Error ? value.message : JSON.stringify(value)}`)
    this.lines.push(
      `${(this.#clock.monotonicMs() / 1000).toFixed(3).padStart(10)} ${String(program)} ${level} ${message} ${details.join(' ')}`.trimEnd(),
    )
    if (this.lines.length > LINES_MAX) this.lines.splice(0, this.lines.length - LINES_MAX)
  }
}
