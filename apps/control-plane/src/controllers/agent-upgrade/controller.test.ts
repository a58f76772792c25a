import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { AgentUpgrade, AgentUpgradeSpec } from '@bramble/api/types/agent-upgrade'
import type { Node } from '@bramble/api/types/node'
import type { AgentUpgradeReason } from '@bramble/api/types/node-config'
import { agentUpgrades, upgradeStatusText } from '../../resources/agent-upgrade.ts'
import { nodes } from '../../resources/node.ts'
import { testBench } from '../test-bench.ts'
import { agentUpgradeController } from './controller.ts'
import type { Release } from './release.ts'

const bench = async (
  t: TestContext,
  names: readonly string[] = ['a', 'b', 'c'],
  releases: Release[] = [{ version: '0.2.0', arch: 'arm64' }],
) => {
  const create: typeof agentUpgradeController.create = (deps) =>
    agentUpgradeController.create({ ...deps, agents: { releases: async () => releases, serverVersion: '0.1.0' } })
  const made = await testBench(t, [{ ...agentUpgradeController, create }])
  const { client, pass } = made
  const says = async (name: string, runs: string, reason: AgentUpgradeReason, message: string): Promise<void> => {
    const status = reason === 'UpToDate' ? 'True' : 'False'
    await client.patch(
      nodes,
      name,
      {
        status: {
          nodeInfo: { kubeletVersion: `v1.36.2+bramble.${runs}`, architecture: 'arm64' },
          conditions: [
            { type: 'Ready', status: 'True' },
            { type: 'AgentUpgrade', status, reason, message },
          ],
        },
      },
      'status',
    )
    await pass(1)
  }
  const setOffline = async (name: string): Promise<void> => {
    await client.patch(nodes, name, { status: { conditions: [{ type: 'Ready', status: 'Unknown' }] } }, 'status')
    await pass(1)
  }
  for (const name of names) {
    await made.addNode(name)
    await says(name, '0.1.0', 'UpToDate', '0.1.0')
  }
  const upgrade = async (name: string, spec: Partial<AgentUpgradeSpec> = {}): Promise<AgentUpgrade> => {
    const one = await client.create<AgentUpgrade>(agentUpgrades, { metadata: { name }, spec: { version: '0.2.0', ...spec } })
    await pass(1)
    return one
  }
  const annotations = (name: string): Readonly<Record<string, string>> => client.get(nodes, name)?.metadata.annotations ?? {}
  return {
    ...made,
    releases,
    says,
    setOffline,
    upgrade,
    annotations,
    /** Names of the nodes that shall run a version, with it. */
    told: (): string =>
      client
        .list(nodes)
        .flatMap(({ metadata: { name } }) =>
          annotations(name)['bramble.dev/agent-version'] ? [`${name}=${annotations(name)['bramble.dev/agent-version']}`] : [],
        )
        .join(' '),
    standing: (name: string): string => {
      const { status } = client.get(agentUpgrades, name)!
      return `${upgradeStatusText(status)} ${status!.updated}/${status!.total}`
    },
    node: (name: string): Node => client.get(nodes, name)!,
  }
}

test('nodes are brought to a version one after the other, and both they and the upgrade tell of it', async (t) => {
  const { upgrade, told, says, standing, annotations, toldAbout, node } = await bench(t)
  const made = await upgrade('fleet', { deadlineSeconds: 120 })
  assert.equal(told(), 'a=0.2.0')
  assert.deepEqual(annotations('a'), {
    'bramble.dev/agent-version': '0.2.0',
    'bramble.dev/agent-upgrade-deadline': '120',
    'bramble.dev/agent-upgrade': 'fleet',
  })
  await says('a', '0.1.0', 'Downloading', '0.2.0: 12 MiB of 40 MiB')
  await says('a', '0.2.0', 'OnTrial', '0.2.0: since a moment')
  assert.equal(told(), 'a=0.2.0')
  await says('a', '0.2.0', 'UpToDate', '0.2.0')
  assert.equal(told(), 'a=0.2.0 b=0.2.0')
  assert.equal(annotations('a')['bramble.dev/agent-upgrade'], undefined)
  for (const name of ['b', 'c']) await says(name, '0.2.0', 'UpToDate', '0.2.0')
  assert.equal(standing('fleet'), 'Complete 3/3')
  assert.deepEqual(toldAbout(node('a')), [
    'Normal AgentUpgradeStarted a: AgentUpgrade fleet wants 0.2.0',
    'Normal AgentUpgraded a: the agent runs 0.2.0',
  ])
  assert.deepEqual(toldAbout(made), ['Normal Complete fleet: 3 of 3 nodes run 0.2.0'])
})

test('the first failure ends it: others keep what they have, and what had not begun is taken back', async (t) => {
  const { upgrade, told, says, standing, toldAbout, node, annotations } = await bench(t)
  const made = await upgrade('fleet', { maxUnavailable: 2 })
  assert.equal(told(), 'a=0.2.0 b=0.2.0')
  await says('a', '0.1.0', 'Returned', '0.2.0: crashed 3 times; 0.1.0 runs again')
  assert.equal(told(), 'a=0.2.0')
  assert.deepEqual(annotations('b'), {})
  assert.equal(standing('fleet'), 'Aborted 0/3')
  assert.deepEqual(toldAbout(made), [
    'Warning NodeFailed fleet: a: Returned: 0.2.0: crashed 3 times; 0.1.0 runs again',
    'Warning Aborted fleet: failed on a (0.2.0: crashed 3 times; 0.1.0 runs again): no more nodes are touched. Another spec.version starts anew',
  ])
  assert.equal(toldAbout(node('b')).at(-1), 'Normal AgentUpgradeCancelled b: AgentUpgrade fleet was aborted before 0.2.0 was begun')
})

