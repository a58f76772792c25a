import type { YAMLMap, YAMLSeq } from 'yaml'

export interface RepeatedKey {
  readonly path: string
  readonly key: string
  /** Of its value, from 1. */
  readonly line: number
}

/** Keys that occur twice in one mapping, in the order in which Kubernetes tells them: what is inside a value before the value. */
export function repeatedKeys(text: string, root: unknown): readonly RepeatedKey[] {
  const found: RepeatedKey[] = []
  const look = (node: unknown, path: string): void => {
    if (isSequence(node)) for (const [index, item] of node.items.entries()) look(item, `${path}[${index}]`)
    else if (isMapping(node)) lookIn(node, path)
  }
  const lookIn = (mapping: YAMLMap, path: string): void => {
    const seen = new Set<string>()
    for (const { key, value } of mapping.items) {
      const name = String(key)
      const at = path === '' ? name : `${path}.${name}`
      look(value, at)
      if (seen.has(name)) found.push({ path: at, key: name, line: lineOf(text, value ?? key) })
      seen.add(name)
    }
  }
  look(root, '')
  return found
}

const lineOf = (text: string, node: unknown): number =>
  text.slice(0, (node as { range?: readonly number[] } | null)?.range?.[0] ?? 0).split('\n').length

// The module is loaded lazily, so its own guards are not at hand: a mapping's items are pairs, a sequence's are nodes.
const hasItems = (node: unknown): node is { items: readonly unknown[] } => Array.isArray((node as { items?: unknown } | null)?.items)
const isMapping = (node: unknown): node is YAMLMap => hasItems(node) && node.items.every((item) => isPair(item))
const isSequence = (node: unknown): node is YAMLSeq => hasItems(node) && !node.items.some((item) => isPair(item))
const isPair = (item: unknown): boolean => typeof item === 'object' && item !== null && 'key' in item
