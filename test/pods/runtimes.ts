import type { Cluster, NodeName } from '../e2e/cluster.ts'

export interface RuntimeUnderTest {
  readonly name: string
  readonly node: NodeName
  /** Starts what it needs on its host, with the images of the tests. @returns more arguments for the agent. */
  readonly prepare: (cluster: Cluster) => Promise<readonly string[]>
}

/** Each on a node of its own. */
export const RUNTIMES: readonly RuntimeUnderTest[] = [{ name: 'podman', node: 'pi-1', prepare: async () => ['--runtime', 'podman'] }]
