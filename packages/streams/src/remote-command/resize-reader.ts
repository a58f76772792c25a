import type { TerminalSize } from '../remote-process.ts'

const CHARACTERS_MAX = 1024
const CELLS_MAX = 0xffff

/** Sizes from a stream of JSON objects, `{"Width":80,"Height":24}`, however it is cut. What is none is passed over. */
export class ResizeReader {
  #text = ''

  push(bytes: Uint8Array | string): readonly TerminalSize[] {
    this.#text += bytes.toString()
    const sizes: TerminalSize[] = []
    for (;;) {
      const end = this.#text.indexOf('}')
      if (end < 0) break
      const size = parseSize(this.#text.slice(0, end + 1))
      if (size) sizes.push(size)
      this.#text = this.#text.slice(end + 1)
    }
    if (this.#text.length > CHARACTERS_MAX) this.#text = ''
    return sizes
  }
}

function parseSize(text: string): TerminalSize | undefined {
  try {
    const { Width: width, Height: height } = JSON.parse(text) as { Width?: unknown; Height?: unknown }
    return isCells(width) && isCells(height) ? { width, height } : undefined
  } catch {
    return undefined
  }
}

const isCells = (value: unknown): value is number => Number.isInteger(value) && (value as number) >= 0 && (value as number) <= CELLS_MAX
