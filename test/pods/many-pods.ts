import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Pod } from '@bramble/api/types/pod'
import { systemClock } from '@bramble/reconcile/env'
import type { Cluster } from '../e2e/cluster.ts'
import { deployment, script } from '../e2e/manifests.ts'
import { agentMemory, inWords } from './agent-memory.ts'
import { onNodeOf, type RuntimeUnderTest } from './runtimes.ts'

/** What a node says it can take. */
const PODS_MAX = 110
const LIMIT_MS = 400_000
const ANONYMOUS_KIB_MAX = 120 * 1024

/** As many pods as a node takes, all at the same time. It must be empty. */
export function manyPods(cluster: () => Cluster, { name: runtime, node }: RuntimeUnderTest): void {
  const podsOn = async (): Promise<readonly Pod[]> =>
    (
      JSON.parse(
        await cluster().kubectl(['get', 'pods', '--all-namespaces', `--field-selector=spec.nodeName=${node}`, '--output=json']),
      ) as { items: Pod[] }
    ).items
  const seconds = (sinceMs: number): string => ((systemClock.monotonicMs() - sinceMs) / 1000).toFixed(0)
  const sleeps = script('sleep 1000000 & wait')

  describe(`${PODS_MAX} pods at once with ${runtime}`, () => {
    it('all run, all go, and the agent stays small', async (t) => {
      await cluster().waitFor('the node to be empty', async () => (await podsOn()).length === 0, 90_000)
      const before = await agentMemory(cluster(), node)
      const startMs = systemClock.monotonicMs()
      await cluster().apply(
        deployment(runtime, 'many', [sleeps], { replicas: PODS_MAX }, { ...onNodeOf(runtime), terminationGracePeriodSeconds: 5 }),
      )
      await cluster().waitFor(
        'all to run',
        async () => {
          const running = (await podsOn()).filter(({ status }) => status?.phase === 'Running').length
          if (running < PODS_MAX) throw new Error(`${running} run`)
          return true
        },
        LIMIT_MS,
      )
      const full = await agentMemory(cluster(), node)
      t.diagnostic(`${PODS_MAX} pods ran after ${seconds(startMs)} s; agent: ${inWords(before)} before, ${inWords(full)} then`)
      const deleteMs = systemClock.monotonicMs()
      await cluster().delete('deployment', 'many', runtime)
      await cluster().waitFor('all to go', async () => (await podsOn()).length === 0, LIMIT_MS)
      t.diagnostic(`they were gone ${seconds(deleteMs)} s after their Deployment; agent: ${inWords(await agentMemory(cluster(), node))}`)
      assert.ok(full.anonymousKib < ANONYMOUS_KIB_MAX, inWords(full))
    })
  })
}
