import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { AgentUpgrade } from '@bramble/api/types/agent-upgrade'
import type { Node } from '@bramble/api/types/node'
import { AGENT_VERSION_ANNOTATION, agentVersionOf } from '@bramble/api/types/node-config'
import { type Cluster, CONTROL_PLANE, createCluster, NODES, type NodeName } from '../e2e/cluster.ts'
import type { LabProcess } from '../e2e/lab/lab.ts'
import { INSTALL, ROOT, settingsOf } from './supervised-node.ts'
import { TestReleases } from './test-release.ts'

// Three nodes whose agents the launcher keeps, and `bramble upgrade`: what an operator types, what the nodes do.

const LIMIT = { timeout: 300_000 }
const SKIP = process.getuid?.() === 0 ? false : 'needs root for namespaces'
const CANARY: NodeName = 'pi-2'
const AWAY: NodeName = 'pi-3'

let cluster: Cluster
let releases: TestReleases
const settings = new Map<NodeName, string>()
const agents = new Map<NodeName, LabProcess>()

before(async () => {
  if (SKIP) return
  releases = await TestReleases.create()
  cluster = await createCluster({ name: 'brt-fleet', join: 0 })
  const first = await releases.make('0.1.0')
  for (const archive of [await releases.make('0.2.0'), await releases.make('0.3.0', 'crashing')])
    await cluster.bramble(CONTROL_PLANE, ['release', 'import', archive])
  for (const node of NODES) {
    settings.set(node, settingsOf(await cluster.joinArguments(node)))
    await cluster.shell(node, INSTALL, { env: { ARCHIVE: first, ROOT } })
    await start(node)
  }
  await cluster.waitFor('every node to be Ready', async () => (await cluster.readyNodes()).length === NODES.length, 60_000)
  await cluster.kubectl(['label', 'node', CANARY, 'bramble.dev/canary=true'])
}, LIMIT)
after(async () => {
  await cluster?.down()
  await releases?.remove()
})

async function start(node: NodeName): Promise<void> {
  const environment = [`BRAMBLE_ROOT=${ROOT}`, `BRAMBLE_CONFIG=${settings.get(node)}`]
  const command = [`${ROOT}/releases/0.1.0/bin/supervise`, 'node-agent', '/var/log', `${ROOT}/launcher`, 'agent', 'run']
  agents.set(node, await cluster.spawn(node, ['env', ...environment, ...command]))
}

async function stop(node: NodeName): Promise<void> {
  process.kill(agents.get(node)!.pid, 'SIGTERM')
  await agents.get(node)!.ended
  await cluster.waitFor(`${node} to be missed`, async () => !(await cluster.readyNodes()).includes(node), 60_000)
}

/** `bramble upgrade … --watch` where the control plane runs; what it printed and how it ended. */
async function upgrade(...args: readonly string[]): Promise<{ readonly text: string; readonly failed: boolean }> {
  try {
    const { stdout } = await cluster.bramble(CONTROL_PLANE, ['upgrade', ...args, '--deadline', '120', '--watch'], { timeoutMs: 200_000 })
    return { text: stdout, failed: false }
  } catch (error) {
    return { text: String((error as Error & { stdout?: string }).stdout ?? error), failed: true }
  }
}

const versions = async (): Promise<Readonly<Record<string, string | undefined>>> =>
  Object.fromEntries(
    (await cluster.list<Node>('nodes')).map(({ metadata, status }) => [metadata.name, agentVersionOf(status?.nodeInfo?.kubeletVersion)]),
  )

test('a version reaches those that are there, canaries first, and who was away when it returns', { skip: SKIP, ...LIMIT }, async () => {
  await stop(AWAY)
  const { text, failed } = await upgrade('--version', '0.2.0', '--max-unavailable', '1')
  assert.equal(failed, false, text)
  assert.match(
    text,
    /Progressing 0 of 3 nodes run 0\.2\.0, 1 at it, 1 offline\n(.*\n)*.*1 of 3 nodes run 0\.2\.0.*\n(.*\n)*WaitingForNodes 2 of 3 nodes run 0\.2\.0/,
  )
  assert.deepEqual(await versions(), { 'pi-1': '0.2.0', 'pi-2': '0.2.0', 'pi-3': '0.1.0' })
  await start(AWAY)
  await cluster.waitFor(
    'the upgrade to be complete',
    async () => (await cluster.get<AgentUpgrade>('agentupgrade', 'agents')).status?.updated === NODES.length,
    120_000,
  )
  assert.match(await cluster.kubectl(['get', 'au']), /^agents +0\.2\.0 +3\/3 +0 +0 +Complete/m)
})

test('a version that crashes is tried by the canary alone; all run what they ran', { skip: SKIP, ...LIMIT }, async () => {
  const { text, failed } = await upgrade('--version', '0.3.0')
  assert.equal(failed, true)
  assert.match(text, /Aborted .*failed on pi-2 \(0\.3\.0: crashed 3 times/)
  await cluster.waitFor('the canary to run again', async () => (await cluster.readyNodes()).length === NODES.length, 60_000)
  assert.deepEqual(await versions(), { 'pi-1': '0.2.0', 'pi-2': '0.2.0', 'pi-3': '0.2.0' })
  const wanted = (await cluster.list<Node>('nodes')).map(({ metadata }) => metadata.annotations?.[AGENT_VERSION_ANNOTATION])
  assert.deepEqual(wanted, ['0.2.0', '0.3.0', '0.2.0'])
  assert.match(await cluster.kubectl(['describe', 'node', CANARY]), /AgentUpgradeFailed +.*Returned: 0\.3\.0: crashed 3 times/)
})
