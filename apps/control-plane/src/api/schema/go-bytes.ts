import { TypeMismatch } from './go-types.ts'

const CANONICAL = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?$/

/**
 * Base64 as Kubernetes stores it: padded, on one line.
 *
 * @throws TypeMismatch in the words of Go's encoding/base64.
 */
export function canonicalBase64(text: string): string {
  if (CANONICAL.test(text)) return text
  const wrong = firstWrongByte(Buffer.from(text))
  if (wrong !== undefined) throw new TypeMismatch(`illegal base64 data at input byte ${wrong}`)
  return Buffer.from(text, 'base64').toString('base64')
}

const [NEW_LINE, RETURN, PADDING] = [0x0a, 0x0d, 0x3d]
const isBreak = (byte: number | undefined): boolean => byte === NEW_LINE || byte === RETURN
const isDigit = (byte: number): boolean => /[A-Za-z0-9+/]/.test(String.fromCharCode(byte))

/** Groups of four, the last one padded; line breaks count as places but not as digits. */
function firstWrongByte(bytes: Buffer): number | undefined {
  let at = 0
  let inGroup = 0
  for (; at < bytes.length; at++) {
    const byte = bytes[at]!
    if (isBreak(byte)) continue
    if (byte === PADDING) return wrongPadding(bytes, at, inGroup)
    if (!isDigit(byte)) return at
    inGroup = (inGroup + 1) % 4
  }
  return inGroup === 0 ? undefined : at - inGroup
}

function wrongPadding(bytes: Buffer, start: number, inGroup: number): number | undefined {
  if (inGroup < 2) return start
  let at = start + 1
  if (inGroup === 2) {
    while (isBreak(bytes[at])) at++
    if (at === bytes.length) return at
    if (bytes[at] !== PADDING) return at - 1
    at++
  }
  while (isBreak(bytes[at])) at++
  return at < bytes.length ? at : undefined
}
