/** A value as it stands on the wire: varints are numbers, messages, strings and lists are bytes. */
export type WireValue = bigint | number | Uint8Array

export class WireError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'WireError'
  }
}

const VARINT_BYTES_MAX = 10

/**
 * The fields of one protobuf message in wire order.
 *
 * @throws WireError for anything truncated or malformed; groups, which Kubernetes never uses, are malformed.
 * @see Source: protobuf.dev, "Encoding".
 */
export function* wireFields(bytes: Buffer): Generator<readonly [number: number, value: WireValue]> {
  let at = 0
  const varint = (): bigint => {
    let value = 0n
    for (let count = 0; count < VARINT_BYTES_MAX; count++) {
      const byte = bytes[at++]
      if (byte === undefined) throw new WireError('unexpected EOF')
      value |= BigInt(byte & 0x7f) << BigInt(7 * count)
      if (byte < 0x80) return value
    }
    throw new WireError('integer overflow')
  }
  const slice = (length: number): Buffer => {
    if (length > bytes.length - at) throw new WireError('unexpected EOF')
    at += length
    return bytes.subarray(at - length, at)
  }
  while (at < bytes.length) {
    const tag = varint()
    const number = Number(tag >> 3n)
    if (number === 0) throw new WireError('illegal tag 0')
    switch (Number(tag & 7n)) {
      case 0:
        yield [number, varint()]
        break
      case 1:
        yield [number, slice(8).readDoubleLE(0)]
        break
      case 2:
        yield [number, slice(Number(varint()))]
        break
      case 5:
        yield [number, slice(4).readFloatLE(0)]
        break
      default:
        throw new WireError(`unexpected wire type ${tag & 7n}`)
    }
  }
}
