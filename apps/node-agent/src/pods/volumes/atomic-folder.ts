import { randomUUID } from 'node:crypto'
import * as disk from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { ifPresent } from './if-present.ts'
import type { VolumeContent, VolumeFile } from './payload.ts'

const DATA = '..data'
const DRAFT = '..data_tmp'

/** The steps that change something: a crash may fall between any two of them. */
export type FolderSteps = Pick<typeof disk, 'mkdir' | 'writeFile' | 'symlink' | 'rename' | 'rm' | 'chown' | 'chmod'>

/**
 * Makes a folder hold exactly `content`, all of it in one instant: the files are in a folder of their own, `..data` links to it, and
 * what readers see are links through `..data`. Nothing is touched when nothing changed, so watchers inside a container stay calm; what
 * a crash left half done is put right.
 *
 * @param group Owner group of everything, which may then read it; absent: root's.
 * @see Source: Kubernetes pkg/volume/util AtomicWriter.
 */
export async function writeAtomicFolder(folder: string, content: VolumeContent, group?: number, steps: FolderSteps = disk): Promise<void> {
  await steps.mkdir(folder, { recursive: true, mode: 0o755 })
  const before = await ifPresent(disk.readlink(join(folder, DATA)))
  const isCurrent = before !== undefined && (await holds(join(folder, before), content, group))
  const version = isCurrent ? before : `..${randomUUID()}`
  if (!isCurrent) {
    await writeVersion(join(folder, version), content, group, steps)
    await steps.rm(join(folder, DRAFT), { force: true })
    await steps.symlink(version, join(folder, DRAFT))
    await steps.rename(join(folder, DRAFT), join(folder, DATA))
  }
  await linkNames(folder, new Set([...content.keys()].map((path) => path.split('/')[0]!)), steps)
  for (const name of await disk.readdir(folder))
    if (name.startsWith('..') && name !== DATA && name !== version) await steps.rm(join(folder, name), { recursive: true, force: true })
  await openToAll(folder, group, steps)
}

async function writeVersion(folder: string, content: VolumeContent, group: number | undefined, steps: FolderSteps): Promise<void> {
  const folders = new Set([folder, ...[...content.keys()].flatMap((path) => parentsOf(path).map((parent) => join(folder, parent)))])
  for (const each of folders) {
    await steps.mkdir(each, { mode: 0o755 })
    if (group !== undefined) await steps.chown(each, -1, group)
    await steps.chmod(each, folderMode(group))
  }
  for (const [path, file] of content) {
    const at = join(folder, path)
    await steps.writeFile(at, file.data)
    if (group !== undefined || file.user !== undefined) await steps.chown(at, file.user ?? -1, group ?? -1)
    await steps.chmod(at, fileMode(file, group))
  }
}

/** Readers see `name` → `..data/name`. Names that are gone go, after `..data` has changed; what is no link of ours stays. */
async function linkNames(folder: string, names: ReadonlySet<string>, steps: FolderSteps): Promise<void> {
  const present = (await disk.readdir(folder, { withFileTypes: true })).filter(({ name }) => !name.startsWith('..'))
  const known = new Set(present.map(({ name }) => name))
  for (const name of names) if (!known.has(name)) await steps.symlink(join(DATA, name), join(folder, name))
  for (const entry of present)
    if (entry.isSymbolicLink() && !names.has(entry.name)) await steps.rm(join(folder, entry.name), { force: true })
}

/** As Kubernetes' own volumes are: what may be read is for the files to say. */
async function openToAll(folder: string, group: number | undefined, steps: FolderSteps): Promise<void> {
  const info = await disk.stat(folder)
  const mode = group === undefined ? 0o777 : 0o2777
  if (group !== undefined && info.gid !== group) await steps.chown(folder, -1, group)
  if ((info.mode & 0o2777) !== mode) await steps.chmod(folder, mode)
}

async function holds(folder: string, content: VolumeContent, group: number | undefined): Promise<boolean> {
  const present = await filesIn(folder)
  if (present.length !== content.size) return false
  for (const [path, file] of content) {
    if (!present.includes(path)) return false
    const info = await disk.stat(join(folder, path))
    if ((info.mode & 0o7777) !== fileMode(file, group)) return false
    if ((group !== undefined && info.gid !== group) || (file.user !== undefined && info.uid !== file.user)) return false
    if (!file.data.equals(await disk.readFile(join(folder, path)))) return false
  }
  return true
}

async function filesIn(folder: string): Promise<readonly string[]> {
  const entries = (await ifPresent(disk.readdir(folder, { recursive: true, withFileTypes: true }))) ?? []
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
}

/** `a/b/c` → `a`, `a/b`. */
const parentsOf = (path: string): readonly string[] => {
  const parent = dirname(path)
  return parent === '.' ? [] : [...parentsOf(parent), parent]
}

const fileMode = ({ mode }: VolumeFile, group: number | undefined): number => (group === undefined ? mode : mode | 0o440)
const folderMode = (group: number | undefined): number => (group === undefined ? 0o755 : 0o2755)
