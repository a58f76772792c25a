import { randomUUID } from 'node:crypto'
import { chmod, chown, mkdir, readdir, readFile, readlink, rename, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { isMissing } from '../../host/files.ts'
import type { VolumeContent } from './config-content.ts'

const DATA = '..data'

/**
 * Makes a folder hold exactly `content`, all of it in one instant: the files are in a folder of their own, `..data` links to it, and
 * what readers see are links through `..data`. Nothing is touched when nothing changed, so watchers inside a container stay calm.
 *
 * @param group Owner group of the files, which may then read them; absent: root's.
 * @see Source: Kubernetes pkg/volume/util AtomicWriter.
 */
export async function writeAtomicFolder(folder: string, content: VolumeContent, group?: number): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o755 })
  const before = await linkTarget(join(folder, DATA))
  if (before !== undefined && (await holds(join(folder, before), content, group))) return

  const version = `..${randomUUID()}`
  await mkdir(join(folder, version), { mode: 0o755 })
  for (const [path, { data, mode }] of content) await writeOne(join(folder, version, path), data, mode, group)
  await symlink(version, join(folder, `${DATA}_tmp`))
  await rename(join(folder, `${DATA}_tmp`), join(folder, DATA))
  await linkNames(folder, new Set([...content.keys()].map((path) => path.split('/')[0]!)))
  for (const name of await readdir(folder))
    if (name.startsWith('..') && name !== DATA && name !== version) await rm(join(folder, name), { recursive: true, force: true })
}

async function writeOne(path: string, data: Buffer, mode: number, group: number | undefined): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o755 })
  await writeFile(path, data)
  if (group !== undefined) await chown(path, -1, group)
  await chmod(path, effectiveMode(mode, group))
}

/** Readers see `name` → `..data/name`. Names that are gone go, after `..data` has changed. */
async function linkNames(folder: string, names: ReadonlySet<string>): Promise<void> {
  const present = new Set((await readdir(folder)).filter((name) => !name.startsWith('..')))
  for (const name of names) if (!present.has(name)) await symlink(join(DATA, name), join(folder, name))
  for (const name of present) if (!names.has(name)) await rm(join(folder, name), { recursive: true, force: true })
}

async function holds(folder: string, content: VolumeContent, group: number | undefined): Promise<boolean> {
  const present = await filesIn(folder)
  if (present.length !== content.size) return false
  for (const [path, { data, mode }] of content) {
    if (!present.includes(path)) return false
    const info = await stat(join(folder, path))
    if ((info.mode & 0o7777) !== effectiveMode(mode, group) || (group !== undefined && info.gid !== group)) return false
    if (!data.equals(await readFile(join(folder, path)))) return false
  }
  return true
}

async function filesIn(folder: string): Promise<readonly string[]> {
  try {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true })
    return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
  } catch (error) {
    if (isMissing(error)) return []
    throw error
  }
}

const effectiveMode = (mode: number, group: number | undefined): number => (group === undefined ? mode : mode | 0o440)

async function linkTarget(path: string): Promise<string | undefined> {
  try {
    return await readlink(path)
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}
