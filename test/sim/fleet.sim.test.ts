import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NodeSnapshot } from './invariants.ts'
import { applyWorkloads, converge, runScenario } from './scenario.ts'
import { type SimCluster, simCluster } from './sim-cluster.ts'

const SEEDS = Array.from({ length: 20 }, (_, index) => index + 1)
const FAULTY_MS = 10 * 60_000

for (const seed of SEEDS) test(`faults stop, then every node converges (SEED=${seed})`, () => runScenario({ seed, faultyMs: FAULTY_MS }))

test('the same seed is the same story', async () => {
  const tell = async (): Promise<readonly string[]> => {
    const lines: string[] = []
    await runScenario({ seed: 3, nodes: 3, faultyMs: 3 * 60_000, listen: (cluster) => lines.push(...cluster.log.lines) })
    return lines
  }
  const first = await tell()
  assert.ok(first.some((line) => line.includes('fault: ')))
  assert.deepEqual(await tell(), first)
})

// The simulation would be worth nothing if it did not notice: here something is broken on purpose.

test('it notices rules that are not written', async () => {
  await assert.rejects(
    brokenRun((cluster) => {
      cluster.nodes[0]!.proxy.sync = async () => ({ chainsWritten: 0 })
    }),
    /pi-1 sends web to \[\], not to \[/,
  )
})

test('it notices a sandbox that is never removed', async () => {
  await assert.rejects(
    brokenRun((cluster) => {
      cluster.nodes[0]!.runtime.removeSandbox = async () => {}
    }),
    /pi-1 still has the sandbox of|is still leaving/,
  )
})

test('it notices a pod that is alive on two nodes', async () => {
  const cluster = await simCluster({ seed: 1, nodes: 2 })
  try {
    const [first, second] = cluster.nodes
    const config = {
      podUid: 'u',
      namespace: 'default',
      name: 'twin',
      hostname: 'twin',
      hostNetwork: false,
      hostPid: false,
      hostIpc: false,
      portMappings: [],
      logDirectory: '/x',
      sysctls: {},
      sharedProcesses: false,
      resources: { qosClass: 'BestEffort' as const, cpuRequestMillis: 0 },
    }
    for (const node of [first!, second!]) node.crash()
    for (const node of [first!, second!]) await node.runtime.runSandbox(config, new AbortController().signal)
    await assert.rejects(cluster.check(), /pod twin is alive twice, on pi-1 and pi-2/)
  } finally {
    await cluster.stop()
  }
})

test('it notices an agent that dies of an error', async () => {
  await assert.rejects(
    brokenRun((cluster) => {
      const [node] = cluster.nodes
      node!.crash()
      cluster.link.cut('pi-1')
      node!.runtime.status = async () => {
        throw new Error('out of memory')
      }
      node!.start()
    }),
    /the agent of pi-1 failed: Error: out of memory/,
  )
})

test('a node that loses power and network starts its pods by itself, with the rules that it knew', async () => {
  const cluster = await simCluster({ seed: 5, nodes: 3 })
  try {
    await runUntilWell(cluster)
    const [node] = cluster.nodes
    const before = await seen(cluster)
    cluster.controlPlane.kill()
    node!.losePower()
    await cluster.run(1_000)
    assert.deepEqual([node!.runtime.running().length, node!.rulesFor('default/web:http')], [0, []])
    node!.start()
    await cluster.run(60_000)
    const after = await seen(cluster)
    assert.deepEqual(after.sandboxes.map(({ podUid }) => podUid).sort(), before.sandboxes.map(({ podUid }) => podUid).sort())
    assert.ok(after.sandboxes.every(({ containers }) => containers.some(({ state }) => state === 'running')))
    assert.deepEqual(
      after.rules?.forwards.map(({ id }) => id),
      before.rules?.forwards.map(({ id }) => id),
    )
  } finally {
    await cluster.stop()
  }
})

test('an agent that is started again, and a control plane that is killed and started again, leave every container alone', async () => {
  const cluster = await simCluster({ seed: 6, nodes: 3 })
  try {
    await runUntilWell(cluster)
    const ids = (): string[] => cluster.nodes.flatMap(({ runtime }) => runtime.running().map(({ id }) => id)).sort()
    const before = ids()
    cluster.nodes[0]!.crash()
    cluster.link.cut('pi-1')
    cluster.controlPlane.kill()
    await cluster.run(20_000)
    cluster.nodes[0]!.start()
    await cluster.controlPlane.start()
    await cluster.run(120_000)
    assert.deepEqual(await cluster.missing(), [])
    assert.deepEqual(ids(), before)
  } finally {
    await cluster.stop()
  }
})

const seen = async (cluster: SimCluster): Promise<NodeSnapshot> => (await cluster.snapshot()).nodes[0]!

/** Breaks something on a fleet that is well, and lets people and faults do the rest. */
const brokenRun = (breakIt: (cluster: SimCluster) => void): Promise<void> =>
  runScenario({ seed: 2, nodes: 2, faultyMs: 3 * 60_000, calmMs: 60_000, prepare: breakIt })

async function runUntilWell(cluster: SimCluster): Promise<void> {
  await applyWorkloads(cluster.controlPlane.client!)
  await converge(cluster, 5 * 60_000)
}
