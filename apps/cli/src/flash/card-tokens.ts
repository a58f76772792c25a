import { readFileSync } from 'node:fs'
import { parseToken } from '@bramble/link/join-token'
import { type CardSettings, nameOfSerial } from '@bramble/provisioning/card/card'
import { type Cluster, ClusterError } from '../cluster.ts'
import { UsageError } from '../fail.ts'
import { mintToken, removeToken } from '../token.ts'

/** Where the join tokens of cards come from. */
export interface CardTokens {
  /** A token for this card. @throws ClusterError when the control plane cannot be reached. */
  mint(settings: CardSettings): Promise<string>
  /** The card was not finished: its token must not be good for anything. */
  revoke(token: string): Promise<void>
}

/** Minted by the cluster: for one use, bound to the name and the serial that the card has. */
export const clusterTokens = (cluster: Cluster, ttlMs: number): CardTokens => ({
  mint: ({ hostname, serial, labels, taints }) => {
    const nodeName = hostname ?? (serial === undefined ? undefined : nameOfSerial(serial))
    const bounds = { ...(nodeName !== undefined && { nodeName }), ...(serial !== undefined && { serial }) }
    return mintToken(cluster, { ttlMs, uses: 1, ...bounds, labels, taints })
  },
  revoke: async (token) => {
    try {
      await removeToken(cluster, parseToken(token).wireToken.split('.')[0]!)
    } catch (error) {
      if (!(error instanceof ClusterError)) throw error // unreachable now: it expires by itself
    }
  },
})

/** Made elsewhere, a line for each card. @throws UsageError when there are too few, or one is none. */
export function tokensOfFile(path: string, cards: number): CardTokens {
  const lines = readLines(path)
  if (lines.length < cards)
    throw new UsageError(`--token-file ${path}: holds ${lines.length}, and ${cards} cards need one each: a token is good for one node`)
  for (const [index, line] of lines.entries())
    try {
      parseToken(line)
    } catch (error) {
      throw new UsageError(`--token-file ${path}, line ${index + 1}: ${(error as Error).message}`)
    }
  let next = 0
  return { mint: () => Promise.resolve(lines[next++]!), revoke: () => Promise.resolve() }
}

function readLines(path: string): readonly string[] {
  try {
    return readFileSync(path, 'utf8')
      .split(/\r?\n/)
      .map((line) => line.trim())
      .filter(Boolean)
  } catch (error) {
    throw new UsageError(`--token-file ${path}: ${(error as Error).message}`)
  }
}
