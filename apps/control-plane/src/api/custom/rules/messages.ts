import { knownFunctions } from './environment.ts'
import { OURS } from './ast.ts'

/** An error of the library's, as far as we look into it. */
interface LibraryError extends Error {
  readonly code?: string
  readonly summary?: string
  readonly node?: { readonly op?: string; readonly args?: unknown; readonly pos?: number; readonly start?: number; readonly input?: string }
}

/**
 * What is wrong with an expression, as cel-go says it: the fault, the line, and an arrow below the place.
 * @see Source: github.com/google/cel-go common/error.go, checker/errors.go.
 */
export function compileMessage(error: unknown, source: string): string {
  if (error instanceof RangeError) return 'compilation failed: expression is nested too deep'
  const { code = '', summary, message, node } = error as LibraryError
  const at = placeOf(node, source)
  const fault = faultOf(code, clean(summary ?? message), node)
  const line = source.slice(0, at).split('\n').length
  const column = at - (source.lastIndexOf('\n', at - 1) + 1)
  const text = source.split('\n')[line - 1] ?? ''
  return `compilation failed: ERROR: <input>:${line}:${column + 1}: ${fault}\n | ${text}\n | ${'.'.repeat(column)}^`
}

/** What went wrong when an expression ran. */
export function evaluationMessage(error: unknown): string {
  if (error instanceof RangeError) return 'expression is nested too deep'
  const { summary, message, code } = error as LibraryError
  const text = clean(summary ?? message)
  if (code === 'no_such_key') return text.replace('No such key', 'no such key')
  return text.replace(/^No such key: index out of bounds, index (-?\d+).*$/, 'index out of bounds: $1')
}

/** Our own names of functions and types are nobody's business. */
const clean = (text: string): string => typeNames(text.replaceAll(OURS, ''))

const typeNames = (text: string): string =>
  text
    .replaceAll('google.protobuf.Timestamp', 'timestamp')
    .replaceAll('google.protobuf.Duration', 'duration')
    .replace(/\bObject\d+\b/g, 'object')
    .replaceAll('<', '(')
    .replaceAll('>', ')')

function faultOf(code: string, summary: string, node: LibraryError['node']): string {
  switch (code) {
    case 'unknown_variable':
      return `undeclared reference to '${String(node?.args)}' (in container '')`
    case 'no_such_key':
      return `undefined field '${fieldOf(node)}'`
    case 'no_such_overload':
      return noOverload(summary)
    case 'no_matching_overload':
      return noFunction(summary, node)
    default:
      return code.endsWith('_type') || code === '' ? summary : LEXICAL.has(code) ? `Syntax error: ${lower(summary)}` : summary
  }
}

const LEXICAL: ReadonlySet<string> = new Set([
  'unexpected_character',
  'unexpected_token',
  'expected_token',
  'unterminated_string',
  'invalid_integer',
  'invalid_number',
  'newline_in_string',
])

const lower = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1)

function fieldOf(node: LibraryError['node']): string {
  const [, field] = (node?.args ?? []) as readonly unknown[]
  return typeof field === 'string' ? field : String((field as { readonly args?: unknown } | undefined)?.args ?? '')
}

/** The library writes `no such overload: int + string`. */
function noOverload(summary: string): string {
  const match = /^no such overload: (?:(\S.*) (==|!=|<=|>=|<|>|\+|-|\*|\/|%|in|\(=|\)=|\(|\)) (\S.*)|([!-])(.+))$/.exec(summary)
  if (!match) return summary
  if (match[4] !== undefined) return `found no matching overload for '${match[4]}_' applied to '(${match[5]})'`
  const operator = match[2]!.replace('(', '<').replace(')', '>')
  return `found no matching overload for '${operator === 'in' ? '@in' : `_${operator}_`}' applied to '(${match[1]}, ${match[3]})'`
}

/** The library writes `found no matching overload for 'string.split(int)'`. */
function noFunction(summary: string, node: LibraryError['node']): string {
  const [name] = (node?.args ?? []) as readonly unknown[]
  const plain = String(name)
  if (!knownFunctions().has(plain) && !knownFunctions().has(OURS + plain))
    return `undeclared reference to '${plain.replace(OURS, '')}' (in container '')`
  const match = /'(?:(.+)\.)?(\w+)\((.*)\)'$/.exec(summary)
  if (!match) return summary
  const [, receiver, called, given] = match
  return `found no matching overload for '${called}' applied to '${receiver === undefined ? '' : `${receiver}.`}(${given})'`
}

/** Where cel-go points: at the dot of a field, at the operator, at the bracket of a call. */
function placeOf(node: LibraryError['node'], source: string): number {
  const { op = '', args, pos = 0, start = pos } = node ?? {}
  if (op === '.') return Math.max(0, pos - 1)
  if (op === 'call' || op === 'rcall') {
    const name = String((args as readonly unknown[])[0]).replace(OURS, '')
    const after = op === 'call' ? start : ((args as readonly { readonly end?: number }[])[1]?.end ?? start)
    const bracket = source.indexOf('(', source.indexOf(name, after) + name.length)
    return bracket < 0 ? pos : bracket
  }
  const [left] = (Array.isArray(args) ? args : []) as readonly { readonly end?: number }[]
  const operator = left?.end === undefined ? -1 : source.indexOf(op, left.end)
  return operator >= 0 && op !== '?:' ? operator : Math.min(pos, source.length)
}
