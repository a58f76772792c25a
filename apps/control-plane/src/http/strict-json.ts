import { noteSource } from '../api/schema/source-text.ts'

/** Why a text is no JSON, in the words of Go's encoding/json, which clients and people know from Kubernetes. */
export class JsonSyntaxError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'JsonSyntaxError'
  }
}

/** Deeper than any API object; keeps recursive readers of the result off the end of the stack. */
const DEPTH_MAX = 500
/** Source: sigs.k8s.io/json, the number of strict errors it collects. */
const DUPLICATES_MAX = 100

type Container = Record<string, unknown> | unknown[]

interface Frame {
  readonly value: Container
  readonly isList: boolean
  /** Of the element that is being read. */
  key: string | number
  /** All keys so far; only when one of them came again. */
  keys?: string[]
  numbers?: Map<string, string>
}

/**
 * JSON, with what `JSON.parse` does not tell: keys that occur twice in one object (the last one counts), and how unusual
 * numbers were written, which `sourceOf` tells of the objects concerned.
 *
 * @returns `duplicates` as paths: `spec.containers[0].image`.
 * @throws JsonSyntaxError
 */
export function parseStrictJson(text: string): { readonly value: unknown; readonly duplicates: readonly string[] } {
  const parser = new Parser(text)
  return { value: parser.run(), duplicates: [...parser.duplicates] }
}

class Parser {
  readonly duplicates = new Set<string>()
  readonly #text: string
  #at = 0
  readonly #frames: Frame[] = []
  #root: unknown

  constructor(text: string) {
    this.#text = text
  }

  run(): unknown {
    this.#value()
    while (this.#frames.length > 0) this.#next()
    this.#space()
    if (this.#at < this.#text.length) this.#fail('after top-level value')
    if (this.duplicates.size > 0) noteSource(this.#root as object, { problems: [] })
    return this.#root
  }

  /** A scalar, or the opening of an object or array (whose first element comes with the next step). */
  #value(): void {
    this.#space()
    switch (this.#text[this.#at]) {
      case '{':
        return this.#open({}, false)
      case '[':
        return this.#open([], true)
      case '"':
        return this.#put(this.#string())
      case 't':
        return this.#literal('true', true)
      case 'f':
        return this.#literal('false', false)
      case 'n':
        return this.#literal('null', null)
      default:
        return this.#number()
    }
  }

  #put(value: unknown): void {
    const frame = this.#frames.at(-1)
    if (!frame) this.#root = value
    else if (frame.isList) (frame.value as unknown[]).push(value)
    else if (frame.key === '__proto__')
      Object.defineProperty(frame.value, frame.key, { value, enumerable: true, configurable: true, writable: true })
    else (frame.value as Record<string, unknown>)[frame.key] = value
  }

  #open(value: Container, isList: boolean): void {
    if (this.#frames.length >= DEPTH_MAX) throw new JsonSyntaxError('exceeded max depth')
    this.#put(value)
    this.#at++
    this.#frames.push({ value, isList, key: -1 })
    this.#space()
    if (this.#text[this.#at] === (isList ? ']' : '}')) this.#close()
    else this.#element()
  }

  #close(): void {
    this.#at++
    const { value, keys, numbers } = this.#frames.pop()!
    if (keys ?? numbers) noteSource(value, { ...(keys && { keys }), ...(numbers && { numbers }) })
  }

  /** What follows a finished value: a comma and the next one, or the end of its container. */
  #next(): void {
    this.#space()
    const { isList } = this.#frames.at(-1)!
    const character = this.#text[this.#at]
    if (character === (isList ? ']' : '}')) return this.#close()
    if (character !== ',') return this.#fail(isList ? 'after array element' : 'after object key:value pair')
    this.#at++
    this.#element()
  }