test('an abort outlives the failure, and ends with another version', async (t) => {
  const { client, upgrade, told, says, standing, pass, releases } = await bench(t)
  await upgrade('fleet')
  await says('a', '0.1.0', 'Returned', '0.2.0: crashed 3 times')
  await client.delete(nodes, 'a')
  await client.patch(agentUpgrades, 'fleet', { spec: { maxFailures: 10, paused: true } })
  await client.patch(agentUpgrades, 'fleet', { spec: { paused: false } })
  await pass(60_000)
  assert.equal(standing('fleet'), 'Aborted 0/2')
  assert.equal(told(), '')
  releases.push({ version: '0.2.1', arch: 'arm64' })
  await client.patch(agentUpgrades, 'fleet', { spec: { version: '0.2.1' } })
  await pass(1)
  assert.equal(told(), 'b=0.2.1')
})

test('a paused upgrade goes on where it was', async (t) => {
  const { client, upgrade, told, says, standing, pass } = await bench(t)
  await upgrade('fleet', { paused: true })
  assert.deepEqual([told(), standing('fleet')], ['', 'Paused 0/3'])
  await client.patch(agentUpgrades, 'fleet', { spec: { paused: false } })
  await pass(1)
  await client.patch(agentUpgrades, 'fleet', { spec: { paused: true } })
  await says('a', '0.2.0', 'UpToDate', '0.2.0')
  assert.deepEqual([told(), standing('fleet')], ['a=0.2.0', 'Paused 1/3'])
})

test('a node that is offline is left alone until it returns', async (t) => {
  const { upgrade, told, says, standing, setOffline } = await bench(t, ['a', 'b'])
  await setOffline('a')
  await upgrade('fleet')
  assert.equal(told(), 'b=0.2.0')
  await says('b', '0.2.0', 'UpToDate', '0.2.0')
  assert.deepEqual([told(), standing('fleet')], ['b=0.2.0', 'WaitingForNodes 1/2'])
  await says('a', '0.1.0', 'UpToDate', '0.1.0')
  assert.equal(told(), 'a=0.2.0 b=0.2.0')
})

test('a node that falls silent keeps its place until it must have returned; if no node runs the version, that is a failure', async (t) => {
  const { upgrade, told, standing, setOffline, pass } = await bench(t, ['a', 'b'])
  await upgrade('fleet', { deadlineSeconds: 120 })
  await setOffline('a')
  await pass(230_000)
  assert.deepEqual([told(), standing('fleet')], ['a=0.2.0', 'Progressing 0/2'])
  await pass(15_000)
  assert.deepEqual([told(), standing('fleet')], ['', 'Aborted 0/2'])
})

test('the newer of two upgrades has a node; when it goes, the older one does', async (t) => {
  const { client, upgrade, told, pass, releases, standing } = await bench(t)
  releases.push({ version: '0.3.0', arch: 'arm64' })
  await upgrade('fleet', { maxUnavailable: '100%' })
  await client.patch(nodes, 'b', { metadata: { labels: { site: 'north' } } })
  await pass(1000)
  await upgrade('north', { version: '0.3.0', nodeSelector: { matchLabels: { site: 'north' } } })
  assert.equal(told(), 'a=0.2.0 b=0.3.0 c=0.2.0')
  assert.equal(standing('fleet'), 'Progressing 0/2')
  await client.delete(agentUpgrades, 'north')
  await pass(1)
  assert.equal(told(), 'a=0.2.0 b=0.2.0 c=0.2.0')
})

test('an upgrade that is deleted leaves versions as they are', async (t) => {
  const { client, upgrade, told, says, pass } = await bench(t)
  await upgrade('fleet')
  await client.delete(agentUpgrades, 'fleet')
  await says('a', '0.2.0', 'UpToDate', '0.2.0')
  await pass(60_000)
  assert.equal(told(), 'a=0.2.0')
})

test('a release that is missing is asked for, and found once it is there', async (t) => {
  const { upgrade, told, releases, standing, toldAbout, pass } = await bench(t, ['a'], [])
  const made = await upgrade('fleet')
  assert.deepEqual([told(), standing('fleet')], ['', 'ReleaseMissing 0/1'])
  assert.match(toldAbout(made)[0]!, /^Warning ReleaseMissing fleet: 0\.2\.0 for arm64 is not among the releases: .*bramble release import/)
  releases.push({ version: '0.2.0', arch: 'arm64' })
  await pass(30_000)
  assert.equal(told(), 'a=0.2.0')
})

test('what a node said of a version long ago is not its answer now', async (t) => {
  const { client, upgrade, told, says, standing, pass } = await bench(t, ['a'])
  await upgrade('fleet')
  await says('a', '0.1.0', 'Returned', '0.2.0: crashed 3 times; 0.1.0 runs again')
  assert.equal(standing('fleet'), 'Aborted 0/1')
  await client.delete(agentUpgrades, 'fleet')
  await client.patch(nodes, 'a', { metadata: { annotations: { 'bramble.dev/agent-version': null } } })
  await pass(1)
  await upgrade('fleet')
  assert.deepEqual([told(), standing('fleet')], ['a=0.2.0', 'Progressing 0/1'])
  await says('a', '0.1.0', 'Returned', '0.2.0: crashed 3 times; 0.1.0 runs again')
  assert.equal(standing('fleet'), 'Aborted 0/1')
})
