import type { Readable, Writable } from 'node:stream'

/** A piece of what a process printed. */
export interface Piece {
  readonly stream: 'stdout' | 'stderr'
  readonly data: Buffer
}

const HEAD_BYTES = 8
const STDERR = 2

/**
 * Both outputs of a process in one row of bytes: frames with eight bytes of head. Pieces of a frame come out as they come in; nothing
 * but heads is kept.
 * @see Source: Docker Engine API, "Attach to a container", "Stream format".
 */
export class Frames {
  #head = Buffer.alloc(0)
  #left = 0
  #stream: Piece['stream'] = 'stdout'

  read(chunk: Buffer): readonly Piece[] {
    const pieces: Piece[] = []
    let rest = chunk
    while (rest.length > 0) {
      if (this.#left === 0) {
        const missing = HEAD_BYTES - this.#head.length
        this.#head = Buffer.concat([this.#head, rest.subarray(0, missing)])
        rest = rest.subarray(missing)
        if (this.#head.length < HEAD_BYTES) break
        this.#stream = this.#head[0] === STDERR ? 'stderr' : 'stdout'
        this.#left = this.#head.readUInt32BE(4)
        this.#head = Buffer.alloc(0)
        continue
      }
      const data = rest.subarray(0, this.#left)
      pieces.push({ stream: this.#stream, data })
      this.#left -= data.length
      rest = rest.subarray(data.length)
    }
    return pieces
  }
}

/**
 * Gives out framed outputs until `source` ends; waits for whoever is slow. Outputs that nobody wants are dropped.
 * Ends the outputs, or destroys them when `source` breaks.
 */
export async function demultiplex(source: Readable, outputs: Partial<Readonly<Record<Piece['stream'], Writable>>>): Promise<void> {
  const frames = new Frames()
  const targets = [outputs.stdout, outputs.stderr].filter((target) => target !== undefined)
  try {
    for await (const chunk of source as AsyncIterable<Buffer>)
      for (const { stream, data } of frames.read(chunk)) {
        const target = outputs[stream]
        if (target && !target.destroyed && !target.write(data)) await drained(target)
      }
    for (const target of targets) target.end()
  } catch {
    for (const target of targets) target.destroy()
  }
}

const drained = (target: Writable): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      target.off('drain', done)
      target.off('close', done)
      resolve()
    }
    target.once('drain', done)
    target.once('close', done)
  })
