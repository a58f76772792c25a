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

interface Frame {
  readonly keys: Set<string> | undefined
  readonly path: string
  /** Of an array: the index of the next element. */
  index: number
}

/**
 * JSON plus what `JSON.parse` does not tell: keys that occur twice in one object (the last one counts).
 *
 * @returns `duplicates` as paths: `spec.containers[0].image`.
 * @throws JsonSyntaxError
 */
export function parseStrictJson(text: string): { readonly value: unknown; readonly duplicates: readonly string[] } {
  const duplicates = new Scanner(text).run()
  return { value: JSON.parse(text), duplicates }
}

class Scanner {
  readonly #text: string
  #at = 0
  readonly #frames: Frame[] = []
  readonly #duplicates: string[] = []
  /** Path of the value that comes next. */
  #path = ''

  constructor(text: string) {
    this.#text = text
  }

  run(): readonly string[] {
    this.#value()
    while (this.#frames.length > 0) this.#next()
    this.#space()
    if (this.#at < this.#text.length) this.#fail('after top-level value')
    return this.#duplicates
  }

  /** A scalar, or the opening of an object or array (whose first element comes with the next step). */
  #value(): void {
    this.#space()
    const character = this.#text[this.#at]
    if (character === '{') this.#open(new Set())
    else if (character === '[') this.#open(undefined)
    else if (character === '"') this.#string()
    else if (character === 't') this.#literal('true')
    else if (character === 'f') this.#literal('false')
    else if (character === 'n') this.#literal('null')
    else this.#number()
  }

  #open(keys: Set<string> | undefined): void {
    if (this.#frames.length >= DEPTH_MAX) throw new JsonSyntaxError('exceeded max depth')
    this.#at++
    this.#frames.push({ keys, path: this.#path, index: 0 })
    this.#space()
    if (this.#text[this.#at] === (keys ? '}' : ']')) this.#close()
    else if (keys) this.#member('looking for beginning of object key string')
    else this.#element()
  }

  #close(): void {
    this.#at++
    this.#frames.pop()
  }

  /** What follows a finished value: a comma and the next one, or the end of its container. */
  #next(): void {
    this.#space()
    const { keys } = this.#frames.at(-1)!
    const character = this.#text[this.#at]
    if (character === (keys ? '}' : ']')) return this.#close()
    if (character !== ',') return this.#fail(keys ? 'after object key:value pair' : 'after array element')
    this.#at++
    if (keys) this.#member('looking for beginning of object key string')
    else this.#element()
  }

  #member(expected: string): void {
    this.#space()
    if (this.#text[this.#at] !== '"') this.#fail(expected)
    const frame = this.#frames.at(-1)!
    const key = this.#string()
    this.#path = frame.path === '' ? key : `${frame.path}.${key}`
    if (frame.keys!.has(key) && this.#duplicates.length < DUPLICATES_MAX && !this.#duplicates.includes(this.#path))
      this.#duplicates.push(this.#path)
    frame.keys!.add(key)
    this.#space()
    if (this.#text[this.#at] !== ':') this.#fail('after object key')
    this.#at++
    this.#value()
  }

  #element(): void {
    const frame = this.#frames.at(-1)!
    this.#path = `${frame.path}[${frame.index++}]`
    this.#value()
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
    if (NUMBER.test(this.#text)) {
      this.#at = NUMBER.lastIndex
      return
    }
    if (this.#text[this.#at] !== '-') this.#fail('looking for beginning of value')
    this.#at++
    this.#fail('in numeric literal')
  }

  #literal(word: string): void {
    for (const [index, expected] of [...word].entries()) {
      if (this.#text[this.#at] !== expected) this.#fail(`in literal ${word} (expecting ${quoted(word[index]!)})`)
      this.#at++
    }
  }

  #space(): void {
    SPACE.lastIndex = this.#at
    SPACE.test(this.#text)
    this.#at = SPACE.lastIndex
  }

  #fail(context: string): never {
    if (this.#at >= this.#text.length) throw new JsonSyntaxError('unexpected end of JSON input')
    throw new JsonSyntaxError(`invalid character ${quoted(String.fromCodePoint(this.#text.codePointAt(this.#at)!))} ${context}`)
  }
}

const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y
const STRING_START = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*/y
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const SPACE = /[ \t\n\r]*/y

/** A character as Go quotes it. */
const quoted = (character: string): string =>
  character === "'" ? `'\\''` : character === '"' ? `'"'` : `'${JSON.stringify(character).slice(1, -1)}'`
