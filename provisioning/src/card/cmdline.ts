/** A word of the kernel's command line that must be there; others of the same name go. */
export type CmdlineEdit =
  /** The only word `name=…`. */
  | { readonly set: string }
  /** One of several words `name=…`; those stay. */
  | { readonly add: string; readonly before?: string }
  | { readonly remove: string }

/** What every node needs: limits of memory do not work on a Pi without these. */
export const CGROUP_EDITS: readonly CmdlineEdit[] = [
  { remove: 'cgroup_disable=memory' },
  { add: 'cgroup_enable=memory' },
  { set: 'cgroup_memory=1' },
]

/**
 * cmdline.txt with the edits made. Applied twice, it changes nothing more.
 *
 * The firmware reads the first line alone: that one is edited, in its place and with its line end, and never becomes two.
 */
export function editCmdline(text: string, edits: readonly CmdlineEdit[]): string {
  const [first = '', rest = '\n'] = /^([^\r\n]*)([\s\S]*)$/.exec(text.replace(/^\uFEFF/, ''))!.slice(1)
  let words = wordsOf(first)
  for (const edit of edits) words = edited(words, edit)
  return words.join(' ') + (rest === '' ? '\n' : rest)
}

function edited(words: readonly string[], edit: CmdlineEdit): readonly string[] {
  if ('remove' in edit) return words.filter((word) => word !== edit.remove)
  if ('set' in edit) {
    const name = `${edit.set.split('=')[0]}=`
    const at = words.findIndex((word) => word.startsWith(name))
    const others = words.filter((word, index) => index === at || !word.startsWith(name))
    return at < 0 ? [...words, edit.set] : others.map((word) => (word.startsWith(name) ? edit.set : word))
  }
  if (words.includes(edit.add)) return words
  const at = edit.before === undefined ? -1 : words.findIndex((word) => word.startsWith(edit.before!))
  return at < 0 ? [...words, edit.add] : [...words.slice(0, at), edit.add, ...words.slice(at)]
}

/** Words, with those in double quotes whole: a value may hold blanks. */
export const wordsOf = (line: string): readonly string[] => line.match(/(?:[^\s"]+|"[^"]*"?)+/g) ?? []
