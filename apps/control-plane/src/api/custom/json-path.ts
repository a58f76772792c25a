/**
 * The subset of JSONPath in which columns and selectable fields are written: `.spec.replicas`, `.a['b.c']`, `.a\.b`, `[0]`,
 * `[-1]`, `[0:2]`, `[*]`, `.*`, `..name` and `[?(@.type=="Ready")]`.
 *
 * @see Source: k8s.io/client-go util/jsonpath; Kubernetes documentation, "JSONPath Support".
 */
export interface JsonPath {
  /** What the path leads to, in order; nothing where a part is missing. */
  find(root: unknown): readonly unknown[]
}

type Step = (values: readonly unknown[]) => readonly unknown[]
type Comparison = '==' | '!=' | '<' | '<=' | '>' | '>='

const RESULTS_MAX = 10_000

/** @returns Undefined when the text is no such path. */
export function parseJsonPath(text: string): JsonPath | undefined {
  const steps: Step[] = []
  for (let at = 0; at < text.length; ) {
    const found = stepAt(text, at)
    if (!found) return undefined
    if (found.step) steps.push(found.step)
    at = found.end
  }
  return { find: (root) => steps.reduce<readonly unknown[]>((values, step) => step(values).slice(0, RESULTS_MAX), [root]) }
}

interface Found {
  readonly step?: Step
  readonly end: number
}

function stepAt(text: string, at: number): Found | undefined {
  if (text[at] === '[') return bracketAt(text, at)
  if (text.startsWith('..', at)) return namedStep(text, at + 2, (name) => (values) => values.flatMap(within).flatMap(fieldOf(name)))
  if (text[at] !== '.') return at === 0 ? namedStep(text, at, (name) => each(fieldOf(name))) : undefined
  if (at + 1 === text.length || text[at + 1] === '[') return { end: at + 1 }
  if (text[at + 1] === '*') return { step: each(contents), end: at + 2 }
  return namedStep(text, at + 1, (name) => each(fieldOf(name)))
}

const each =
  (of: (value: unknown) => readonly unknown[]): Step =>
  (values) =>
    values.flatMap(of)

function namedStep(text: string, start: number, stepOf: (name: string) => Step): Found | undefined {
  let name = ''
  let at = start
  for (; at < text.length && text[at] !== '.' && text[at] !== '['; at++) {
    if (text[at] === '\\' && at + 1 < text.length) at++
    name += text[at]!
  }
  return name === '' || /[\s{}|]/.test(name) ? undefined : { step: stepOf(name), end: at }
}

function bracketAt(text: string, at: number): Found | undefined {
  const end = closing(text, at)
  if (end === undefined) return undefined
  const step = bracketStep(text.slice(at + 1, end).trim())
  return step && { step, end: end + 1 }
}

/** Where the bracket that opens at `at` closes; brackets within quotes do not count. */
function closing(text: string, at: number): number | undefined {
  let quote = ''
  let depth = 0
  for (let index = at; index < text.length; index++) {
    const character = text[index]!
    if (quote !== '') {
      if (character === quote) quote = ''
    } else if (character === "'" || character === '"') quote = character
    else if (character === '[') depth++
    else if (character === ']' && --depth === 0) return index
  }
  return undefined
}

function bracketStep(inner: string): Step | undefined {
  if (inner === '*') return each(contents)
  const quoted = /^(['"])(.*)\1$/s.exec(inner)
  if (quoted) return each(fieldOf(quoted[2]!))
  if (/^-?\d+$/.test(inner)) return each((value) => (Array.isArray(value) ? value.slice(Number(inner)).slice(0, 1) : []))
  const slice = /^(-?\d*):(-?\d*)$/.exec(inner)
  if (slice)
    return each((value) => (Array.isArray(value) ? value.slice(Number(slice[1] || 0), slice[2] ? Number(slice[2]) : undefined) : []))
  const filter = /^\?\s*\((.*)\)$/s.exec(inner)
  return filter ? filterStep(filter[1]!.trim()) : undefined
}

/** `@.type=="Ready"`, or `@.ready` alone: it is there. */
function filterStep(condition: string): Step | undefined {
  const match = /^@(.*?)\s*(?:(==|!=|<=|>=|<|>)\s*(.+))?$/s.exec(condition)
  const path = match && parseJsonPath(match[1]!)
  if (!path) return undefined
  const items = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])
  if (match[2] === undefined) return each((value) => items(value).filter((item) => path.find(item).length > 0))
  const right = literal(match[3]!)
  if (right === undefined) return undefined
  return each((value) => items(value).filter((item) => path.find(item).some((left) => compare(left, match[2] as Comparison, right))))
}

function literal(text: string): string | number | boolean | undefined {
  const quoted = /^(['"])(.*)\1$/s.exec(text)
  if (quoted) return quoted[2]!
  if (text === 'true' || text === 'false') return text === 'true'
  return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : undefined
}

function compare(left: unknown, by: Comparison, right: string | number | boolean): boolean {
  if (typeof left !== typeof right) return by === '!='
  const value = left as typeof right
  switch (by) {
    case '==':
      return value === right
    case '!=':
      return value !== right
    case '<':
      return value < right
    case '<=':
      return value <= right
    case '>':
      return value > right
    case '>=':
      return value >= right
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)

const fieldOf =
  (name: string) =>
  (value: unknown): readonly unknown[] =>
    isRecord(value) && Object.hasOwn(value, name) ? [value[name]] : []

const contents = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : isRecord(value) ? Object.values(value) : [])

/** A value and all that is in it, at any depth. */
const within = (value: unknown): readonly unknown[] => [value, ...contents(value).flatMap(within)]
