import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { ImageSource } from './image-source.ts'

/** An image with an MBR of one partition that reaches its end, noise that does not pack and stretches of zeros. */
export function anImage(mib: number, seed = 1): Buffer {
  const image = Buffer.alloc(mib << 20)
  let state = seed
  for (let at = 1 << 20; at < image.length; at += 4) {
    if ((at >> 20) % 3 === 2) continue
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    image.writeUInt32LE((at >> 18) % 2 === 0 ? state : state & 0x0f0f, at)
  }
  image.write('boot code', 0)
  image[446 + 4] = 0x0c
  image.writeUInt32LE(2048, 446 + 8)
  image.writeUInt32LE(image.length / 512 - 2048, 446 + 12)
  image.writeUInt16LE(0xaa55, 510)
  return image
}

export function testFolder(t: Pick<TestContext, 'after'>): string {
  const folder = mkdtempSync(join(tmpdir(), 'bramble-flash-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Packs with a program of the machine; undefined when it is missing. */
export function packedBy(file: 'xz' | 'zstd' | 'gzip', args: readonly string[], content: Buffer): Buffer | undefined {
  const { status, stdout } = spawnSync(file, [...args, '-c'], { input: content, maxBuffer: 1 << 30 })
  return status === 0 ? stdout : undefined
}

export async function readAll(source: ImageSource, signal: AbortSignal = new AbortController().signal): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  for await (const piece of await source.open(signal)) pieces.push(Buffer.from(piece))
  return Buffer.concat(pieces)
}
