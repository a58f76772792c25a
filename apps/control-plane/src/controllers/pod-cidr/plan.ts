import type { Node } from '@bramble/api/types/node'

/** An IPv4 block as its first address and the number of fixed bits. */
interface Block {
  readonly first: number
  readonly prefix: number
}

/**
 * The lowest block of `podNetwork` with `nodePrefix` fixed bits that overlaps no node's; undefined when none is left.
 * @throws RangeError when the settings are no network, or one smaller than a node's block.
 */
export function freeBlock(podNetwork: string, nodePrefix: number, nodes: readonly Node[]): string | undefined {
  const network = parseBlock(podNetwork)
  if (!network || nodePrefix < network.prefix || nodePrefix > 30)
    throw new RangeError(
      `cannot split the pod network ${podNetwork} into blocks of /${nodePrefix}: it must be an IPv4 network at least as large as a block`,
    )
  const size = 2 ** (32 - nodePrefix)
  const taken = nodes
    .flatMap(blocksOf)
    .map(parseBlock)
    .filter((block) => block !== undefined)
    .sort((a, b) => a.first - b.first)
  let first = network.first
  for (const block of taken) {
    if (block.first + 2 ** (32 - block.prefix) <= first) continue
    if (block.first >= first + size) break
    first = Math.ceil((block.first + 2 ** (32 - block.prefix) - network.first) / size) * size + network.first
  }
  return first + size > network.first + 2 ** (32 - network.prefix) ? undefined : `${formatAddress(first)}/${nodePrefix}`
}

/** The blocks that a node has. */
export const blocksOf = ({ spec }: Node): readonly string[] => [
  ...new Set([...(spec.podCIDR ? [spec.podCIDR] : []), ...(spec.podCIDRs ?? [])]),
]

function parseBlock(text: string): Block | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(text)
  if (!match) return undefined
  const [a, b, c, d, prefix] = match.slice(1).map(Number) as [number, number, number, number, number]
  if (Math.max(a, b, c, d) > 255 || prefix > 32) return undefined
  const size = 2 ** (32 - prefix)
  return { first: Math.floor((((a * 256 + b) * 256 + c) * 256 + d) / size) * size, prefix }
}

const formatAddress = (address: number): string => [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.')
