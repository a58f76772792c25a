/** One element of a DER encoding. Source: ITU-T X.690, "Distinguished encoding rules". */
export interface DerElement {
  /** The identifier octet: class, constructed bit and number. */
  readonly tag: number
  readonly content: Uint8Array
  /** With identifier and length. */
  readonly whole: Uint8Array
}

export const DER = { boolean: 0x01, integer: 0x02, bitString: 0x03, octetString: 0x04, oid: 0x06, sequence: 0x30, set: 0x31 } as const

export class DerError extends Error {
  override name = 'DerError'
}

/** All elements of a text, one after the other. @throws DerError */
export function readDer(bytes: Uint8Array): readonly DerElement[] {
  const elements: DerElement[] = []
  for (let at = 0; at < bytes.length; ) {
    const element = readOne(bytes, at)
    elements.push(element)
    at += element.whole.length
  }
  return elements
}

/** The parts of a constructed element. @throws DerError when it has another tag. */
export function partsOf(element: DerElement | undefined, tag: number): readonly DerElement[] {
  return readDer(expectTag(element, tag).content)
}

export function expectTag(element: DerElement | undefined, tag: number): DerElement {
  if (element?.tag !== tag) throw new DerError(`asn1: structure error: tags don't match (${tag} vs ${element?.tag ?? 'nothing'})`)
  return element
}

/** `2.5.4.3`. */
export function oidText({ content }: DerElement): string {
  const numbers: number[] = []
  let value = 0
  for (const octet of content) {
    value = value * 128 + (octet & 0x7f)
    if (value > Number.MAX_SAFE_INTEGER) throw new DerError('asn1: structure error: base 128 integer too large')
    if (octet & 0x80) continue
    numbers.push(value)
    value = 0
  }
  const first = numbers.shift() ?? 0
  const root = Math.min(Math.floor(first / 40), 2)
  return [root, first - root * 40, ...numbers].join('.')
}

const STRINGS: Readonly<Record<number, BufferEncoding>> = { 12: 'utf8', 18: 'latin1', 19: 'latin1', 20: 'latin1', 22: 'latin1' }
const BMP_STRING = 30

/** @throws DerError for a sort of string that names do not have. */
export function stringText({ tag, content }: DerElement): string {
  const encoding = STRINGS[tag]
  if (encoding !== undefined) return Buffer.from(content).toString(encoding)
  if (tag === BMP_STRING && content.length % 2 === 0) return Buffer.from(content).swap16().toString('utf16le')
  throw new DerError(`asn1: structure error: unsupported string type: ${tag}`)
}

function readOne(bytes: Uint8Array, start: number): DerElement {
  const tag = bytes[start]!
  if ((tag & 0x1f) === 0x1f) throw new DerError('asn1: structure error: tags of several octets are not used here')
  const { length, from } = readLength(bytes, start + 1)
  const end = from + length
  if (end > bytes.length) throw new DerError('asn1: syntax error: data truncated')
  return { tag, content: bytes.subarray(from, end), whole: bytes.subarray(start, end) }
}

const LENGTH_OCTETS_MAX = 4

function readLength(bytes: Uint8Array, at: number): { readonly length: number; readonly from: number } {
  const first = bytes[at]
  if (first === undefined) throw new DerError('asn1: syntax error: truncated tag or length')
  if (first < 0x80) return { length: first, from: at + 1 }
  const octets = first & 0x7f
  if (octets === 0 || octets > LENGTH_OCTETS_MAX) throw new DerError('asn1: structure error: length too large')
  let length = 0
  for (let index = 1; index <= octets; index++) length = length * 256 + (bytes[at + index] ?? Number.NaN)
  if (Number.isNaN(length)) throw new DerError('asn1: syntax error: truncated tag or length')
  if (length < 0x80) throw new DerError('asn1: structure error: non-minimal length')
  return { length, from: at + 1 + octets }
}
