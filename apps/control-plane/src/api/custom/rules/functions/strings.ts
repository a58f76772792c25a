import type { Environment } from '@marcbachmann/cel-js'
import { isCompiled, PatternError, patternOf } from '../../patterns.ts'
import { OURS } from '../ast.ts'
import { charge } from '../budget.ts'
import { formatText } from './format-text.ts'
import { registerAll, RuleError } from './register.ts'

const CHARACTERS_PER_UNIT = 10
/** Making a pattern costs as much as matching it with this many characters. */
const COMPILE_COST = 100

/**
 * Functions of texts. Positions count characters, not UTF-16 units; patterns are RE2's.
 * @see Source: github.com/google/cel-go ext/strings.go; Kubernetes documentation, "Kubernetes regex library".
 */
export const registerStrings = (environment: Environment): void =>
  registerAll(environment, {
    [`string.${OURS}charAt(int): string`]: (text: string, at: bigint) => characterAt(text, at),
    [`string.${OURS}indexOf(string): int`]: (text: string, part: string) => indexOf(text, part, 0n),
    [`string.${OURS}indexOf(string, int): int`]: (text: string, part: string, from: bigint) => indexOf(text, part, from),
    [`string.${OURS}lastIndexOf(string): int`]: (text: string, part: string) => lastIndexOf(text, part, undefined),
    [`string.${OURS}lastIndexOf(string, int): int`]: (text: string, part: string, from: bigint) => lastIndexOf(text, part, from),
    [`string.${OURS}substring(int): string`]: (text: string, start: bigint) => substring(text, start, undefined),
    [`string.${OURS}substring(int, int): string`]: (text: string, start: bigint, end: bigint) => substring(text, start, end),
    [`string.${OURS}lowerAscii(): string`]: (text: string) => text.replace(/[A-Z]+/g, (found) => found.toLowerCase()),
    [`string.${OURS}upperAscii(): string`]: (text: string) => text.replace(/[a-z]+/g, (found) => found.toUpperCase()),
    [`string.${OURS}trim(): string`]: (text: string) => text.trim(),
    [`string.${OURS}replace(string, string): string`]: (text: string, from: string, to: string) => replace(text, from, to, -1n),
    [`string.${OURS}replace(string, string, int): string`]: replace,
    [`string.${OURS}split(string): list<string>`]: (text: string, by: string) => split(text, by, -1n),
    [`string.${OURS}split(string, int): list<string>`]: split,
    [`list<string>.${OURS}join(): string`]: (list: Iterable<string>) => join(list, ''),
    [`list<string>.${OURS}join(string): string`]: join,
    'string.reverse(): string': (text: string) => [...text].reverse().join(''),
    'string.format(list<dyn>): string': formatText,
    [`string.${OURS}matches(string): bool`]: matches,
    [`${OURS}matches(string, string): bool`]: matches,
    [`string.${OURS}find(string): string`]: (text: string, pattern: string) => compiled(text, pattern).find(text) ?? '',
    [`string.${OURS}findAll(string): list<string>`]: (text: string, pattern: string) => [...compiled(text, pattern).findAll(text, -1)],
    [`string.${OURS}findAll(string, int): list<string>`]: (text: string, pattern: string, limit: bigint) => [
      ...compiled(text, pattern).findAll(text, Number(limit)),
    ],
  })

const matches = (text: string, pattern: string): boolean => compiled(text, pattern).test(text)

function compiled(text: string, pattern: string): ReturnType<typeof patternOf> {
  const isNew = !isCompiled(pattern)
  try {
    const found = patternOf(pattern)
    charge((text.length + (isNew ? COMPILE_COST : 1)) * found.size)
    return found
  } catch (error) {
    throw error instanceof PatternError ? new RuleError(error.message) : error
  }
}

function characterAt(text: string, at: bigint): string {
  const characters = [...text]
  if (at < 0n || at > BigInt(characters.length)) throw new RuleError(`index out of range: ${at}`)
  return characters[Number(at)] ?? ''
}

function indexOf(text: string, part: string, from: bigint): bigint {
  const characters = [...text]
  if (from < 0n || from > BigInt(characters.length)) throw new RuleError(`index out of range: ${from}`)
  const before = characters.slice(0, Number(from)).join('').length
  const found = text.indexOf(part, before)
  return found < 0 ? -1n : BigInt([...text.slice(0, found)].length)
}

function lastIndexOf(text: string, part: string, from: bigint | undefined): bigint {
  const characters = [...text]
  if (from !== undefined && (from < 0n || from >= BigInt(characters.length))) throw new RuleError(`index out of range: ${from}`)
  const before = from === undefined ? text.length : characters.slice(0, Number(from)).join('').length
  const found = text.lastIndexOf(part, before)
  return found < 0 ? -1n : BigInt([...text.slice(0, found)].length)
}

function substring(text: string, start: bigint, end: bigint | undefined): string {
  const characters = [...text]
  const last = end ?? BigInt(characters.length)
  if (start < 0n || start > BigInt(characters.length)) throw new RuleError(`index out of range: ${start}`)
  if (last < 0n || last > BigInt(characters.length)) throw new RuleError(`index out of range: ${last}`)
  if (start > last) throw new RuleError(`invalid substring range. start: ${start}, end: ${last}`)
  return characters.slice(Number(start), Number(last)).join('')
}

function replace(text: string, from: string, to: string, limit: bigint): string {
  const parts = text.split(from)
  const count = limit < 0n ? parts.length - 1 : Math.min(parts.length - 1, Number(limit))
  charge(Math.ceil((text.length + count * to.length) / CHARACTERS_PER_UNIT))
  return (
    parts.slice(0, count + 1).join(to) +
    parts
      .slice(count + 1)
      .map((part) => from + part)
      .join('')
  )
}

function split(text: string, by: string, limit: bigint): string[] {
  if (limit === 0n) return []
  const parts = by === '' ? [...text] : text.split(by)
  if (limit < 0n || parts.length <= limit) return parts
  return [...parts.slice(0, Number(limit) - 1), parts.slice(Number(limit) - 1).join(by)]
}

function join(list: Iterable<string>, by: string): string {
  const parts = [...list]
  charge(Math.ceil((parts.length * by.length) / CHARACTERS_PER_UNIT))
  return parts.join(by)
}
