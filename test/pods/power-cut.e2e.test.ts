import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { isConditionTrue } from '@bramble/api/conditions'
import type { Node } from '@bramble/api/types/node'
import type { Pod } from '@bramble/api/types/pod'
import { type Cluster, createCluster, type NodeName } from '../e2e/cluster.ts'
import { FOR_EVER, namespace, pod, script } from '../e2e/manifests.ts'
import { RUNTIMES } from './runtimes.ts'

const RUNNING = ['early-1', 'early-2', 'early-3']
const STARTING = ['late-1', 'late-2', 'late-3', 'late-4']
const ALL = [...RUNNING, ...STARTING]
/** Longer than the node takes to write down what it was assigned. */
const INIT_SECONDS = 8
const LIMIT_MS = 90_000
const skip = process.getuid?.() === 0 ? false : 'needs root for namespaces'

describe('a power cut while pods start', { skip, timeout: 600_000, concurrency: true }, () => {
  let made: Cluster | undefined
  const cluster = (): Cluster => made!
  before(async () => {
    made = await createCluster({ name: 'brt-power', join: 0 })
    await made.apply(...RUNTIMES.map(({ name }) => namespace(name)))
    for (const { node, prepare } of RUNTIMES)
      await made.startAgent(node, [...(await made.joinArguments(node)), ...(await prepare(cluster()))])
    await made.waitFor('every node to be Ready', async () => (await cluster().readyNodes()).length === RUNTIMES.length, LIMIT_MS)
  })
  after(() => made?.down())

  for (const { name: runtime, node, prepare } of RUNTIMES)
    it(`with ${runtime}: the host boots without its link and runs everything that was assigned, once`, async () => {
      await cluster().apply(...RUNNING.map((name) => pod(runtime, name, [script(FOR_EVER)], { nodeName: node })))
      await cluster().waitFor(
        'the early pods to run',
        async () => (await phases(cluster(), runtime)) === 'Running,Running,Running',
        LIMIT_MS,
      )
      const initContainers = [script(`sleep ${INIT_SECONDS} & wait`, { name: 'init' })]
      await cluster().apply(...STARTING.map((name) => pod(runtime, name, [script(FOR_EVER)], { nodeName: node, initContainers })))
      await cluster().waitFor('the late pods to be begun', async () => (await begun(cluster(), runtime)) === ALL.length, LIMIT_MS)
      await cluster().waitFor('the assignment to be saved', () => isSaved(cluster(), node))

      await cluster().powerCut(node)
      await cluster().boot(node, { cut: true, prepare: () => prepare(cluster()) })
      await cluster().waitFor('everything to run', () => runAtLeast(cluster(), node, ALL), LIMIT_MS)
      const alone = await mainProcesses(cluster(), node)
      assert.deepEqual(alone.map(({ name }) => name).sort(), ALL)

      await cluster().joinLink(node)
      await cluster().waitFor('the node to be Ready', () => isReady(cluster(), node), LIMIT_MS)
      await cluster().waitFor(
        'the API to show it',
        async () => (await phases(cluster(), runtime)) === ALL.map(() => 'Running').join(),
        LIMIT_MS,
      )
      assert.deepEqual(await mainProcesses(cluster(), node), alone)
    })
})

const phases = async (cluster: Cluster, runtime: string): Promise<string> =>
  (await cluster.list<Pod>('pods', runtime)).map(({ status }) => status?.phase).join()

/** How many pods have a container that runs. */
const begun = async (cluster: Cluster, runtime: string): Promise<number> =>
  (await cluster.list<Pod>('pods', runtime)).filter(({ status }) =>
    [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])].some(({ state }) => state?.running),
  ).length

const isReady = async (cluster: Cluster, node: NodeName): Promise<boolean> =>
  isConditionTrue((await cluster.get<Node>('node', node, '')).status?.conditions, 'Ready')

/** A burst of changes is written once: nothing was written for longer than that takes, so nothing is left to write. */
const isSaved = async (cluster: Cluster, node: NodeName): Promise<boolean> =>
  (await cluster.shell(node, 'find /var/lib/bramble/agent/assigned.json -not -newermt "3 seconds ago"')) !== ''

/** @throws Error that names the pods that run, as long as one is missing. */
async function runAtLeast(cluster: Cluster, node: NodeName, names: readonly string[]): Promise<true> {
  const running = new Set((await mainProcesses(cluster, node)).map(({ name }) => name))
  if (names.some((name) => !running.has(name))) throw new Error(`only ${[...running].sort().join(', ')} run`)
  return true
}

/** First processes of the pods' own containers, those of init containers left out, with their pods' names. */
async function mainProcesses(cluster: Cluster, node: NodeName): Promise<readonly { readonly pid: string; readonly name: string }[]> {
  const look = `for pid in $(pgrep --full 'while :; do sleep 1'); do
    [ $pid = $$ ] || echo $pid $(nsenter --target $pid --uts hostname); done`
  return (await cluster.shell(node, look))
    .trim()
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([, name]) => ALL.includes(name ?? ''))
    .map(([pid, name]) => ({ pid: pid!, name: name! }))
}
