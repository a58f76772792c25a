import type { Document, ParsedNode, ScalarTag, Tags } from 'yaml'
import { noteSource } from '../api/schema/source-text.ts'
import { repeatedKeys } from './yaml-duplicates.ts'
import { syntaxMessage } from './yaml-messages.ts'

/** Tags whose values are no JSON. Kubernetes reads timestamps and base 60 numbers as the strings they are. */
const NOT_JSON = /:(timestamp|set|omap|pairs)$/
/** As YAML 1.2 writes octal numbers, which Kubernetes reads as well. */
const OCTAL: ScalarTag = {
  tag: 'tag:yaml.org,2002:int',
  default: true,
  test: /^0o[0-7]+$/,
  resolve: (text) => BigInt(text),
}
const ALIASES_MAX = 100
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/
const PROBLEMS_MAX = 100

export class YamlSyntaxError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'YamlSyntaxError'
  }
}

/**
 * The first document of a YAML 1.1 text with merge keys, as plain JSON; fields in the order of their names, as Kubernetes reads it.
 * What is wrong although it can be read is noted as `problems` of the value (`sourceOf`).
 *
 * @returns `duplicates`: paths of keys that occur twice in one mapping (the last one counts).
 * @throws YamlSyntaxError with line numbers; also for aliases that multiply and for nesting beyond reason.
 */
export async function parseYaml(text: string): Promise<{ readonly value: unknown; readonly duplicates: readonly string[] }> {
  if (CONTROL.test(text)) throw new YamlSyntaxError('yaml: control characters are not allowed')
  const { parseDocument } = await import('yaml') // only people write YAML: programs never load it
  try {
    const document = parseDocument(text, {
      version: '1.1',
      merge: true,
      prettyErrors: false,
      logLevel: 'silent',
      stringKeys: false,
      intAsBigInt: true,
      customTags: (tags: Tags) => [OCTAL, ...tags.filter((tag) => typeof tag !== 'object' || !isForeign(tag))],
    })
    const broken = document.errors.filter(({ code }) => code !== 'DUPLICATE_KEY')
    if (broken.length > 0) throw new YamlSyntaxError(`yaml: ${syntaxMessage(text, broken)}`)
    return withProblems(text, document, plain(document.toJS({ maxAliasCount: ALIASES_MAX, mapAsMap: true }) ?? null))
  } catch (error) {
    if (error instanceof YamlSyntaxError) throw error
    throw new YamlSyntaxError(aliasMessage((error as Error).message))
  }
}

const isForeign = (tag: { tag: string; format?: string }): boolean => NOT_JSON.test(tag.tag) || tag.format === 'TIME'

function aliasMessage(message: string): string {
  if (message.startsWith('Maximum call stack')) return 'yaml: exceeded max depth'
  if (message.startsWith('Excessive alias count')) return 'yaml: document contains excessive aliasing'
  const anchor = /^Unresolved alias .*: (.*)$/.exec(message)?.[1]
  if (anchor !== undefined) return `yaml: unknown anchor '${anchor}' referenced`
  return message.startsWith('This should not happen') ? "yaml: an anchor's value contains itself" : `yaml: ${message}`
}

function withProblems(text: string, document: Document.Parsed<ParsedNode>, value: unknown): Awaited<ReturnType<typeof parseYaml>> {
  if (document.errors.length === 0) return { value, duplicates: [] }
  const repeated = repeatedKeys(text, document.contents).slice(0, PROBLEMS_MAX)
  const lines = repeated.map(({ line, key }) => `  line ${line}: key ${JSON.stringify(key)} already set in map`)
  if (typeof value === 'object' && value !== null) noteSource(value, { problems: [`yaml: unmarshal errors:\n${lines.join('\n')}`] })
  return { value, duplicates: [...new Set(repeated.map(({ path }) => path))] }
}

/** @throws YamlSyntaxError for what JSON cannot say. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return plainList(value)
  if (value instanceof Map) return plainObject(value)
  if (value instanceof Uint8Array) return Buffer.from(value).toString('utf8')
  if (typeof value === 'bigint') return Number(value)
  if (typeof value === 'number' && !Number.isFinite(value))
    throw new YamlSyntaxError(`json: unsupported value: ${Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf'}`)
  return value
}

function plainList(values: readonly unknown[]): unknown[] {
  const result = values.map(plain)
  noteNumbers(result, [...values.entries()])
  return result
}

function plainObject(entries: ReadonlyMap<unknown, unknown>): Record<string, unknown> {
  const named = [...entries].map(([key, value]) => [keyName(key), value] as const).sort(([a], [b]) => (a < b ? -1 : 1))
  const result = Object.fromEntries(named.map(([key, value]) => [key, plain(value)]))
  noteNumbers(result, named)
  return result
}

/** Integers too large to be told exactly. */
function noteNumbers(result: object, values: readonly (readonly [key: string | number, value: unknown])[]): void {
  const large = values.filter(([, value]) => typeof value === 'bigint' && String(Number(value)) !== String(value))
  if (large.length > 0) noteSource(result, { numbers: new Map(large.map(([key, value]) => [String(key), String(value)])) })
}

function keyName(key: unknown): string {
  if (key === null) throw new YamlSyntaxError('Unsupported map key of type: %!s(<nil>), key: <nil>')
  if (typeof key !== 'object') return String(key)
  const shown = JSON.stringify(plain(key))
  throw new YamlSyntaxError(
    `yaml: invalid map key: ${key instanceof Map ? `map[interface {}]interface {}${shown}` : `[]interface {}{${shown.slice(1, -1)}}`}`,
  )
}
