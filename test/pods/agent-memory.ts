import type { Cluster, NodeName } from '../e2e/cluster.ts'

export interface AgentMemory {
  readonly residentKib: number
  /** Without what is read from files and can be read again. */
  readonly anonymousKib: number
}

const STATUS = `for each in /proc/[0-9]*; do
  case "$(tr '\\0' ' ' < $each/cmdline 2>/dev/null)" in */node-agent/main.js*) cat $each/status;; esac
done`

/** What the agent of a node takes up now. */
export async function agentMemory(cluster: Cluster, node: NodeName): Promise<AgentMemory> {
  const status = await cluster.shell(node, STATUS)
  const field = (name: string): number => {
    const sizes = [...status.matchAll(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'gm'))].map(([, kib]) => Number(kib))
    if (sizes.length === 0) throw new Error(`no agent runs on ${node}`)
    return Math.max(...sizes) // of what started it as well
  }
  return { residentKib: field('VmRSS'), anonymousKib: field('RssAnon') }
}

export const inWords = ({ residentKib, anonymousKib }: AgentMemory): string =>
  `${Math.round(residentKib / 1024)} MiB, ${Math.round(anonymousKib / 1024)} MiB of them anonymous`
