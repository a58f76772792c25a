import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdir, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { type ReleaseArch, releaseFileName } from '../../provisioning/src/release/release-name.ts'
import { must } from '../../provisioning/src/run.ts'
import { debianPackages } from '../../tools/release/debian.ts'

const ROOT = join(import.meta.dirname, '../..')
const CACHE = join(ROOT, 'dist/release-cache')
/** What the programs of a release need of a machine besides themselves, and a shell. */
const SYSTEM = ['libc6', 'libgcc-s1', 'libstdc++6', 'busybox-static']
const TOOLS = ['sh', 'readlink', 'cat', 'ls', 'env']
export const VERSION = '0.1.9-test'

/** Makes releases as `npm run release` does, packed less tightly. @returns what was printed. */
export const makeReleases = (output: string, ...arches: readonly ReleaseArch[]): Promise<string> =>
  must(
    process.execPath,
    [
      join(ROOT, 'tools/release/release.ts'),
      ...['--output', output, '--version', VERSION, '--level', '1'],
      ...arches.flatMap((arch) => ['--arch', arch]),
    ],
    { env: { SOURCE_DATE_EPOCH: '1700000000' } },
  )

/** Why releases cannot be made here; undefined when they can. */
export async function whyNoReleases(...arches: readonly ReleaseArch[]): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return 'needs root'
  for (const arch of arches)
    try {
      await debianPackages(['containernetworking-plugins', ...SYSTEM], arch, CACHE)
    } catch (error) {
      return `Debian's packages for ${arch} cannot be had: ${(error as Error).message}`
    }
  return undefined
}

/** Why programs of a processor do not run here, in a root of their own; undefined when they do. */
export function whyNotRun(arch: ReleaseArch): string | undefined {
  if (arch === process.arch) return undefined
  const handler = join('/proc/sys/fs/binfmt_misc', arch === 'arm64' ? 'qemu-aarch64' : 'qemu-x86_64')
  if (!existsSync(handler)) return `no emulation of ${arch} is registered: apt-get install qemu-user-static`
  return /^flags:.*F/m.test(readFileSync(handler, 'utf8')) ? undefined : `the emulation of ${arch} does not reach into other roots (flag F)`
}

/** Unpacks a release as a node does. @returns its folder. */
export async function unpackRelease(output: string, arch: ReleaseArch, releases: string): Promise<string> {
  await mkdir(releases, { recursive: true })
  await must('tar', ['--zstd', '-xf', join(output, releaseFileName({ version: VERSION, arch })), '-C', releases])
  return join(releases, `bramble-${VERSION}`)
}

/** A root with a C library, a shell and nothing else. */
export async function emptyRoot(root: string, arch: ReleaseArch): Promise<void> {
  for (const folder of ['bin', 'proc', 'tmp', 'dev', 'sys', 'etc', 'var/lib']) await mkdir(join(root, folder), { recursive: true })
  for (const { file } of await debianPackages(SYSTEM, arch, CACHE)) await must('dpkg-deb', ['--extract', file, root])
  for (const tool of TOOLS) await symlink('busybox', join(root, 'bin', tool))
  const found = readdirSync(join(root, 'bin')).filter((name) => !['busybox', ...TOOLS].includes(name))
  if (found.length > 0) throw new Error(`the root is not empty: ${found.join(' ')}`)
}

/** Runs a program in such a root: no network, no processes but its own. */
export const inRoot = (root: string, ...command: readonly string[]) => [
  ...['--mount', '--net', '--pid', '--ipc', '--uts', '--fork', '--kill-child', '--propagation', 'private', '--', 'sh', '-c'],
  `mount -t proc proc ${root}/proc && mount --bind /dev ${root}/dev && exec chroot ${root} env -i PATH=/bin "$@"`,
  'sh',
  ...command,
]
