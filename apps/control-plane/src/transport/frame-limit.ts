import type { Duplex } from 'node:stream'

/**
 * Destroys the connection as soon as it announces an MQTT packet of more than `bytesMax`, before the packet is read into
 * memory. Call it before anything reads from the connection.
 * @see Source: MQTT 3.1.1, 2.2.3 Remaining Length.
 */
export function limitFrames(connection: Duplex, bytesMax: number): void {
  const meter = new FrameMeter()
  const read = connection.read.bind(connection)
  connection.read = (size?: number): unknown => {
    const chunk = read(size) as Buffer | null
    if (chunk && meter.largest(chunk) > bytesMax) {
      connection.destroy(new Error(`an MQTT packet is larger than ${bytesMax} bytes`))
      return null
    }
    return chunk
  }
}

/** Follows the packets of one connection by their lengths. */
export class FrameMeter {
  #state: 'type' | 'length' | 'body' = 'type'
  #bytes = 0
  #shift = 0

  /** Announced size of the largest packet that `chunk` begins; Infinity when a length is malformed. */
  largest(chunk: Uint8Array): number {
    let largest = 0
    for (let at = 0; at < chunk.length; ) {
      if (this.#state === 'body') {
        const taken = Math.min(this.#bytes, chunk.length - at)
        at += taken
        this.#bytes -= taken
        if (this.#bytes === 0) this.#state = 'type'
      } else if (this.#state === 'type') {
        this.#state = 'length'
        this.#bytes = this.#shift = 0
        at++
      } else {
        const digit = chunk[at++]!
        this.#bytes += (digit & 0x7f) << this.#shift
        this.#shift += 7
        if (digit & 0x80) {
          if (this.#shift > 21) return Infinity
          continue
        }
        largest = Math.max(largest, this.#bytes)
        this.#state = this.#bytes === 0 ? 'type' : 'body'
      }
    }
    return largest
  }
}
