import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile, copyFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { must } from '../run.ts'
import { baseTree } from './base-tree.ts'
import { DISK_ID, writeDisk } from './disk-image.ts'
import type { BaseRecipe } from './recipe.ts'
import { fillTree } from './root-tree.ts'
import type { Mirrors } from './sources.ts'

export interface ImageOptions extends BaseRecipe {
  readonly output: string
  /** Release bundle inside; undefined: the card brings it. */
  readonly bundle: string | undefined
  /** Archives of container images. */
  readonly preload: readonly string[]
  readonly mirrors: Mirrors
  readonly sizeBytes: number | undefined
  readonly cacheFolder: string
  /** Folder of firstboot.sh and overlay/. */
  readonly nodeFiles: string
  readonly say: (line: string) => void
}

export interface BuiltImage {
  readonly sizeBytes: number
  readonly version: string | undefined
}

/** What `bramble/image.json` on the boot partition says: this image is ours, and what is in it. */
export interface ImageFacts {
  readonly format: 1
  readonly arch: BaseRecipe['arch']
  readonly suite: BaseRecipe['suite']
  readonly runtime: BaseRecipe['runtime']
  /** Of the release inside. */
  readonly version?: string
  readonly builtFrom: string
}

/** What a kernel is told in either variant: `ROOT` is the disk's id in both. Memory limits of pods need the cgroup. */
const KERNEL_WORDS = `root=PARTUUID=${DISK_ID}-02 rootfstype=ext4 rootwait fsck.repair=yes net.ifnames=0 cgroup_enable=memory cgroup_memory=1 panic=10`

/**
 * A complete bootable image from Debian packages and a release of Bramble. As root, without mounts of our own, loop devices or
 * partitions of this machine. The same inputs (packages, release, archives) give the same bytes. The output appears whole or not at all.
 *
 * @throws Error that says what is missing, damaged or too large.
 */
export async function buildImage(options: ImageOptions): Promise<BuiltImage> {
  const { output, cacheFolder, nodeFiles, bundle, preload, say, arch } = options
  if (process.getuid?.() !== 0) throw new Error('building an image needs root: files of the image belong to many users; try sudo')
  for (const file of [...preload, ...(bundle === undefined ? [] : [bundle])])
    if (!(await stat(file).catch(() => undefined))?.isFile()) throw new Error(`${file} is not there, or is no file`)

  const { archive, epoch } = await baseTree(options, options)
  const folder = await mkdtemp(join(cacheFolder, '.build-'))
  const part = join(dirname(output), `.${basename(output)}.part`)
  try {
    const tree = join(folder, 'root')
    await mkdir(tree)
    await must('tar', ['-x', '-f', archive, '-C', tree, '--numeric-owner', '--preserve-permissions', '--xattrs', '--xattrs-include=*'])
    say(`laying ${bundle === undefined ? 'settings' : basename(bundle)} over Debian ${options.suite} (${arch}, ${options.runtime})`)
    const version = await fillTree(tree, { recipe: options, nodeFiles, bundle, preload, epoch })
    await fillBoot(
      tree,
      {
        format: 1,
        arch,
        suite: options.suite,
        runtime: options.runtime,
        ...(version !== undefined && { version }),
        builtFrom: new Date(epoch * 1000).toISOString(),
      },
      epoch,
    )
    await writeDisk({ tree, output: part, sizeBytes: options.sizeBytes, epoch })
    await rename(part, output)
    return { sizeBytes: (await stat(output)).size, version }
  } finally {
    await rm(folder, { recursive: true, force: true })
    await rm(part, { force: true })
  }
}

/** raspi-firmware has filled the boot partition of a Pi; other machines are given their kernel by whoever starts them. */
async function fillBoot(tree: string, facts: ImageFacts, epoch: number): Promise<void> {
  const boot = join(tree, 'boot/firmware')
  if (facts.arch === 'arm64') {
    await writeFile(join(boot, 'cmdline.txt'), `console=serial0,115200 console=tty1 ${KERNEL_WORDS}\n`)
    const config = join(boot, 'config.txt')
    await writeFile(config, `${await readFile(config, 'utf8')}\n[all]\n${CONFIG_LINES}`)
    // its hook writes both files anew with each kernel
    await writeFile(join(tree, 'etc/default/raspi-firmware'), `ROOTPART="PARTUUID=${DISK_ID}-02"\nCONSOLES="auto"\n`)
    await writeFile(join(tree, 'etc/default/raspi-firmware-custom'), CONFIG_LINES)
    await writeFile(join(tree, 'etc/default/raspi-extra-cmdline'), KERNEL_WORDS.replace(/^root=\S+ rootfstype=\S+ /, ''))
  } else {
    const names = (await readdir(join(tree, 'boot'))).sort()
    const newest = (prefix: string): string => join(tree, 'boot', names.findLast((name) => name.startsWith(prefix))!)
    await copyFile(newest('vmlinuz-'), join(boot, 'vmlinuz'))
    await copyFile(newest('initrd.img-'), join(boot, 'initrd.img'))
    await writeFile(join(boot, 'cmdline.txt'), `console=tty1 console=ttyS0 ${KERNEL_WORDS}\n`)
  }
  await mkdir(join(boot, 'bramble'), { recursive: true })
  await writeFile(join(boot, 'bramble/image.json'), `${JSON.stringify(facts, undefined, 2)}\n`)
  for (const place of [boot, join(tree, 'etc/default')])
    await must('find', [place, '-newermt', `@${epoch}`, '-exec', 'touch', `--date=@${epoch}`, '{}', '+'])
}

/** A board that hangs starts again. */
const CONFIG_LINES = 'dtparam=watchdog=on\n'
