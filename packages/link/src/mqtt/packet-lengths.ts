// @ts-expect-error: this part of the library has no types
import untyped from 'mqtt-packet/numbers.js'

// Import it before the MQTT library, which takes the function when it is read itself.
//
// The library keeps the bytes of every length of a packet that it has written, up to 16 383. Taken from Node's pool they are four of
// 65,536 bytes that stay for ever: an agent whose reports have some hundred lengths would hold tens of megabytes.

const LENGTH_MAX = 2 ** 14 - 1
const BYTES_EACH = 2
let table: Buffer | undefined

const numbers = untyped as { genBufVariableByteInt: (length: number) => Buffer }
const encode = numbers.genBufVariableByteInt

numbers.genBufVariableByteInt = (length) => {
  const bytes = encode(length)
  if (length > LENGTH_MAX) return bytes // the library does not keep it
  table ??= Buffer.alloc((LENGTH_MAX + 1) * BYTES_EACH)
  const at = length * BYTES_EACH
  bytes.copy(table, at)
  return table.subarray(at, at + bytes.length)
}
