/** How a value stands on the wire. Source: protobuf.dev, "Encoding". */
export const VARINT = 0
export const FIXED64 = 1
export const BYTES = 2
const GROUP_START = 3
const GROUP_END = 4
const FIXED32 = 5

/** Varints are bigint, messages, strings and lists are bytes, and so is what has a fixed length. */
export type WireValue = bigint | Buffer
export type WireField = readonly [number: number, value: WireValue, wireType: number]

export class WireError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'WireError'
  }
}

const VARINT_BYTES_MAX = 10
const LENGTH_MAX = 2n ** 63n - 1n
const GROUPS_MAX = 100

/**
 * The fields of one protobuf message in wire order; groups, which Kubernetes never uses, are skipped.
 *
 * @throws WireError for anything truncated or malformed, in the words of the Go library that Kubernetes uses.
 * @see Source: protobuf.dev, "Encoding"; github.com/gogo/protobuf, what it generates.
 */
export function* wireFields(bytes: Buffer): Generator<WireField> {
  const reader = new WireReader(bytes)
  while (!reader.isAtEnd) {
    const field = reader.next()
    if (field) yield field
  }
}

/** Varints one after the other. Source: protobuf.dev, "Encoding", packed repeated fields. */
export function packedVarints(bytes: Buffer): readonly bigint[] {
  const reader = new WireReader(bytes)
  const values: bigint[] = []
  while (!reader.isAtEnd) values.push(reader.varint())
  return values
}

class WireReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length
  }

  /** Undefined after a group. */
  next(): WireField | undefined {
    const [number, wireType] = this.#tag()
    switch (wireType) {
      case VARINT:
        return [number, this.varint(), wireType]
      case FIXED64:
        return [number, this.#slice(8), wireType]
      case BYTES:
        return [number, this.#slice(this.#length()), wireType]
      case FIXED32:
        return [number, this.#slice(4), wireType]
      case GROUP_START:
        this.#skipGroup(1)
        return undefined
      case GROUP_END:
        throw new WireError('proto: wiretype end group for non-group')
      default:
        throw new WireError(`proto: illegal wireType ${wireType}`)
    }
  }

  varint(): bigint {
    let value = 0n
    for (let count = 0; count < VARINT_BYTES_MAX; count++) {
      const byte = this.#bytes[this.#at++]
      if (byte === undefined) throw new WireError('unexpected EOF')
      value |= BigInt(byte & 0x7f) << BigInt(7 * count)
      if (byte < 0x80) return BigInt.asUintN(64, value)
    }
    throw new WireError('proto: integer overflow')
  }

  #tag(): readonly [number: number, wireType: number] {
    const tag = this.varint()
    const [number, wireType] = [Number(BigInt.asIntN(32, tag >> 3n)), Number(tag & 7n)]
    if (number <= 0 && wireType !== GROUP_END) throw new WireError(`proto: illegal tag ${number} (wire type ${wireType})`)
    return [number, wireType]
  }

  #skipGroup(depth: number): void {
    if (depth > GROUPS_MAX) throw new WireError('exceeded max depth')
    for (;;) {
      const [, wireType] = this.#tag()
      if (wireType === GROUP_END) return
      if (wireType === VARINT) this.varint()
      else if (wireType === GROUP_START) this.#skipGroup(depth + 1)
      else if (wireType <= FIXED32) this.#slice(wireType === BYTES ? this.#length() : wireType === FIXED64 ? 8 : 4)
      else throw new WireError(`proto: illegal wireType ${wireType}`)
    }
  }

  #length(): number {
    const length = this.varint()
    if (length > LENGTH_MAX) throw new WireError('proto: negative length found during unmarshaling')
    return Number(length)
  }

  #slice(length: number): Buffer {
    if (length > this.#bytes.length - this.#at) throw new WireError('unexpected EOF')
    this.#at += length
    return this.#bytes.subarray(this.#at - length, this.#at)
  }
}
