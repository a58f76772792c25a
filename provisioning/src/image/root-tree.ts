import { chmod, copyFile, lstat, mkdir, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { basename, dirname, join, relative } from 'node:path'
import { must, run } from '../run.ts'
import type { BaseRecipe } from './recipe.ts'
import { publicSources } from './sources.ts'

/** What is laid over the Debian part. */
export interface Layers {
  readonly recipe: BaseRecipe
  /** Folder with firstboot.sh, launcher and overlay/. */
  readonly nodeFiles: string
  /** A release of Bramble, .tar.zst or .tar.gz; without one the card brings it. */
  readonly bundle: string | undefined
  /** Archives of container images that the node has from the start. */
  readonly preload: readonly string[]
  /** No file of the tree is younger. */
  readonly epoch: number
}

/** Where the agent looks for archives of images. */
const IMAGES_FOLDER = 'var/lib/bramble/images'

/** Services of Debian that a node wants beyond those that install themselves. */
const WANTED: readonly (readonly [unit: string, by: string])[] = [
  ['systemd-networkd.service', 'multi-user.target'],
  ['systemd-networkd.socket', 'sockets.target'],
  ['systemd-networkd-wait-online.service', 'network-online.target'],
  ['systemd-resolved.service', 'multi-user.target'],
  ['systemd-timesyncd.service', 'sysinit.target'],
]

/** What wakes a card up or holds its boot up for nothing, or starts containers that are the agent's. */
const MASKED = [
  'apt-daily.timer',
  'apt-daily-upgrade.timer',
  'dpkg-db-backup.timer',
  'e2scrub_all.timer',
  'e2scrub_reap.service',
  'fstrim.timer',
  'podman-auto-update.timer',
  'podman-auto-update.service',
  'podman-restart.service',
  'podman-clean-transient.service',
]

/** What packages left behind that differs from one build to the next, belongs to one machine alone, or is of no use. */
const SWEPT = [
  'etc/apt/apt.conf.d/99mmdebstrap',
  'etc/apt/sources.list',
  'etc/hostname',
  'etc/resolv.conf',
  'etc/machine-id',
  'var/lib/dbus/machine-id',
  'var/lib/systemd/random-seed',
  'var/lib/systemd/catalog/database',
  'var/cache/ldconfig/aux-cache',
  'var/cache/debconf/templates.dat-old',
  'var/cache/debconf/config.dat-old',
  'var/lib/dpkg/status-old',
  'var/lib/dpkg/diversions-old',
  'var/lib/dpkg/statoverride-old',
  'etc/passwd-',
  'etc/shadow-',
  'etc/group-',
  'etc/gshadow-',
  'etc/subuid-',
  'etc/subgid-',
  'etc/systemd/system/default.target.wants/podman.service', // the agent has its own
  'etc/systemd/system/sockets.target.wants/podman.socket',
  'etc/systemd/system/multi-user.target.wants/wpa_supplicant.service', // one for wlan0 is started when there is one
]
const EMPTIED = ['var/log', 'var/lib/apt/lists', 'var/cache/apt', 'tmp', 'var/tmp', 'run']

/** Lays everything over an unpacked base: afterwards the tree is the image's root. @returns the version of the release in it. */
export async function fillTree(tree: string, layers: Layers): Promise<string | undefined> {
  const { recipe, nodeFiles, bundle, preload, epoch } = layers
  await sweep(tree)
  await layOver(join(nodeFiles, 'overlay'), tree)
  const firstBoot = join(tree, 'usr/lib/bramble/firstboot.sh')
  await put(firstBoot, await readFile(join(nodeFiles, 'firstboot.sh'), 'utf8'), 0o755)
  const join_ = await must('sh', [firstBoot, 'unit'])
  await put(join(tree, 'etc/systemd/system/bramble-firstboot-join.service'), `${join_}\n`)
  await put(join(tree, 'etc/apt/sources.list'), publicSources(recipe.suite))
  await put(join(tree, 'etc/machine-id'), '')
  await symlink('../run/systemd/resolve/stub-resolv.conf', join(tree, 'etc/resolv.conf'))
  for (const [unit, by] of WANTED) await enable(tree, `/lib/systemd/system/${unit}`, by)
  for (const unit of MASKED) await link('/dev/null', join(tree, 'etc/systemd/system', unit))
  await enable(tree, '/etc/systemd/system/bramble-firstboot.service', 'sysinit.target')
  await enable(tree, '/etc/systemd/system/bramble-firstboot-join.service', 'multi-user.target')
  const version = bundle === undefined ? undefined : await unpackRelease(tree, bundle, recipe.arch)
  await mkdir(join(tree, IMAGES_FOLDER), { recursive: true })
  for (const archive of preload) await copyFile(archive, join(tree, IMAGES_FOLDER, basename(archive)))
  await keyOnly(tree)
  const dpkg = join(tree, 'etc/dpkg/dpkg.cfg.d/99mmdebstrap')
  await put(dpkg, (await readFile(dpkg, 'utf8')).replace('force-unsafe-io\n', '')) // from now on power may be cut
  // older files keep the time that Debian gave them
  await must('find', [tree, '-newermt', `@${epoch}`, '-exec', 'touch', '--no-dereference', `--date=@${epoch}`, '{}', '+'])
  return version
}

async function sweep(tree: string): Promise<void> {
  for (const path of SWEPT) await rm(join(tree, path), { force: true })
  for (const folder of EMPTIED) {
    const names = await readdir(join(tree, folder), { withFileTypes: true, recursive: true }).catch(() => [])
    for (const name of names) if (!name.isDirectory()) await rm(join(name.parentPath, name.name), { force: true })
  }
  for (const name of await readdir(join(tree, 'etc/ssh')).catch(() => []))
    if (name.startsWith('ssh_host_')) await rm(join(tree, 'etc/ssh', name))
  for (const name of await readdir(join(tree, 'etc/apt/sources.list.d')).catch(() => []))
    await rm(join(tree, 'etc/apt/sources.list.d', name))
}

/** Owner root, modes as git knows them. */
async function layOver(from: string, tree: string): Promise<void> {
  for (const entry of await readdir(from, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    const isProgram = ((await lstat(path)).mode & 0o100) !== 0
    await put(join(tree, relative(from, path)), await readFile(path), isProgram ? 0o755 : 0o644)
  }
}

/**
 * A release as the launcher wants it, current in the agent's slot.
 *
 * @throws Error when the archive is damaged, is no release, or is one for other machines.
 */
async function unpackRelease(tree: string, bundle: string, arch: BaseRecipe['arch']): Promise<string> {
  const opt = join(tree, 'opt/bramble')
  const part = join(opt, 'releases/.part')
  await mkdir(part, { recursive: true })
  const unpacked = await run('tar', ['--extract', '--file', bundle, '--directory', part, '--strip-components=1', '--no-same-owner'])
  if (unpacked.exitCode !== 0) throw new Error(`${bundle} cannot be unpacked: ${unpacked.stderr.trim()}`)
  const text = await readFile(join(part, 'release.json'), 'utf8').catch(() => undefined)
  if (text === undefined) throw new Error(`${bundle} is no release of bramble: it has no release.json; "npm run release" makes one`)
  const release = JSON.parse(text) as { readonly version: string; readonly arch: string }
  if (release.arch !== arch) throw new Error(`${bundle} is for ${release.arch}, the image for ${arch}: give the bundle for ${arch}`)
  const whole = await run('sha256sum', ['--check', '--quiet', 'SHA256SUMS'], { cwd: part })
  if (whole.exitCode !== 0) throw new Error(`${bundle} is damaged: ${whole.stdout.trim() || whole.stderr.trim()}`)

  const home = join(opt, 'releases', release.version)
  await rename(part, home)
  await link(`../releases/${release.version}`, join(opt, 'agent/current'))
  await put(join(opt, 'launcher'), await readFile(join(home, 'share/launcher')), 0o755)
  return release.version
}

/** Nobody has a password; who brought a key may log in. */
async function keyOnly(tree: string): Promise<void> {
  const shadow = join(tree, 'etc/shadow')
  const text = await readFile(shadow, 'utf8')
  await put(shadow, text.replace(/^root:[^:]*:/m, 'root:*:'), (await lstat(shadow)).mode & 0o777)
}

const enable = (tree: string, unit: string, by: string): Promise<void> =>
  link(unit, join(tree, `etc/systemd/system/${by}.wants`, basename(unit)))

async function link(target: string, path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  await rm(path, { force: true })
  await symlink(target, path)
}

/** Content of an existing file is replaced; its owner stays. */
async function put(path: string, content: string | Uint8Array, mode = 0o644): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, content)
  await chmod(path, mode)
}
