import { type Chains, JUMPS, type Ruleset } from './render.ts'

/** What stands in the kernel as far as we know: the chains that we wrote, by table. */
export type Written = Ruleset
export const NOTHING_WRITTEN: Written = { nat: new Map(), filter: new Map() }

export interface RestorePlan {
  /** Inputs of `iptables-restore --noflush`, to be run in order; each is one transaction. */
  readonly inputs: readonly string[]
  readonly chainsWritten: number
}

/**
 * The restores that turn what is written into what is wanted. Pure.
 *
 * Only chains whose rules differ are declared (which empties them) and filled again; chains that nothing needs any more are
 * emptied and deleted, after the last jump to them is gone. The nft variant of iptables takes time quadratic in the size of a
 * transaction, so a big change is cut into chunks of whole chains: leaves first, so that a half-done change routes like the old.
 *
 * @param rulesPerChunk About how many rules go into one transaction; Infinity where the legacy variant rewrites the whole table anyway.
 */
export function planRestore(written: Written, wanted: Ruleset, rulesPerChunk: number): RestorePlan {
  const inputs: string[] = []
  let chainsWritten = 0
  for (const table of ['nat', 'filter'] as const) {
    const changed = [...wanted[table]].filter(([chain, rules]) => !same(written[table].get(chain), rules))
    const gone = [...written[table].keys()].filter((chain) => !wanted[table].has(chain))
    chainsWritten += changed.length + gone.length
    const chunks = chunked(changed, rulesPerChunk)
    chunks.forEach((chunk, index) => inputs.push(restoreInput(table, chunk, index === chunks.length - 1 ? gone : [])))
    if (chunks.length === 0 && gone.length > 0) inputs.push(restoreInput(table, [], gone))
  }
  return { inputs, chainsWritten }
}

const same = (a: readonly string[] | undefined, b: readonly string[]): boolean =>
  a === b || (a !== undefined && a.length === b.length && a.every((rule, index) => rule === b[index]))

function chunked(
  chains: readonly (readonly [string, readonly string[]])[],
  rulesPerChunk: number,
): (readonly (readonly [string, readonly string[]])[])[] {
  const chunks: (readonly [string, readonly string[]])[][] = []
  let size = Number.POSITIVE_INFINITY
  for (const chain of chains) {
    if (size >= rulesPerChunk) {
      chunks.push([])
      size = 0
    }
    chunks.at(-1)!.push(chain)
    size += chain[1].length + 1
  }
  return chunks
}

function restoreInput(table: string, chains: Iterable<readonly [string, readonly string[]]>, gone: readonly string[]): string {
  const declared = [...chains]
  return [
    `*${table}`,
    ...declared.map(([chain]) => `:${chain} - [0:0]`),
    ...gone.map((chain) => `:${chain} - [0:0]`),
    ...declared.flatMap(([chain, rules]) => rules.map((rule) => `-A ${chain} ${rule}`)),
    ...gone.map((chain) => `-X ${chain}`),
    'COMMIT',
    '',
  ].join('\n')
}

/**
 * One restore per table that leaves exactly one jump into our chains, first in each built-in chain.
 * @param present Rules of the built-in chains as `iptables -t <table> -S` prints them.
 */
export function planJumps(table: 'nat' | 'filter', present: readonly string[]): string | undefined {
  const lines: string[] = []
  for (const [chain, target] of JUMPS[table]) {
    const rules = present.filter((rule) => rule.startsWith(`-A ${chain} `))
    const ours = rules.filter((rule) => rule.endsWith(`-j ${target}`))
    if (ours.length === 1 && rules[0] === ours[0]) continue
    lines.push(...ours.map((rule) => rule.replace(/^-A/, '-D')), `-I ${chain} 1 -m comment --comment bramble -j ${target}`)
  }
  return lines.length === 0 ? undefined : [`*${table}`, ...lines, 'COMMIT', ''].join('\n')
}

/** Everything of ours out of one table, whoever wrote it. @param present Output lines of `iptables -t <table> -S`. */
export function planRemoval(table: 'nat' | 'filter', present: readonly string[]): string | undefined {
  const chains = ownChains(present)
  const jumps = present.filter((rule) => rule.startsWith('-A ') && !rule.startsWith('-A BRAMBLE-') && / -j BRAMBLE-[A-Z0-9-]+$/.test(rule))
  if (chains.length + jumps.length === 0) return undefined
  return [
    `*${table}`,
    ...chains.map((chain) => `:${chain} - [0:0]`),
    ...jumps.map((rule) => rule.replace(/^-A/, '-D')),
    ...chains.map((chain) => `-X ${chain}`),
    'COMMIT',
    '',
  ].join('\n')
}

/** Names of our chains among the lines of `iptables -S`. */
export const ownChains = (present: readonly string[]): readonly string[] =>
  present.filter((line) => line.startsWith('-N BRAMBLE-')).map((line) => line.slice(3))

/** Chains that are there but were not written by us in this life, as if we had written them with unknown rules. */
export const asUnknown = (chains: readonly string[]): Chains => new Map(chains.map((chain) => [chain, ['unknown']]))
