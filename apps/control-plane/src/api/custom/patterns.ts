import type { RE2JS } from 're2js'
import { spend } from './check-budget.ts'

/** A pattern of a schema or rule. Time grows with the length of the text, whatever the pattern. */
export interface Pattern {
  /** How many steps a character of the text may cost. */
  readonly size: number
  /** @throws CheckBudgetError when too much has been spent. */
  test(text: string): boolean
  /** The first match, or undefined. */
  find(text: string): string | undefined
  /** @param limit Negative: all. */
  findAll(text: string, limit: number): readonly string[]
}

let engine: typeof RE2JS | undefined
const compiled = new Map<string, Pattern | PatternError>()
const COMPILED_MAX = 2_000

export class PatternError extends Error {
  override name = 'PatternError'
}

/** Loads the engine; to be awaited before the first pattern is compiled. */
export async function loadPatterns(): Promise<void> {
  engine ??= (await import('re2js')).RE2JS
}

/**
 * A pattern in RE2's syntax. Texts are searched: a pattern that is to match the whole text says so with `^` and `$`.
 *
 * @throws PatternError in Go's words when the pattern is wrong; Error when the engine is not loaded.
 */
export function patternOf(source: string): Pattern {
  const found = compiled.get(source) ?? compile(source)
  if (compiled.size >= COMPILED_MAX) compiled.clear()
  compiled.set(source, found)
  if (found instanceof PatternError) throw found
  return found
}

/** Whether a pattern costs nothing any more to be had. */
export const isCompiled = (source: string): boolean => compiled.has(source)

function compile(source: string): Pattern | PatternError {
  if (!engine) throw new Error('the pattern engine is not loaded')
  try {
    const expression = engine.compile(source)
    const size = expression.programSize()
    const matches = function* (text: string): Generator<string> {
      const matcher = expression.matcher(text)
      while (matcher.find()) yield matcher.group() ?? ''
    }
    return {
      size,
      test: (text) => {
        spend(text.length * size)
        return expression.matcher(text).find()
      },
      find: (text) => matches(text).next().value ?? undefined,
      findAll: (text, limit) => (limit < 0 ? [...matches(text)] : [...matches(text).take(limit)]),
    }
  } catch (error) {
    return new PatternError(error instanceof Error ? error.message : String(error))
  }
}
