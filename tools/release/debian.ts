import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ReleaseArch } from '../../provisioning/src/release/release-name.ts'
import { must } from '../../provisioning/src/run.ts'
import { PLATFORMS } from './platforms.ts'

/** A package of Debian, verified by the archive's signature. */
export interface DebianPackage {
  readonly name: string
  readonly version: string
  readonly file: string
  readonly sha256: string
  /** Of which sources statically linked programs were built besides the package's own. */
  readonly builtUsing: string
}

/** The oldest one that nodes may have: its programs run on all that are newer. */
const SUITE = 'bookworm'
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg'
const MIRROR = 'http://deb.debian.org/debian'
/** How old lists of packages may be. */
const LISTS_MS = 86_400_000

/**
 * Debian's packages for a processor that need not be this machine's: apt with a root of its own in `cache`, so that the machine's
 * own settings of dpkg and apt stay as they are; proxies and mirrors of the machine are used.
 *
 * @throws Error when this is no Debian, the mirror cannot be reached, or a signature or checksum is wrong.
 */
export async function debianPackages(names: readonly string[], arch: ReleaseArch, cache: string): Promise<readonly DebianPackage[]> {
  if (!existsSync(KEYRING)) throw new Error(`${KEYRING} is not here: apt-get install debian-archive-keyring`)
  const folder = join(cache, `apt-${SUITE}-${arch}`)
  const options = await aptRoot(folder, PLATFORMS[arch].debian)
  const archives = join(folder, 'archives')
  const packages: DebianPackage[] = []
  for (const name of names) {
    const record = fields(await must('apt-cache', [...options, 'show', '--no-all-versions', name]))
    const [version, sha256] = [record.get('Version') ?? '', record.get('SHA256') ?? '']
    const file = join(archives, `${name}_${sha256}.deb`)
    if (!existsSync(file) || (await sha256Of(file)) !== sha256) await download(name, version, sha256, file, options, archives)
    packages.push({ name, version, file, sha256, builtUsing: record.get('Built-Using') ?? '' })
  }
  return packages
}

async function download(
  name: string,
  version: string,
  sha256: string,
  file: string,
  options: readonly string[],
  archives: string,
): Promise<void> {
  const part = join(archives, `${name}.part`)
  await rm(part, { recursive: true, force: true })
  await mkdir(part)
  await must('apt-get', [...options, '-qq', 'download', `${name}=${version}`], { cwd: part })
  const [got] = await readdir(part)
  const bytes = await readFile(join(part, got!))
  const found = createHash('sha256').update(bytes).digest('hex')
  if (found !== sha256) throw new Error(`Debian's ${name} ${version} has the checksum ${found}, its signed list says ${sha256}`)
  await writeFile(file, bytes)
  await rm(part, { recursive: true })
}

const sha256Of = async (file: string): Promise<string> =>
  createHash('sha256')
    .update(await readFile(file))
    .digest('hex')

/** Options for apt that make `folder` its root, with lists that are fresh. */
async function aptRoot(folder: string, architecture: string): Promise<readonly string[]> {
  for (const each of ['lists/partial', 'archives/partial']) await mkdir(join(folder, each), { recursive: true })
  await writeFile(join(folder, 'sources.list'), `deb [signed-by=${KEYRING}] ${await mirror()} ${SUITE} main\n`)
  await writeFile(join(folder, 'status'), '')
  const settings: Readonly<Record<string, string>> = {
    'APT::Architecture': architecture,
    'APT::Architectures': architecture,
    'APT::Sandbox::User': 'root',
    'Dir::Etc::SourceList': join(folder, 'sources.list'),
    'Dir::Etc::SourceParts': '/dev/null',
    'Dir::Etc::PreferencesParts': '/dev/null',
    'Dir::State': folder,
    'Dir::State::Lists': join(folder, 'lists'),
    'Dir::State::Status': join(folder, 'status'),
    'Dir::Cache': folder,
    'Dir::Cache::Archives': join(folder, 'archives'),
    'Acquire::Languages': 'none',
  }
  const options = Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`])
  const stamp = join(folder, 'updated')
  const age = Date.now() - ((await stat(stamp).catch(() => undefined))?.mtimeMs ?? 0)
  if (age > LISTS_MS) {
    await must('apt-get', [...options, '-qq', 'update', '--error-on=any'])
    await writeFile(stamp, '')
  }
  return options
}

/** That of this machine, if it has one for this suite. */
async function mirror(): Promise<string> {
  const targets = await must('apt-get', ['indextargets', '--format', '$(ORIGIN) $(CODENAME) $(REPO_URI)', 'Created-By: Packages']).catch(
    () => '',
  )
  return (
    targets
      .split('\n')
      .find((line) => line.startsWith(`Debian ${SUITE} `))
      ?.split(' ')[2] ?? MIRROR
  )
}

/** Of the first record. A field of several lines is one line. */
function fields(text: string): ReadonlyMap<string, string> {
  const [record = ''] = text.split('\n\n')
  return new Map(
    record
      .replace(/\n[ \t]+/g, ' ')
      .split('\n')
      .map((line) => line.split(/: (.*)/s).slice(0, 2) as [string, string]),
  )
}
