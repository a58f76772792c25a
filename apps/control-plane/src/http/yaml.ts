import type { Tags, YAMLMap, YAMLSeq } from 'yaml'

/** Tags whose values are no JSON. Kubernetes reads timestamps and base 60 numbers as the strings they are. */
const NOT_JSON = /:(timestamp|binary|set|omap|pairs)$/

export class YamlSyntaxError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'YamlSyntaxError'
  }
}

/**
 * One YAML 1.1 document with merge keys, as plain JSON.
 *
 * @returns `duplicates`: paths of keys that occur twice in one mapping (the last one counts).
 * @throws YamlSyntaxError with line numbers; also for aliases that multiply and for nesting beyond reason.
 */
export async function parseYaml(text: string): Promise<{ readonly value: unknown; readonly duplicates: readonly string[] }> {
  const { parseDocument } = await import('yaml') // only people write YAML: programs never load it
  try {
    const document = parseDocument(text, {
      version: '1.1',
      merge: true,
      prettyErrors: false,
      logLevel: 'silent',
      stringKeys: false,
      customTags: (tags: Tags) => tags.filter((tag) => typeof tag !== 'object' || !isForeign(tag)),
    })
    const broken = document.errors.find(({ code }) => code !== 'DUPLICATE_KEY')
    if (broken) throw new YamlSyntaxError(`yaml: line ${text.slice(0, broken.pos[0]).split('\n').length}: ${broken.message}`)
    const value: unknown = JSON.parse(JSON.stringify(document.toJS({ maxAliasCount: 100 }) ?? null)) // .inf and .nan become null
    return { value, duplicates: document.errors.length === 0 ? [] : duplicatesIn(document.contents, '') }
  } catch (error) {
    if (error instanceof YamlSyntaxError) throw error
    throw new YamlSyntaxError(`yaml: ${error instanceof RangeError ? 'exceeded max depth' : (error as Error).message}`)
  }
}

const isForeign = (tag: { tag: string; format?: string }): boolean => NOT_JSON.test(tag.tag) || tag.format === 'TIME'

function duplicatesIn(node: unknown, path: string): string[] {
  if (isSequence(node)) return node.items.flatMap((item, index) => duplicatesIn(item, `${path}[${index}]`))
  if (!isMapping(node)) return []
  const seen = new Set<string>()
  return node.items.flatMap(({ key, value }) => {
    const name = String(key)
    const at = path === '' ? name : `${path}.${name}`
    const duplicates = seen.has(name) ? [at] : []
    seen.add(name)
    return [...duplicates, ...duplicatesIn(value, at)]
  })
}

// The module is loaded lazily, so its own guards are not at hand: a mapping's items are pairs, a sequence's are nodes.
const hasItems = (node: unknown): node is { items: readonly unknown[] } => Array.isArray((node as { items?: unknown } | null)?.items)
const isMapping = (node: unknown): node is YAMLMap => hasItems(node) && node.items.every((item) => isPair(item))
const isSequence = (node: unknown): node is YAMLSeq => hasItems(node) && !node.items.some((item) => isPair(item))
const isPair = (item: unknown): boolean => typeof item === 'object' && item !== null && 'key' in item
