import { Transform } from 'node:stream'

/** Attributes that hold a URL. Source: apimachinery pkg/util/proxy transport.go, from HTML 4 and HTML 5. */
const URL_ATTRIBUTES: Readonly<Record<string, readonly string[]>> = {
  a: ['href'],
  applet: ['codebase'],
  area: ['href'],
  audio: ['src'],
  base: ['href'],
  blockquote: ['cite'],
  body: ['background'],
  button: ['formaction'],
  command: ['icon'],
  del: ['cite'],
  embed: ['src'],
  form: ['action'],
  frame: ['longdesc', 'src'],
  head: ['profile'],
  html: ['manifest'],
  iframe: ['longdesc', 'src'],
  img: ['longdesc', 'src', 'usemap'],
  input: ['src', 'usemap', 'formaction'],
  ins: ['cite'],
  link: ['href'],
  object: ['classid', 'codebase', 'data', 'usemap'],
  q: ['cite'],
  script: ['src'],
  source: ['src'],
  video: ['poster', 'src'],
}

/** A longer tag, or comment, goes through as it is: it is looked at again with each piece that comes. */
const TAG_CHARACTERS_MAX = 8 * 1024

/** Changes the links of a page as it comes; all else goes through byte by byte, in any encoding that ASCII is part of. */
export class HtmlLinks extends Transform {
  readonly #rewrite: (url: string) => string
  /** Not looked at yet: the beginning of a tag. */
  #rest = ''
  /** Within an element whose text has no tags: its name. */
  #raw: string | undefined

  constructor(rewrite: (url: string) => string) {
    super()
    this.#rewrite = rewrite
  }

  override _transform(bytes: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#rest += bytes.toString('latin1')
    this.push(Buffer.from(this.#take(), 'latin1'))
    done()
  }

  override _flush(done: (error?: Error | null) => void): void {
    this.push(Buffer.from(this.#rest, 'latin1'))
    done()
  }

  /** What is whole, with its links changed. */
  #take(): string {
    let out = ''
    let at = 0
    for (;;) {
      const start = this.#nextTag(at)
      out += this.#rest.slice(at, start.at)
      at = start.at
      if (!start.found) break
      const end = tagEnd(this.#rest, at)
      const length = (end ?? this.#rest.length) - at
      if (end === undefined && length < TAG_CHARACTERS_MAX) break
      const tag = this.#rest.slice(at, end)
      out += length < TAG_CHARACTERS_MAX ? this.#tag(tag) : tag
      at += length
    }
    this.#rest = this.#rest.slice(at)
    return out
  }

  /** Where the next tag begins, or may begin with what comes next; in text that has none, the one that ends it. */
  #nextTag(from: number): { readonly at: number; readonly found: boolean } {
    const { length } = this.#rest
    if (this.#raw === undefined) {
      const at = this.#rest.indexOf('<', from)
      return at < 0 ? { at: length, found: false } : { at, found: true }
    }
    const closing = new RegExp(`</${this.#raw}`, 'gi')
    closing.lastIndex = from
    const found = closing.exec(this.#rest)
    if (!found) return { at: Math.max(from, length - this.#raw.length - 1), found: false }
    this.#raw = undefined
    return { at: found.index, found: true }
  }

  #tag(tag: string): string {
    const name = /^<([a-z][a-z\d]*)/i.exec(tag)?.[1]?.toLowerCase()
    if (name === undefined) return tag
    if (RAW_TEXT.has(name)) this.#raw = name
    const names = Object.hasOwn(URL_ATTRIBUTES, name) ? URL_ATTRIBUTES[name]! : []
    if (names.length === 0) return tag
    return tag.replace(ATTRIBUTE, (whole, attribute: string, equals: string, double?: string, single?: string, bare?: string) => {
      if (!names.includes(attribute.toLowerCase())) return whole
      const quote = double !== undefined ? '"' : single !== undefined ? "'" : ''
      return `${attribute}${equals}${quote}${this.#rewrite(double ?? single ?? bare ?? '')}${quote}`
    })
  }
}

const RAW_TEXT = new Set(['script', 'style', 'textarea', 'title', 'xmp', 'iframe', 'noembed', 'noframes'])
/** From the beginning of a word on only: long words take no longer than short ones. */
const ATTRIBUTE = /(?<![^\s"'<>/=])([^\s"'<>/=]+)(\s*=\s*)(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))/g

/** Behind the tag or comment that begins at `start`; undefined when its end is not here yet. */
function tagEnd(text: string, start: number): number | undefined {
  if (text.startsWith('<!--', start)) return behind(text.indexOf('-->', start + 4), 3)
  if (!/[a-z/!?]/i.test(text[start + 1] ?? 'a')) return start + 1 // a `<` in the text
  let quote = ''
  for (let at = start + 1; at < text.length; at++) {
    const character = text[at]!
    if (quote !== '') quote = character === quote ? '' : quote
    else if (character === '"' || character === "'") quote = character
    else if (character === '>') return at + 1
  }
  return undefined
}

const behind = (at: number, length: number): number | undefined => (at < 0 ? undefined : at + length)
