import { DiskError } from './disk-error.ts'

const NAME_MAX = 255
const SHORT = /^([A-Z0-9$%'\-_@~`!(){}^#&]{1,8})(?:\.([A-Z0-9$%'\-_@~`!(){}^#&]{1,3}))?$/

/** A path's names. @throws DiskError 'path' when FAT cannot store one of them. */
export function splitPath(path: string): readonly string[] {
  const names = path.split('/').filter((name) => name !== '')
  const bad = names.find((name) => name.length > NAME_MAX || /[\x00-\x1f"*:<>?\\|\x7f]|[. ]$|^ /.test(name) || !name.isWellFormed())
  if (bad !== undefined) throw new DiskError('path', `"${bad}" is no file name on a FAT file system`)
  return names
}

/** Names that differ only in case are the same file. FAT folds one UTF-16 unit at a time. */
export const foldName = (name: string): string =>
  name
    .split('')
    .map((unit) => (unit.toUpperCase().length === 1 ? unit.toUpperCase() : unit))
    .join('')

/**
 * The eleven bytes that stand for `name` where long names are not understood, and whether a long name must stand beside them.
 * `taken` are those of the folder.
 */
export function shortNameOf(name: string, taken: ReadonlySet<string>): { readonly short: string; readonly needsLong: boolean } {
  const plain = SHORT.exec(name.toUpperCase())
  if (plain) {
    const short = padded(plain[1]!, plain[2] ?? '')
    if (!taken.has(short)) return { short, needsLong: name !== name.toUpperCase() }
  }
  const dot = name.lastIndexOf('.')
  const base = cleaned(dot > 0 ? name.slice(0, dot) : name) || '_'
  const extension = dot > 0 ? cleaned(name.slice(dot + 1)).slice(0, 3) : ''
  for (let number = 1; ; number++) {
    const tail = `~${number}`
    const short = padded(base.slice(0, 8 - tail.length) + tail, extension)
    if (!taken.has(short)) return { short, needsLong: true }
  }
}

const cleaned = (text: string): string =>
  text
    .replace(/[. ]/g, '')
    .replace(/[a-z]/g, (letter) => letter.toUpperCase())
    .replace(/[^A-Z0-9$%'\-_@~`!(){}^#&]/g, '_')

const padded = (base: string, extension: string): string => base.padEnd(8) + extension.padEnd(3)

/** Ties the parts of a long name to their short one. */
export const checksumOf = (short: Uint8Array): number => short.reduce((sum, byte) => (((sum & 1) << 7) + (sum >> 1) + byte) & 0xff, 0)
