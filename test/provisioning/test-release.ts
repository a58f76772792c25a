import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runCommand } from '../../apps/node-agent/src/host/exec.ts'
import { type ReleaseArch, releaseFileName } from '../../provisioning/src/release/release-name.ts'
import { bundleAll } from '../../tools/bundle.ts'
import { writeScript, writeScripts } from '../../tools/release/scripts.ts'
import { sealRelease } from '../../tools/release/seal.ts'

const ROOT = join(import.meta.dirname, '../..')
const { pinnedNode, FLAGS } = createRequire(import.meta.url)(join(ROOT, 'bin/node.cjs')) as {
  pinnedNode(): string
  FLAGS: readonly string[]
}
/** In the place of a version, until one is known. */
const MARK = '0.0.0-version'

const MAKE_MS_MAX = 300_000

/** How an agent spoils its own update. */
export type Spoiled = 'crashing' | 'hanging'
const MAIN: Readonly<Record<Spoiled, string>> = {
  crashing: "throw new Error('this release is broken')\n",
  // hears TERM and never comes to act on it
  hanging: "process.on('SIGTERM', () => {})\nfor (;;) {}\n",
}

/** Releases of the programs of this checkout, of any version, soon made: the programs are bundled once. */
export class TestReleases {
  readonly folder: string
  readonly #base: string

  private constructor(folder: string) {
    this.folder = folder
    this.#base = join(folder, 'base')
  }

  /** With this machine's Node.js in the place of their own. */
  static async create(): Promise<TestReleases> {
    const releases = new TestReleases(await mkdtemp(join(tmpdir(), 'bramble-releases-')))
    await bundleAll(join(releases.#base, 'lib'), { version: MARK })
    await writeFile(join(releases.#base, 'lib/package.json'), '{"type":"module"}\n')
    await writeScript(join(releases.#base, 'lib/node'), `#!/bin/sh\nexec '${pinnedNode()}' "$@"\n`)
    await writeScripts(ROOT, releases.#base, FLAGS)
    return releases
  }

  /** With everything, for a machine that has nothing. */
  static async createWhole(): Promise<TestReleases> {
    const releases = new TestReleases(await mkdtemp(join(tmpdir(), 'bramble-releases-')))
    const { folder } = releases
    const args = ['tools/release/release.ts', '--version', MARK, '--arch', process.arch, '--level', '1', '--output', folder]
    await runCommand(process.execPath, args, { cwd: ROOT, timeoutMs: MAKE_MS_MAX })
    await mkdir(releases.#base)
    const archive = join(folder, releaseFileName({ version: MARK, arch: process.arch as ReleaseArch }))
    await runCommand('tar', ['--zstd', '-xf', archive, '-C', releases.#base, '--strip-components=1'], { timeoutMs: MAKE_MS_MAX })
    return releases
  }

  remove(): Promise<void> {
    return rm(this.folder, { recursive: true, force: true })
  }

  /** @param changes Further files, or others in the place of those that are there. @returns path of the archive. */
  async make(version: string, spoiled?: Spoiled, changes: Readonly<Record<string, string>> = {}): Promise<string> {
    const tree = join(this.folder, `tree-${version}`)
    await cp(this.#base, tree, { recursive: true })
    for (const file of await readdir(join(tree, 'lib'), { recursive: true, withFileTypes: true })) {
      const path = join(file.parentPath, file.name)
      if (!file.isFile() || !file.name.endsWith('.js')) continue
      const text = await readFile(path, 'utf8')
      if (text.includes(MARK)) await writeFile(path, text.replaceAll(MARK, version))
    }
    if (spoiled) await writeFile(join(tree, 'lib/node-agent/main.js'), MAIN[spoiled])
    for (const [path, text] of Object.entries(changes)) await writeFile(join(tree, path), text)
    const arch = process.arch as ReleaseArch
    const { path } = await sealRelease(tree, this.folder, {
      version,
      arch,
      node: process.versions.node,
      nodeFlags: FLAGS,
      time: 0,
      level: 1,
    })
    await rm(tree, { recursive: true })
    return path
  }
}
