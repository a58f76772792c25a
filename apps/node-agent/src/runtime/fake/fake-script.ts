/** What a made-up process does, one action after the other. After the last one it ends with `exitCode`. */
export interface FakeScript {
  readonly actions: readonly FakeAction[]
  readonly exitCode: number
  /** SIGTERM is ignored: only SIGKILL ends it. */
  readonly ignoresTerm: boolean
}
export type FakeAction =
  | { readonly type: 'print'; readonly stream: 'stdout' | 'stderr'; readonly text: string }
  | { readonly type: 'sleep'; readonly ms: number }
  /** What comes in goes out, until its end. */
  | { readonly type: 'copy' }

/**
 * Reads the little shell that tests and simulations need: `sh -c '…'` with `echo words [>&2]`, `sleep <seconds>`, `cat`, `true`,
 * `false`, `exit <n>` and `trap '' TERM`, separated by `;`, `&&` or line ends, and `sleep` and `cat` on their own. There is nothing
 * below `/no/such/`, and `/etc` cannot be executed. Everything else is a server: it runs until it is stopped.
 */
export function fakeScript(command: readonly string[]): FakeScript {
  const shell = command.length >= 3 && /(^|\/)(ba)?sh$/.test(command[0]!) && command[1] === '-c'
  if (command[0]?.startsWith('/no/such/')) return { actions: [], exitCode: 127, ignoresTerm: false }
  if (command[0] === '/etc') return { actions: [], exitCode: 126, ignoresTerm: false }
  const lines = shell ? command[2]!.split(/;|&&|\n/) : [command.join(' ')]
  const actions: FakeAction[] = []
  let ignoresTerm = false
  for (const line of lines.map((text) => text.trim()).filter((text) => text !== '')) {
    const [word, ...rest] = line.split(/\s+/)
    if (word === 'exit') return { actions, exitCode: Number(rest[0] ?? 0), ignoresTerm }
    if (word === 'false') return { actions, exitCode: 1, ignoresTerm }
    if (word === 'trap') ignoresTerm = true
    else if (word === 'echo') actions.push(printed(line))
    else if (word === 'cat' && rest.length === 0) actions.push({ type: 'copy' })
    else if (word === 'sleep') actions.push({ type: 'sleep', ms: Number(rest[0]) * 1000 || FOREVER_MS })
    else if (word !== 'true') actions.push({ type: 'sleep', ms: FOREVER_MS })
  }
  return { actions: actions.length === 0 && !shell ? [{ type: 'sleep', ms: FOREVER_MS }] : actions, exitCode: 0, ignoresTerm }
}

const FOREVER_MS = 100 * 365 * 24 * 3_600_000

function printed(line: string): FakeAction {
  const toStderr = line.endsWith('>&2')
  const text = line
    .replace(/^echo\s*/, '')
    .replace(/\s*>&2$/, '')
    .replace(/^(['"])(.*)\1$/, '$2')
  return { type: 'print', stream: toStderr ? 'stderr' : 'stdout', text }
}
