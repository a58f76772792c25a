/** What one command prints, as the file has it: standard output and standard error as they came, and the exit code when not 0. */
export interface Step {
  /** Comment lines above the command, without their `## `. */
  readonly comment: readonly string[]
  /** What is typed, with its here documents. */
  readonly command: string
  /** What every version prints, or what each prints from the version on that is named. Oldest first. */
  readonly outputs: readonly Output[]
}
export interface Output {
  /** `1.33`; undefined for all. */
  readonly since: string | undefined
  readonly text: string
}

const COMMAND = '$ '
const COMMENT = '## '
const SECTION = /^\[kubectl (\d+\.\d+)\]$/

/**
 * Reads a transcript: `## ` comments, `$ ` commands (with here documents and lines that a backslash continues), and below each
 * what is printed. Where versions differ, `[kubectl 1.33]` begins what that version prints, `[exit 1]` ends a failed command.
 *
 * @throws Error when output stands before the first command.
 */
export function parseSession(text: string): readonly Step[] {
  const lines = text.replace(/\n+$/, '').split('\n')
  const steps: Step[] = []
  let comment: string[] = []
  for (let index = 0; index < lines.length; ) {
    const line = lines[index]!
    if (line.startsWith(COMMENT)) {
      comment.push(line.slice(COMMENT.length))
      index++
    } else if (line.startsWith(COMMAND)) {
      const end = endOfCommand(lines, index)
      const command = [line.slice(COMMAND.length), ...lines.slice(index + 1, end)].join('\n')
      index = end
      while (index < lines.length && !isNewStep(lines[index]!)) index++
      steps.push({ comment, command, outputs: outputsOf(lines.slice(end, index)) })
      comment = []
    } else if (line === '') index++
    else throw new Error(`line ${index + 1}: output without a command: ${line}`)
  }
  return steps
}

/** The file again. {@link parseSession} reads it back the same. */
export const formatSession = (steps: readonly Step[]): string =>
  steps
    .map(({ comment, command, outputs }) =>
      [
        ...comment.map((line) => COMMENT + line),
        COMMAND + command,
        ...outputs.flatMap(({ since, text }) => [...(since === undefined ? [] : [`[kubectl ${since}]`]), ...(text === '' ? [] : [text])]),
      ].join('\n'),
    )
    .join('\n\n') + '\n'

/** What `version` should print: its own section, or the newest that is older. A version between two may print either. */
export function expectedOutputs({ outputs }: Step, version: string): readonly string[] {
  const at = outputs.findLastIndex(({ since }) => since === undefined || order(since) <= order(version))
  const [found, next] = [outputs[at] ?? outputs[0], outputs[at + 1]]
  const isExact = found?.since === undefined || found.since === version || next === undefined
  return [found, isExact ? undefined : next].flatMap((output) => (output ? [output.text] : []))
}

/** The step with what versions printed now; one output when all print the same. */
export function withOutputs(step: Step, printed: ReadonlyMap<string, string>): Step {
  const sections = [...printed].sort(([a], [b]) => order(a) - order(b))
  const differing = sections.filter(([, text], index) => index === 0 || text !== sections[index - 1]![1])
  if (differing.length === 1) return { ...step, outputs: [{ since: undefined, text: differing[0]![1] }] }
  return { ...step, outputs: differing.map(([since, text]) => ({ since, text })) }
}

const order = (version: string): number => {
  const [major, minor] = version.split('.').map(Number)
  return major! * 1_000 + minor!
}

const isNewStep = (line: string): boolean => line.startsWith(COMMAND) || line.startsWith(COMMENT)

function endOfCommand(lines: readonly string[], start: number): number {
  let index = start
  for (;;) {
    const line = lines[index++]!
    for (const [, word] of line.matchAll(/<<-?'?(\w+)'?/g)) while (index < lines.length && lines[index++] !== word);
    if (!line.endsWith('\\')) return index
  }
}

function outputsOf(lines: readonly string[]): readonly Output[] {
  const starts = lines.flatMap((line, index) => (SECTION.test(line) ? [index] : []))
  if (starts.length === 0) return [{ since: undefined, text: trimmed(lines) }]
  return starts.map((start, index) => ({
    since: SECTION.exec(lines[start]!)![1],
    text: trimmed(lines.slice(start + 1, starts[index + 1])),
  }))
}

const trimmed = (lines: readonly string[]): string => lines.join('\n').replace(/^\n+|\s+$/g, '')
