import { existsSync } from 'node:fs'
import { chmod, copyFile, mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { ProgramName } from './programs.ts'

// Where releases are installed: see docs/design/updates.md. The launcher picks the release of a slot, and returns to the one before.

export const OPT_FOLDER = '/opt/bramble'
const LAUNCHER = join(OPT_FOLDER, 'launcher')
export const BRAMBLE_COMMAND = '/usr/local/bin/bramble'
/** Of the node's release, else of the control plane's: an update changes what it runs. */
const BRAMBLE_SCRIPT = `#!/bin/sh
for slot in agent server; do
  release=${OPT_FOLDER}/$slot/current
  [ ! -x "$release/bin/bramble" ] || exec "$release/bin/bramble" "$@"
done
echo "bramble: no release is installed in ${OPT_FOLDER}" >&2
exit 1
`

const slotOf = (name: ProgramName): 'agent' | 'server' => (name === 'control-plane' ? 'server' : 'agent')

/** Whether a folder is one of the installed releases. */
export const isInstalledRelease = (root: string): boolean => dirname(root.replace(/\/$/, '')) === join(OPT_FOLDER, 'releases')

/** What a service starts: the launcher, which knows the slot's release. */
export const slotCommand = (name: ProgramName): readonly string[] => [LAUNCHER, slotOf(name), 'run']

/**
 * Makes an installed release the one of a program that has none yet, and puts launcher and `bramble` where they are found. What is
 * there stays: updates are the launcher's.
 *
 * @param root Folder of the release.
 */
export async function ensureSlot(name: ProgramName, root: string): Promise<void> {
  const slot = join(OPT_FOLDER, slotOf(name))
  await mkdir(slot, { recursive: true, mode: 0o755 })
  if (!existsSync(LAUNCHER)) {
    await copyFile(join(root, 'share', 'launcher'), `${LAUNCHER}.part`)
    await chmod(`${LAUNCHER}.part`, 0o755)
    await rename(`${LAUNCHER}.part`, LAUNCHER)
  }
  const current = join(slot, 'current')
  if (!existsSync(current)) await replaceLink(join('..', 'releases', basename(root)), current)
  if (!existsSync(BRAMBLE_COMMAND)) await writeFile(BRAMBLE_COMMAND, BRAMBLE_SCRIPT, { mode: 0o755 })
}

/** A dangling one is there and leads nowhere: it is replaced. */
async function replaceLink(target: string, path: string): Promise<void> {
  const part = `${path}.part`
  await rm(part, { force: true })
  await symlink(target, part)
  await rename(part, path)
}

/** Removes every release, the launcher and the command. What runs of them goes on until it ends. */
export async function uninstallReleases(): Promise<void> {
  await rm(OPT_FOLDER, { recursive: true, force: true })
  await rm(BRAMBLE_COMMAND, { force: true })
}
