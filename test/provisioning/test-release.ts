import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ReleaseArch } from '../../provisioning/src/release/release-name.ts'
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

/** How an agent spoils its own update. */
export type Spoiled = 'crashing' | 'hanging'
const MAIN: Readonly<Record<Spoiled, string>> = {
  crashing: "throw new Error('this release is broken')\n",
  // hears TERM and never comes to act on it
  hanging: "process.on('SIGTERM', () => {})\nfor (;;) {}\n",
}

/** Real releases of the programs of this checkout, but with this machine's Node.js in the place of their own: small and soon made. */
export class TestReleases {
  readonly folder: string
  readonly #bundle: string

  private constructor(folder: string) {
    this.folder = folder
    this.#bundle = join(folder, 'bundle')
  }

  static async create(): Promise<TestReleases> {
    const releases = new TestReleases(await mkdtemp(join(tmpdir(), 'bramble-releases-')))
    await bundleAll(releases.#bundle, { version: MARK })
    return releases
  }

  remove(): Promise<void> {
    return rm(this.folder, { recursive: true, force: true })
  }

  /** @param changes Further files, or others in the place of those that are there. @returns path of the archive. */
  async make(version: string, spoiled?: Spoiled, changes: Readonly<Record<string, string>> = {}): Promise<string> {
    const tree = join(this.folder, `tree-${version}`)
    await mkdir(tree)
    await cp(this.#bundle, join(tree, 'lib'), { recursive: true })
    for (const file of await readdir(join(tree, 'lib'), { recursive: true, withFileTypes: true })) {
      const path = join(file.parentPath, file.name)
      if (!file.isFile() || !file.name.endsWith('.js')) continue
      const text = await readFile(path, 'utf8')
      if (text.includes(MARK)) await writeFile(path, text.replaceAll(MARK, version))
    }
    await writeFile(join(tree, 'lib/package.json'), '{"type":"module"}\n')
    await writeScript(join(tree, 'lib/node'), `#!/bin/sh\nexec '${pinnedNode()}' "$@"\n`)
    await writeScripts(ROOT, tree, FLAGS)
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
