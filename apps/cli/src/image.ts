import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { type Command, Option } from 'commander'
import { ownMirrors } from '@bramble/provisioning/image/base-tree'
import { buildImage } from '@bramble/provisioning/image/build-image'
import { ARCHES, type BaseRecipe, RUNTIMES, SUITES } from '@bramble/provisioning/image/recipe'
import { mirrorsAt } from '@bramble/provisioning/image/sources'
import { UsageError } from './fail.ts'
import { installation } from './installation.ts'

interface BuildOptions {
  readonly output: string
  readonly arch: BaseRecipe['arch']
  readonly runtime: BaseRecipe['runtime']
  readonly suite: BaseRecipe['suite']
  readonly bundle?: string
  readonly preload: readonly string[]
  readonly mirror?: string
  readonly size?: string
  readonly cache: string
}

const SIZE_UNITS: Readonly<Record<string, number>> = { M: 1024 ** 2, G: 1024 ** 3 }

export function addImageCommand(program: Command): void {
  program
    .command('image')
    .description('images that machines boot from')
    .command('build')
    .description('make a complete image from Debian packages and a release: as root, on Debian; "bramble flash" writes it to cards')
    .requiredOption('--output <FILE>', 'the image, such as bramble-arm64.img')
    .addOption(new Option('--arch <ARCH>', 'arm64 for Raspberry Pis; x64 for virtual machines').choices(ARCHES).default('arm64'))
    .addOption(new Option('--runtime <NAME>', 'what runs the containers').choices(RUNTIMES).default('podman'))
    .addOption(new Option('--suite <NAME>', 'which Debian').choices(SUITES).default('bookworm'))
    .option('--bundle <FILE>', 'release to put inside, as "npm run release" makes it; without one the card brings it')
    .option('--preload <ARCHIVE...>', 'archives of container images to put inside, for sites without a registry', [])
    .option('--mirror <URL>', "where Debian packages come from (default: as this machine's apt); the image itself names deb.debian.org")
    .option('--size <SIZE>', 'of the image, such as 4G (default: what it needs; its root grows to the card)')
    .option('--cache <FOLDER>', 'where what was made of Debian packages is kept for the next image', '/var/cache/bramble/images')
    .action((options: BuildOptions) => build(options))
}

async function build(options: BuildOptions): Promise<void> {
  if (options.mirror !== undefined && !/^https?:\/\/\S+$/.test(options.mirror))
    throw new UsageError(`--mirror must be an address such as http://deb.debian.org/debian, not "${options.mirror}"`)
  for (const archive of options.preload)
    if (!/\.(tar|tar\.gz|tgz|tar\.zst|tar\.xz|tar\.bz2)$/.test(archive))
      throw new UsageError(`--preload ${archive}: must be an archive of images (.tar, .tar.gz …), as "podman save" makes it`)
  const output = resolve(options.output)
  const { sizeBytes, version } = await buildImage({
    ...options,
    output,
    bundle: options.bundle,
    sizeBytes: options.size === undefined ? undefined : bytesOf(options.size),
    mirrors: options.mirror === undefined ? await ownMirrors() : mirrorsAt(options.mirror),
    cacheFolder: resolve(options.cache),
    nodeFiles: nodeFiles(),
    say: (line) => console.log(`bramble: ${line}`),
  })
  const what = version === undefined ? 'no release inside: "bramble flash --bundle" brings it' : `bramble ${version} inside`
  console.log(`bramble: ${output}: ${(sizeBytes / 1e6).toFixed(0)} MB, ${what}`)
}

/** Files that belong on nodes: in the repository, or in a release. */
function nodeFiles(): string {
  const folder = join(installation.root, installation.kind === 'sources' ? 'provisioning/node' : 'share')
  if (!existsSync(join(folder, 'overlay')))
    throw new UsageError('this installation of bramble cannot build images: share/overlay is missing')
  return folder
}

function bytesOf(size: string): number {
  const [, number, unit] = /^(\d+)([MG])(?:i?B)?$/i.exec(size) ?? []
  if (number === undefined) throw new UsageError(`--size must be a number of MiB or GiB such as 4G, not "${size}"`)
  return Number(number) * SIZE_UNITS[unit!.toUpperCase()]!
}