  #element(): void {
    const frame = this.#frames.at(-1)!
    if (frame.isList) frame.key = (frame.value as unknown[]).length
    else this.#member(frame)
    this.#value()
  }

  #member(frame: Frame): void {
    this.#space()
    if (this.#text[this.#at] !== '"') this.#fail('looking for beginning of object key string')
    frame.key = this.#string()
    if (Object.hasOwn(frame.value, frame.key)) {
      frame.keys ??= Object.keys(frame.value)
      if (this.duplicates.size < DUPLICATES_MAX) this.duplicates.add(this.#path())
    }
    frame.keys?.push(frame.key)
    this.#space()
    if (this.#text[this.#at] !== ':') this.#fail('after object key')
    this.#at++
  }

  #path(): string {
    let path = ''
    for (const { key, isList } of this.#frames) path += isList ? `[${key}]` : path === '' ? key : `.${key}`
    return path
  }

  #string(): string {
    STRING.lastIndex = this.#at
    const match = STRING.exec(this.#text)
    if (!match) return this.#brokenString()
    this.#at = STRING.lastIndex
    return match[0].includes('\\') ? (JSON.parse(match[0]) as string) : match[0].slice(1, -1)
  }

  #brokenString(): never {
    STRING_START.lastIndex = this.#at
    STRING_START.exec(this.#text)
    this.#at = STRING_START.lastIndex
    if (this.#text[this.#at] !== '\\') this.#fail('in string literal')
    this.#at++
    if (this.#text[this.#at] !== 'u') this.#fail('in string escape code')
    do this.#at++
    while (/[0-9a-fA-F]/.test(this.#text[this.#at] ?? ''))
    this.#fail('in \\u hexadecimal character escape')
  }

  #number(): void {
    NUMBER.lastIndex = this.#at
    const literal = NUMBER.exec(this.#text)?.[0]
    if (literal === undefined) {
      if (this.#text[this.#at] !== '-') this.#fail('looking for beginning of value')
      this.#at++
      this.#fail('in numeric literal')
    }
    this.#at += literal.length
    this.#checkNumberEnds(literal)
    const value = Number(literal)
    if (String(value) !== literal) this.#noteNumber(literal)
    this.#put(value)
  }

  /** A point or an exponent without digits. */
  #checkNumberEnds(literal: string): void {
    const next = this.#text[this.#at]
    if (next === '.' && !/[.eE]/.test(literal)) {
      this.#at++
      this.#fail('after decimal point in numeric literal')
    }
    if ((next === 'e' || next === 'E') && !/[eE]/.test(literal)) {
      this.#at++
      if (/[+-]/.test(this.#text[this.#at] ?? '')) this.#at++
      this.#fail('in exponent of numeric literal')
    }
  }

  #noteNumber(literal: string): void {
    const frame = this.#frames.at(-1)
    if (!frame) return
    frame.numbers ??= new Map()
    frame.numbers.set(String(frame.key), literal)
  }

  #literal(word: string, value: unknown): void {
    for (const expected of word) {
      if (this.#text[this.#at] !== expected) this.#fail(`in literal ${word} (expecting ${quoted(expected)})`)
      this.#at++
    }
    this.#put(value)
  }

  #space(): void {
    SPACE.lastIndex = this.#at
    SPACE.test(this.#text)
    this.#at = SPACE.lastIndex
  }

  #fail(context: string): never {
    const point = this.#text.codePointAt(this.#at)
    if (point === undefined) throw new JsonSyntaxError('unexpected end of JSON input')
    const firstByte = point < 0x80 ? point : Buffer.from(String.fromCodePoint(point))[0]! // Go reads bytes
    throw new JsonSyntaxError(`invalid character ${quoted(String.fromCharCode(firstByte))} ${context}`)
  }
}

const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y
const STRING_START = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*/y
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const SPACE = /[ \t\n\r]*/y

const ESCAPED: Readonly<Record<string, string>> = {
  "'": "\\'",
  '\\': '\\\\',
  '\u0007': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\u000b': '\\v',
}

/** A character as Go quotes it. */
function quoted(character: string): string {
  const code = character.charCodeAt(0)
  const isControl = code < 0x20 || code === 0x7f
  return `'${ESCAPED[character] ?? (isControl ? `\\x${code.toString(16).padStart(2, '0')}` : character)}'`
}
