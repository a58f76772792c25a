import assert from 'node:assert/strict'
import { test } from 'node:test'
import { agentUpgrades } from '../../apps/control-plane/src/resources/agent-upgrade.ts'
import { RolloutFleet, type RolloutOptions } from './rollout-fleet.ts'

const SEEDS = [1, 2]
const NODES = 14
const WAVE = 3
const MINUTE_MS = 60_000
const SPEC = { version: '0.2.0', maxUnavailable: WAVE, deadlineSeconds: 600 }

async function withFleet(options: Omit<RolloutOptions, 'nodes'>, play: (fleet: RolloutFleet) => Promise<void>): Promise<void> {
  const fleet = new RolloutFleet({ nodes: NODES, ...options })
  try {
    await fleet.start()
    await play(fleet)
  } finally {
    await fleet.stop()
  }
}

/** Nodes between two versions. */
const atIt = (fleet: RolloutFleet): number => fleet.nodes.filter(({ isOnTrial }) => isOnTrial).length
const running = (fleet: RolloutFleet, version: string): number => fleet.nodes.filter((node) => node.version === version).length

for (const seed of SEEDS)
  test(`a version that works reaches every node through faults, a wave at a time, and nodes that were away when they return (SEED=${seed})`, () =>
    withFleet({ seed, fateOf: () => 'works' }, async (fleet) => {
      const away = fleet.nodes.filter((_, index) => index % 7 === 0)
      for (const node of away) {
        node.stop()
        fleet.link.cut(node.name)
      }
      await fleet.run(2 * MINUTE_MS)
      await fleet.upgrade(SPEC)
      const promise = (): void => assert.ok(atIt(fleet) <= WAVE, `${atIt(fleet)} nodes are at it at once`)
      await fleet.run(20 * MINUTE_MS, { rate: 0.004, each: promise })
      await fleet.run(20 * MINUTE_MS, { each: promise })
      assert.equal(fleet.standing, 'WaitingForNodes')
      assert.equal(running(fleet, '0.2.0'), NODES - away.length)
      assert.deepEqual([fleet.status?.offline, fleet.status?.failed], [away.length, 0])
      for (const node of away) node.start()
      await fleet.run(20 * MINUTE_MS, { each: promise })
      assert.equal(fleet.standing, 'Complete')
      assert.equal(running(fleet, '0.2.0'), NODES)
    }))

for (const fate of ['crashes', 'bricks'] as const)
  for (const seed of SEEDS)
    test(`a version that ${fate} everywhere is tried by no more than a wave, and never again (SEED=${seed})`, () =>
      withFleet({ seed, fateOf: (_, version) => (version === '0.2.0' ? fate : 'works') }, async (fleet) => {
        await fleet.upgrade(SPEC)
        await fleet.run(30 * MINUTE_MS, { rate: 0.004 })
        await fleet.run(5 * MINUTE_MS)
        assert.equal(fleet.standing, 'Aborted')
        const tried = fleet.nodes.filter((node) => node.tried.has('0.2.0')).length
        assert.ok(tried >= 1 && tried <= WAVE, `${tried} nodes tried it`)
        await fleet.run(20 * MINUTE_MS)
        assert.equal(fleet.nodes.filter((node) => node.tried.has('0.2.0')).length, tried)
        if (fate === 'crashes') assert.equal(running(fleet, '0.1.0'), NODES)
        assert.ok(fleet.nodes.every(({ version, isOnTrial }) => version === '0.1.0' || isOnTrial))
      }))

for (const seed of SEEDS)
  test(`a version that fails on one node in five ends within its failures; a better one then reaches all (SEED=${seed})`, () =>
    withFleet({ seed, fateOf: (node, version) => (version === '0.2.0' && node % 5 === 0 ? 'crashes' : 'works') }, async (fleet) => {
      await fleet.upgrade({ ...SPEC, maxFailures: 2 })
      await fleet.run(40 * MINUTE_MS, { rate: 0.004 })
      await fleet.run(5 * MINUTE_MS)
      assert.equal(fleet.standing, 'Aborted')
      const failed = fleet.nodes.filter((node) => node.tried.has('0.2.0') && node.version === '0.1.0').length
      assert.ok(failed >= 2 && failed < 2 + WAVE, `${failed} nodes failed`)
      await fleet.client!.patch(agentUpgrades, 'fleet', { spec: { version: '0.2.1' } })
      await fleet.run(40 * MINUTE_MS)
      assert.equal(fleet.standing, 'Complete')
      assert.equal(running(fleet, '0.2.1'), NODES)
    }))

test('a fleet is upgraded without a word to nodes that it does not concern', () =>
  withFleet({ seed: 9, fateOf: () => 'works' }, async (fleet) => {
    await fleet.upgrade({ ...SPEC, nodeSelector: { matchLabels: { site: 'north' } } })
    await fleet.run(30 * MINUTE_MS)
    assert.equal(fleet.standing, 'Complete')
    assert.deepEqual([running(fleet, '0.2.0'), running(fleet, '0.1.0')], [NODES / 2, NODES / 2])
    assert.equal(fleet.told('0.2.0').length, NODES / 2)
  }))
