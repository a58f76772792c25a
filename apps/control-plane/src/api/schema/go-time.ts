import { TypeMismatch } from './go-types.ts'

/** Layouts as Go names them. */
const RFC3339 = '2006-01-02T15:04:05Z07:00'
const RFC3339_MICRO = '2006-01-02T15:04:05.000000Z07:00'
const DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

/**
 * A time as Kubernetes stores it: UTC, to the second, or with six digits after it (`isMicro`). Undefined for the zero time, which is none.
 *
 * @throws TypeMismatch in the words of Go's time.Parse.
 * @see Source: RFC 3339; apimachinery meta/v1 time.go and micro_time.go.
 */
export function canonicalTime(text: string, isMicro: boolean): string | undefined {
  const { year, month, day, hour, minute, second, micros, offsetMinutes } = new TimeReader(text, isMicro).read()
  const at = new Date(0)
  at.setUTCFullYear(year, month - 1, day)
  at.setUTCHours(hour, minute - offsetMinutes, second)
  const shown = (value: number, width = 2): string => String(value).padStart(width, '0')
  const date = `${shown(at.getUTCFullYear(), 4)}-${shown(at.getUTCMonth() + 1)}-${shown(at.getUTCDate())}`
  const time = `${shown(at.getUTCHours())}:${shown(at.getUTCMinutes())}:${shown(at.getUTCSeconds())}`
  if (date === '0001-01-01' && time === '00:00:00' && Number(micros) === 0) return undefined
  return `${date}T${time}${isMicro ? `.${micros}` : ''}Z`
}

interface Parts {
  readonly year: number
  readonly month: number
  readonly day: number
  readonly hour: number
  readonly minute: number
  readonly second: number
  /** Six digits. */
  readonly micros: string
  readonly offsetMinutes: number
}

class TimeReader {
  readonly #text: string
  readonly #isMicro: boolean
  #rest: string

  constructor(text: string, isMicro: boolean) {
    this.#text = text
    this.#isMicro = isMicro
    this.#rest = text
  }

  read(): Parts {
    const year = this.#digits('2006', 4)
    const month = this.#digits('-01', 2, 'month', 1, 12)
    const day = this.#digits('-02', 2)
    const hour = this.#digits('T15', 2, 'hour', 0, 23)
    const minute = this.#digits(':04', 2, 'minute', 0, 59)
    const second = this.#digits(':05', 2, 'second', 0, 59)
    const micros = this.#fraction()
    const offsetMinutes = this.#offset()
    if (this.#rest !== '') throw this.#wrong(`: extra text: ${quoted(this.#rest)}`)
    const isLeap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0
    if (day < 1 || day > DAYS[month - 1]! + Number(month === 2 && isLeap)) throw this.#wrong(': day out of range')
    return { year, month, day, hour, minute, second, micros, offsetMinutes }
  }

  /** @param element Its last characters are how Go names the number, what is before is a separator. */
  #digits(element: string, width: number, what = '', least = 0, most = Number.POSITIVE_INFINITY): number {
    const separator = element.slice(0, -width)
    if (!this.#rest.startsWith(separator)) throw this.#cannot(separator)
    this.#rest = this.#rest.slice(separator.length)
    const digits = this.#rest.slice(0, width)
    if (digits.length < width || !/^\d+$/.test(digits)) throw this.#cannot(element.slice(-width))
    this.#rest = this.#rest.slice(width)
    const value = Number(digits)
    if (value < least || value > most) throw this.#wrong(`: ${what} out of range`)
    return value
  }

  #fraction(): string {
    if (this.#isMicro) {
      const match = /^[.,](\d{6})/.exec(this.#rest)
      if (!match) throw this.#cannot('.000000')
      this.#rest = this.#rest.slice(7)
      return match[1]!
    }
    this.#rest = this.#rest.replace(/^[.,]\d+/, '')
    return '000000'
  }

  #offset(): number {
    if (this.#rest.startsWith('Z')) {
      this.#rest = this.#rest.slice(1)
      return 0
    }
    const match = /^([+-])(\d\d):(\d\d)/.exec(this.#rest)
    if (!match) throw this.#cannot('Z07:00')
    const [whole, sign, hours, minutes] = match
    if (Number(hours) > 24) throw this.#wrong(': time zone offset hour out of range')
    if (Number(minutes) > 60) throw this.#wrong(': time zone offset minute out of range')
    this.#rest = this.#rest.slice(whole.length)
    return (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes))
  }

  #cannot(element: string): TypeMismatch {
    const layout = this.#isMicro ? RFC3339_MICRO : RFC3339
    return this.#wrong(` as ${quoted(layout)}: cannot parse ${quoted(this.#rest)} as ${quoted(element)}`)
  }

  #wrong(why: string): TypeMismatch {
    return new TypeMismatch(`parsing time ${quoted(this.#text)}${why}`)
  }
}

const SHOWN_BYTES_MAX = 200

/** As Go's package time quotes: bytes that are not plain ASCII are escaped. */
function quoted(text: string): string {
  let shown = ''
  for (const byte of Buffer.from(text).subarray(0, SHOWN_BYTES_MAX)) {
    const character = String.fromCharCode(byte)
    if (byte < 0x20 || byte >= 0x80) shown += `\\x${byte.toString(16).padStart(2, '0')}`
    else shown += character === '"' || character === '\\' ? `\\${character}` : character
  }
  return `"${shown}"`
}
