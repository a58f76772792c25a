/** What the YAML library says of a place. */
export interface YamlProblem {
  readonly code: string
  readonly message: string
  readonly pos: readonly [start: number, end: number]
}

type Where = 'here' | 'next' | 'end'

/**
 * Why a text is no YAML, in the words that Kubernetes uses, with the line it would name (none for the first): libraries differ in
 * what they look for first, so the line may be one off.
 */
export function syntaxMessage(text: string, problems: readonly YamlProblem[]): string {
  const [problem] = problems as [YamlProblem]
  const [what, where] = explain(text, problem)
  const at = Math.max(problem.pos[0], ...problems.filter(({ code }) => code === 'MULTILINE_IMPLICIT_KEY').map(({ pos }) => pos[1]))
  const before = text.slice(0, where === 'end' ? text.length : at).split('\n').length - 1
  const line = where === 'end' ? before + 1 : where === 'next' && before > 0 ? before + 1 : before
  return line === 0 ? what : `line ${line}: ${what}`
}

function explain(text: string, { code, message, pos }: YamlProblem): readonly [what: string, where: Where] {
  switch (code) {
    case 'BLOCK_AS_IMPLICIT_KEY':
    case 'MULTILINE_IMPLICIT_KEY':
      return ['mapping values are not allowed in this context', 'next']
    case 'TAB_AS_INDENT':
    case 'BAD_SCALAR_START':
      return ['found character that cannot start any token', 'next']
    case 'BAD_DQ_ESCAPE':
      return [/sequence \\[xuU]/.test(message) ? 'did not find expected hexdecimal number' : 'found unknown escape character', 'next']
    case 'BAD_DIRECTIVE':
      return ['found unknown directive name', 'next']
    case 'UNEXPECTED_TOKEN':
      return [/^\s*-\s/.test(text) ? "did not find expected '-' indicator" : 'did not find expected key', 'here']
    case 'BAD_INDENT':
    case 'MISSING_CHAR':
      return missing(text, message, pos[1])
    default:
      return [message.startsWith('Maximum call stack') ? 'exceeded max depth' : message, 'here']
  }
}

function missing(text: string, message: string, at: number): readonly [string, Where] {
  if (message.startsWith('Missing closing')) return ['found unexpected end of stream', 'next']
  if (message.startsWith('Missing directives-end')) return ['did not find expected <document start>', 'here']
  const flow = /^Flow (map|sequence)/.exec(message)?.[1]
  if (flow === undefined) return ['did not find expected key', 'here']
  const isAtEnd = text.slice(at).trim() === ''
  const opens = /[[{,:]\s*[\]}]?$/.test(text.slice(0, at))
  const expected = opens ? 'node content' : flow === 'map' ? "',' or '}'" : "',' or ']'"
  return [`did not find expected ${expected}`, isAtEnd && !/[\]}]$/.test(text.slice(0, at)) ? 'end' : 'here']
}
