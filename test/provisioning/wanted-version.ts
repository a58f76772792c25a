import { conditionOf } from '@bramble/api/conditions'
import type { Node } from '@bramble/api/types/node'
import {
  AGENT_DEADLINE_ANNOTATION,
  AGENT_UPGRADE_CONDITION,
  AGENT_VERSION_ANNOTATION,
  agentVersionOf,
} from '@bramble/api/types/node-config'
import type { Cluster } from '../e2e/cluster.ts'

export const UPDATE_MS_MAX = 120_000

/** A node of a cluster, and the version that its agent shall run. */
export class WantedVersion {
  readonly #cluster: Cluster
  readonly #node: string
  /** The end of the agent's log, for whoever reads the failure. */
  readonly #log: () => Promise<string>

  constructor(cluster: Cluster, node: string, log: () => Promise<string>) {
    this.#cluster = cluster
    this.#node = node
    this.#log = log
  }

  /** As an operator does it. */
  async want(version: string, deadlineSeconds = 120): Promise<void> {
    const annotations = [`${AGENT_VERSION_ANNOTATION}=${version}`, `${AGENT_DEADLINE_ANNOTATION}=${deadlineSeconds}`]
    await this.#cluster.kubectl(['annotate', '--overwrite', 'node', this.#node, ...annotations])
  }

  /** Waits until the node says that of itself while it runs `version`. */
  async says(reason: string, version: string, message: RegExp): Promise<void> {
    let last = ''
    try {
      await this.#cluster.waitFor(
        `the node to say ${reason}`,
        async () => {
          const { status } = await this.#cluster.get<Node>('node', this.#node)
          const condition = conditionOf(status?.conditions, AGENT_UPGRADE_CONDITION)
          const running = agentVersionOf(status?.nodeInfo?.kubeletVersion)
          last = `${condition?.reason} (${condition?.message}), runs ${running}`
          return condition?.reason === reason && message.test(condition.message ?? '') && running === version
        },
        UPDATE_MS_MAX,
      )
    } catch (error) {
      throw new Error(`it says ${last}\n${await this.#log()}`, { cause: error })
    }
  }
}

export const LIST_PROCESSES = ['ps', '-eo', 'pid=,ppid=,args=']
/** How many agents run on a machine. What an agent starts looks like it for a moment. */
export function countAgents(processes: string): number {
  const agents = [...processes.matchAll(/^ *(\d+) +(\d+) \S*node .*\/lib\/node-agent\/main\.js$/gm)].map(([, pid, parent]) => ({
    pid,
    parent,
  }))
  return agents.filter(({ parent }) => !agents.some(({ pid }) => pid === parent)).length
}
