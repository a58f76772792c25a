import { createHash } from 'node:crypto'
import { createReadStream, existsSync } from 'node:fs'
import { copyFile, mkdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { ReleaseArch } from '../../provisioning/src/release/release-name.ts'
import { must, run } from '../../provisioning/src/run.ts'
import { PLATFORMS } from './platforms.ts'

/** The Node.js program of a processor, as the lockfile pins it. */
export interface NodeRuntime {
  /** Name of the npm package. */
  readonly name: string
  readonly version: string
  /** As npm writes it: `sha512-…`. */
  readonly integrity: string
  /** Folder that holds `bin/node` and `LICENSE`. */
  readonly folder: string
}

/**
 * The Node.js program for a processor: npm has installed that of this machine; the other one is downloaded once and kept in `cache`.
 *
 * @param root Folder of package-lock.json.
 * @throws Error when the registry has something else than the lockfile says.
 */
export async function nodeRuntime(root: string, arch: ReleaseArch, cache: string): Promise<NodeRuntime> {
  const name = `node-linux-${arch}`
  const lock = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { version: string; integrity: string }>
  }
  const pinned = lock.packages[`node_modules/${name}`]
  if (!pinned) throw new Error(`package-lock.json does not know ${name}: run "npm install --package-lock-only"`)
  const { version, integrity } = pinned
  const installed = join(root, 'node_modules', name)
  const folder = existsSync(join(installed, 'bin/node')) ? installed : await download(name, version, integrity, cache)
  return { name, version, integrity, folder }
}

async function download(name: string, version: string, integrity: string, cache: string): Promise<string> {
  const folder = join(cache, `${name}-${version}`)
  if (existsSync(folder)) return folder // unpacked after it was verified
  await mkdir(cache, { recursive: true })
  await must('npm', ['pack', '--silent', '--pack-destination', cache, `${name}@${version}`])
  const archive = join(cache, `${name}-${version}.tgz`)
  const hash = createHash('sha512')
  await pipeline(createReadStream(archive), hash)
  const found = `sha512-${hash.digest('base64')}`
  if (found !== integrity) {
    await rm(archive)
    throw new Error(`the registry's ${name}@${version} has the checksum ${found}, package-lock.json wants ${integrity}`)
  }
  const part = `${folder}.part`
  await rm(part, { recursive: true, force: true })
  await mkdir(part)
  await must('tar', ['-xzf', archive, '-C', part, '--strip-components=1', 'package/bin/node', 'package/LICENSE'])
  await rename(part, folder)
  await rm(archive)
  return folder
}

/** Copies a program without its symbol table: a sixth smaller. @throws Error that names the package when there are no binutils for `arch`. */
export async function copyStripped(from: string, to: string, arch: ReleaseArch): Promise<void> {
  const { triple } = PLATFORMS[arch]
  await copyFile(from, to)
  const { exitCode, stderr } = await run(`${triple}-strip`, ['--strip-all', to])
  if (exitCode === 127) throw new Error(`${triple}-strip is not here: apt-get install binutils-${triple.replace('_', '-')}`)
  if (exitCode !== 0) throw new Error(`${triple}-strip: ${stderr.trim()}`)
}
