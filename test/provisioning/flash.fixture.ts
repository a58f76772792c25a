import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Ended } from '../../apps/cli/src/cli.fixture.ts'
import { binBramble } from '../../apps/cli/src/programs.ts'
import { must, run } from '@bramble/provisioning/run'
import { LAYOUTS, type LayoutName, makeImage } from './card-images.ts'

export const SERVER = 'https://192.168.1.10:6443'
export const A_TOKEN = `b1.${'ab'.repeat(32)}.abc123.${'s'.repeat(32)}`
const FLASH_LIMIT_MS = 60_000

/** A folder with what `bramble flash` needs: images, a small release, a token. */
export class Bench {
  readonly folder: string
  readonly #images = new Map<LayoutName, Promise<string>>()

  private constructor(folder: string) {
    this.folder = folder
  }

  static async make(): Promise<Bench> {
    const bench = new Bench(await mkdtemp(join(tmpdir(), 'bramble-cards-')))
    await writeFile(bench.path('token'), `${A_TOKEN}\n`)
    await bench.bundle('bramble-0.1.0-linux-arm64', 1000)
    return bench
  }

  path(name: string): string {
    return join(this.folder, name)
  }

  async file(name: string, text: string | Uint8Array): Promise<string> {
    await writeFile(this.path(name), text)
    return this.path(name)
  }

  image(layout: LayoutName): Promise<string> {
    const made = this.#images.get(layout) ?? makeImage(this.path(`${layout.replaceAll(' ', '-')}.img`), LAYOUTS[layout])
    this.#images.set(layout, made)
    return made
  }

  /** A release in name and form, with so many bytes in it that nothing can pack. */
  async bundle(name: string, bytes: number): Promise<string> {
    const top = name.replace(/-linux-.*/, '')
    await mkdir(this.path(`${top}/bin`), { recursive: true })
    await writeFile(this.path(`${top}/bin/bramble`), randomBytes(bytes))
    await must('tar', ['-C', this.folder, '-I', 'zstd -q', '-cf', this.path(`${name}.tar.zst`), top])
    return this.path(`${name}.tar.zst`)
  }

  /** Flags that every card needs and that most tests do not care about. */
  get usual(): readonly string[] {
    return ['--server', SERVER, '--token-file', this.path('token'), '--bundle', this.path('bramble-0.1.0-linux-arm64.tar.zst')]
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true })
  }
}

/** `bramble flash` to its end, with nobody at the keyboard. */
export const flash = (args: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<Ended> =>
  new Promise((resolve) => {
    const options = { timeout: FLASH_LIMIT_MS, env: { ...process.env, ...environment } }
    execFile(process.execPath, [binBramble, 'flash', ...args], options, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : null, stdout, stderr })
    }).stdin?.end()
  })

/** A loop device over a file of so many bytes, or undefined where there are none. Detach it. */
export async function loopDevice(path: string, bytes: number): Promise<string | undefined> {
  await must('truncate', ['-s', String(bytes), path])
  const { exitCode, stdout } = await run('losetup', ['--find', '--show', path])
  return exitCode === 0 ? stdout.trim() : undefined
}
