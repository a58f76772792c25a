/** One line of /proc/self/mountinfo. */
export interface MountEntry {
  readonly id: number
  readonly parentId: number
  /** Which part of the file system is seen, `/` for all of it. */
  readonly root: string
  readonly target: string
  readonly fsType: string
  /** Device or server. */
  readonly source: string
}

/**
 * Mounts in the order in which they were made; lines that cannot be read are left out. Pure.
 * @see Source: proc_pid_mountinfo(5).
 */
export const parseMountInfo = (text: string): readonly MountEntry[] =>
  text.split('\n').flatMap((line) => {
    const fields = line.split(' ')
    const dash = fields.indexOf('-', 6)
    const [id, parentId, , root, target] = fields
    const [fsType, source] = fields.slice(dash + 1)
    if (dash < 0 || root === undefined || target === undefined || fsType === undefined || source === undefined) return []
    return [{ id: Number(id), parentId: Number(parentId), root: plain(root), target: plain(target), fsType, source: plain(source) }]
  })

/** Mounts at a folder and below it, the latest first: the order to unmount them in. */
export const mountsWithin = (mounts: readonly MountEntry[], folder: string): readonly MountEntry[] =>
  mounts.filter(({ target }) => isWithin(target, folder)).reverse()

/** What is seen at a path: the latest mount exactly there. */
export const mountAt = (mounts: readonly MountEntry[], path: string): MountEntry | undefined =>
  mounts.findLast(({ target }) => target === path)

export const isWithin = (path: string, folder: string): boolean => path === folder || path.startsWith(folder === '/' ? '/' : `${folder}/`)

/** The kernel writes space, tab, newline and backslash in octal. */
const plain = (text: string): string => text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
