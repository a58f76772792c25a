/** Sections of config.txt that no boot of this card reads as its own. */
const ELSEWHERE = new Set(['none', 'tryboot', 'partition', 'boot_partition'])

interface Line {
  readonly section: string
  /** Without comment and blanks around; '' when nothing is said. */
  readonly text: string
}

/** config.txt with `dtparam=watchdog=on` for every board. Applied twice, it changes nothing more; all that was there stays. */
export function withWatchdog(text: string): string {
  const lines = linesOf(text)
  const settings = lines
    .filter(({ section, text }) => section === 'all' && text.startsWith('dtparam='))
    .flatMap(({ text }) => parametersOf(text))
  const last = settings.filter((parameter) => parameter === 'watchdog' || parameter.startsWith('watchdog=')).at(-1)
  if (last === 'watchdog' || last === 'watchdog=on') return text
  const end = text.includes('\r\n') ? '\r\n' : '\n'
  const gap = text === '' || text.endsWith('\n') ? '' : end
  const header = lines.at(-1)?.section === 'all' || lines.length === 0 ? '' : `${end}[all]${end}`
  return `${text}${gap}${header}dtparam=watchdog=on${end}`
}

const parametersOf = (text: string): readonly string[] =>
  text
    .slice('dtparam='.length)
    .split(',')
    .map((part) => part.trim())

/**
 * Where the firmware may take the kernel's command line from, in the folder of config.txt: `cmdline=` behind `os_prefix=`, and without it,
 * because firmware ignores a prefix that leads to no kernel. Ubuntu has `os_prefix=current/`.
 */
export function cmdlinePaths(text: string): readonly string[] {
  const of = (name: string): readonly string[] =>
    linesOf(text)
      .filter(({ section }) => !ELSEWHERE.has(section))
      .filter(({ text }) => text.startsWith(`${name}=`))
      .map(({ text }) => text.slice(name.length + 1).trim())
  const names = of('cmdline').length > 0 ? of('cmdline') : ['cmdline.txt']
  const prefixes = [...of('os_prefix'), '']
  return [...new Set(prefixes.flatMap((prefix) => names.map((name) => prefix + name)))]
}

/** Files that config.txt takes in. */
export const includesOf = (text: string): readonly string[] =>
  linesOf(text)
    .filter(({ text }) => /^include\s+\S/.test(text))
    .map(({ text }) => text.replace(/^include\s+/, ''))

function linesOf(text: string): readonly Line[] {
  let section = 'all'
  return text
    .split(/\r?\n/)
    .slice(0, text.endsWith('\n') ? -1 : undefined)
    .map((raw) => {
      const line = raw.replace(/#.*$/, '').trim()
      const header = /^\[([^\]]*)\]$/.exec(line)
      if (header) section = header[1]!.trim().toLowerCase()
      return { section, text: header ? '' : line.replace(/^(\w+)\s*=\s*/, '$1=') }
    })
}
