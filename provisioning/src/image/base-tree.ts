import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { must, run } from '../run.ts'
import { type BaseRecipe, baseKey, mmdebstrapArgs } from './recipe.ts'
import { type Archive, archivesOf, type Mirrors, mirrorsOf, sourcesList } from './sources.ts'

export interface BaseTree {
  /** A .tar.zst of the Debian part. */
  readonly archive: string
  /** Seconds since 1970: of the newest of the archives that it came from. No file of the image is younger. */
  readonly epoch: number
}

export interface BaseTreeOptions {
  readonly mirrors: Mirrors
  /** Trees that were made before; one per recipe is kept. */
  readonly cacheFolder: string
  readonly say: (line: string) => void
}

/** Under emulation, on a Pi's processor. */
const BUILD_MS_MAX = 60 * 60_000

/**
 * The Debian part of an image: taken from the cache while recipe and archives are the same, else made by mmdebstrap. The same state of
 * the archives gives the same bytes. When no archive answers, the tree that was made last is taken, and that is said.
 *
 * @throws Error that says what was missing.
 */
export async function baseTree(recipe: BaseRecipe, { mirrors, cacheFolder, say }: BaseTreeOptions): Promise<BaseTree> {
  await mkdir(cacheFolder, { recursive: true })
  const kin = `base-${recipe.suite}-${recipe.arch}-${recipe.runtime}-`
  const aptOptions = await ownAptOptions()
  const released = await releasesOf(archivesOf(recipe.suite, mirrors))
  if (released.length === 0) return lastOf(cacheFolder, kin, mirrors, say)

  const epoch = Math.max(...released.map((release) => release.epoch))
  const name = `${kin}${baseKey(
    recipe,
    released.map((release) => release.digest),
  )}`
  const archive = join(cacheFolder, `${name}.tar.zst`)
  const state = join(cacheFolder, `${name}.json`)
  const known = await readFile(state, 'utf8').catch(() => undefined)
  if (known !== undefined) return { archive, epoch }

  say(`making the base of Debian ${recipe.suite} (${recipe.arch}, ${recipe.runtime}); it is kept for the next image`)
  const part = join(cacheFolder, `.${name}.${process.pid}.tar`)
  try {
    const args = mmdebstrapArgs(recipe, part, sourcesList(released.map((release) => release.archive)), aptOptions)
    await needed('mmdebstrap', args, { SOURCE_DATE_EPOCH: String(epoch), TZ: 'UTC', LC_ALL: 'C.UTF-8' })
    await must('zstd', ['-q', '-3', '-f', '--rm', part, '-o', `${part}.zst`])
    for (const old of await readdir(cacheFolder)) if (old.startsWith(kin)) await rm(join(cacheFolder, old))
    await rename(`${part}.zst`, archive)
    await writeFile(state, JSON.stringify({ epoch, archives: released }))
  } finally {
    for (const left of [part, `${part}.zst`]) await rm(left, { force: true })
  }
  return { archive, epoch }
}

/** The mirrors of this machine's apt; deb.debian.org where there is none. */
export async function ownMirrors(): Promise<Mirrors> {
  const folder = '/etc/apt/sources.list.d'
  const names = await readdir(folder).catch(() => [])
  const files = ['/etc/apt/sources.list', ...names.sort().map((name) => join(folder, name))]
  return mirrorsOf(await Promise.all(files.map((file) => readFile(file, 'utf8').catch(() => ''))))
}

interface Released {
  readonly archive: Archive
  readonly digest: string
  readonly epoch: number
}

/** What the archives say of themselves. One that does not answer is left out: some suites have no updates yet. */
async function releasesOf(archives: readonly Archive[]): Promise<readonly Released[]> {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-archives-'))
  try {
    const found: Released[] = []
    for (const [index, archive] of archives.entries()) {
      const file = join(folder, String(index))
      const asked = await run('/usr/lib/apt/apt-helper', ['download-file', `${archive.uri}/dists/${archive.suite}/InRelease`, file])
      if (asked.exitCode === 127) throw new Error('apt is not installed: images are built on Debian and its kin')
      if (asked.exitCode !== 0 && index === 0) return [] // without the main archive the others are of no use
      if (asked.exitCode !== 0) continue
      const text = await readFile(file, 'utf8')
      const date = Date.parse(/^Date: (.*)$/m.exec(text)?.[1] ?? '')
      if (Number.isNaN(date)) throw new Error(`${archive.uri} has no InRelease with a date for ${archive.suite}: is it a mirror of Debian?`)
      found.push({ archive, digest: createHash('sha256').update(text).digest('hex'), epoch: Math.floor(date / 1000) })
    }
    return found
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function lastOf(cacheFolder: string, kin: string, mirrors: Mirrors, say: (line: string) => void): Promise<BaseTree> {
  const name = (await readdir(cacheFolder)).find((file) => file.startsWith(kin) && file.endsWith('.json'))
  if (name === undefined)
    throw new Error(
      `${mirrors.main} does not answer, and no image was built here before: see to the network, or name another with --mirror`,
    )
  say(`${mirrors.main} does not answer: the base that was made last is taken`)
  const { epoch } = JSON.parse(await readFile(join(cacheFolder, name), 'utf8')) as { readonly epoch: number }
  return { archive: join(cacheFolder, name.replace(/\.json$/, '.tar.zst')), epoch }
}

/** Proxies and dates of this machine's apt hold for the build too; none of it stays in the image. */
async function ownAptOptions(): Promise<readonly string[]> {
  const { stdout } = await run('apt-config', ['dump', '--format', '%F "%v";%n'])
  return stdout.split('\n').filter((line) => /^Acquire::(https?::Proxy|Check-Date|Check-Valid-Until) "[^"]+";$/.test(line))
}

/** @throws Error that names the Debian package when the program is not there. */
async function needed(file: string, args: readonly string[], env: Readonly<Record<string, string>>): Promise<void> {
  const { exitCode, stderr } = await run(file, args, { env, limitMs: BUILD_MS_MAX })
  if (exitCode === 127) throw new Error(`${file} is not installed: apt-get install ${file}`)
  if (exitCode !== 0) throw new Error(`${file} failed: ${stderr.trim().split('\n').slice(-8).join('\n')}`)
}
