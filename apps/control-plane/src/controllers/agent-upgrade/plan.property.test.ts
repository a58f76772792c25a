import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isConditionTrue } from '@bramble/api/conditions'
import type { AgentUpgradeSpec, AgentUpgradeStatus } from '@bramble/api/types/agent-upgrade'
import fc from 'fast-check'
import { planUpgrade, type UpgradePlan, waveOf } from './plan.ts'
import { aCandidate, anUpgrade, type NodeTraits, NOW_MS, RELEASES } from './testing.ts'

const SEED = 5
const RUNS = 300
const MINUTE_MS = 60_000

interface Player {
  readonly name: string
  readonly isCanary: boolean
  /** What becomes of the version on this node. */
  readonly fate: 'works' | 'returns' | 'bricks'
  traits: NodeTraits
}

/** A fleet that is played by its nodes: each does a step of its own when it is its turn. */
class Fleet {
  readonly players: readonly Player[]
  readonly #spec: Partial<AgentUpgradeSpec>
  status: AgentUpgradeStatus | undefined

  constructor(players: readonly Omit<Player, 'name' | 'traits'>[], spec: Partial<AgentUpgradeSpec>) {
    this.players = players.map((player, index) => ({ ...player, name: `n${index}`, traits: { canary: player.isCanary } }))
    this.#spec = spec
  }

  get upgrade() {
    return anUpgrade(this.#spec, this.status && { status: this.status })
  }
  get candidates() {
    return this.players.map(({ name, traits }) => aCandidate(name, traits))
  }

  plan(): UpgradePlan {
    return planUpgrade({ upgrade: this.upgrade, candidates: this.candidates, releases: RELEASES, serverVersion: '0.1.0', nowMs: NOW_MS })
  }

  /** As the controller does. */
  act(plan: UpgradePlan): void {
    this.status = plan.status
    for (const { metadata } of plan.tell) this.#change(metadata.name, { told: '0.2.0', by: 'fleet', toldMs: 0 })
    for (const { metadata } of plan.untell) this.#change(metadata.name, ({ told: _, by: __, ...rest }) => ({ ...rest, toldMs: 0 }))
    for (const { metadata } of plan.finish) this.#change(metadata.name, ({ by: _, ...rest }) => rest)
  }

  /** The agent of one node goes on, unless the node is away. */
  step({ name, fate, traits }: Player): void {
    const { told, says, offline } = traits
    if (told === undefined || offline || says === 'UpToDate' || says === 'Returned') return
    if (says === undefined) return this.#change(name, { says: 'Downloading' })
    if (says === 'Downloading') return this.#change(name, { says: 'Staged' })
    if (says === 'Staged') return this.#change(name, fate === 'bricks' ? { offline: true } : { says: 'OnTrial' })
    this.#change(name, fate === 'works' ? { says: 'UpToDate', runs: '0.2.0' } : { says: 'Returned' })
  }

  setOffline({ name, traits, fate }: Player, offline: boolean): void {
    if (fate === 'bricks' && traits.says === 'Staged') return // nothing brings that one back
    this.#change(name, { offline, silentMs: 0 })
  }

  pass(ms: number): void {
    for (const { name, traits } of this.players)
      this.#change(name, {
        ...(traits.told !== undefined && { toldMs: (traits.toldMs ?? 0) + ms }),
        ...(traits.offline && { silentMs: (traits.silentMs ?? 0) + ms }),
      })
  }

  /** Nodes whose agent is changing something, or may be. */
  get disturbed(): readonly Player[] {
    return this.players.filter(
      ({ traits: { told, says, offline } }) => told !== undefined && says !== 'UpToDate' && says !== 'Returned' && !offline,
    )
  }

  #change(name: string, change: NodeTraits | ((before: NodeTraits) => NodeTraits)): void {
    const player = this.players.find((one) => one.name === name)!
    player.traits = typeof change === 'function' ? change(player.traits) : { ...player.traits, ...change }
  }
}

const fates = (...weighted: Player['fate'][]) => fc.record({ isCanary: fc.boolean(), fate: fc.constantFrom(...weighted) })
const spec = fc.record({
  maxUnavailable: fc.constantFrom(1, 2, 5, '10%', '50%', '100%'),
  maxFailures: fc.constantFrom(1, 2, '20%', '100%'),
})
const moves = fc.array(fc.tuple(fc.constantFrom('step', 'step', 'step', 'cut', 'back', 'wait', 'plan', 'plan'), fc.nat()), {
  maxLength: 200,
})
const fleets = (...weighted: Player['fate'][]) => fc.tuple(fc.array(fates(...weighted), { minLength: 1, maxLength: 12 }), spec, moves)

function play(fleet: Fleet, all: readonly (readonly [string, number])[], planned: (plan: UpgradePlan) => void = () => {}): void {
  for (const [move, pick] of all) {
    const player = fleet.players[pick % fleet.players.length]!
    if (move === 'step') fleet.step(player)
    else if (move === 'cut' || move === 'back') fleet.setOffline(player, move === 'cut')
    else if (move === 'wait') fleet.pass((pick % 20) * MINUTE_MS)
    else {
      const plan = fleet.plan()
      planned(plan)
      fleet.act(plan)
    }
  }
}

const finish = (fleet: Fleet): void => {
  for (const player of fleet.players) fleet.setOffline(player, false)
  for (let round = 0; round < 20 * fleet.players.length; round++) {
    fleet.act(fleet.plan())
    for (const player of fleet.players) fleet.step(player)
  }
  fleet.act(fleet.plan())
}

test('never are more nodes at it than a wave, whoever comes and goes', () => {
  fc.assert(
    fc.property(fleets('works', 'works', 'returns', 'bricks'), fc.boolean(), ([players, wish, any], isOnTime) => {
      const all = isOnTime ? any.filter(([move]) => move !== 'wait') : any // one that was given up as too late may go on after all
      const fleet = new Fleet(players, wish)
      play(fleet, all, (plan) => {
        if (plan.tell.length === 0) return
        assert.ok(plan.status.updating <= waveOf(fleet.upgrade, fleet.candidates))
        if (isOnTime) assert.ok(fleet.disturbed.length + plan.tell.length <= waveOf(fleet.upgrade, fleet.candidates))
      })
    }),
    { seed: SEED, numRuns: RUNS },
  )
})

test('only nodes in contact are told, and canaries before others', () => {
  fc.assert(
    fc.property(fleets('works', 'returns'), ([players, wish, all]) => {
      const fleet = new Fleet(players, wish)
      play(fleet, all, (plan) => {
        const told = fleet.players.filter(({ name }) => plan.tell.some(({ metadata }) => metadata.name === name))
        assert.ok(told.every(({ traits }) => !traits.offline))
        const isLeft = fleet.players.some(({ isCanary, traits }) => isCanary && !traits.offline && traits.told === undefined)
        if (isLeft) assert.ok(told.every(({ isCanary }) => isCanary))
      })
    }),
    { seed: SEED, numRuns: RUNS },
  )
})

test('an abort is final: no node is told any more, and none that had not begun begins', () => {
  fc.assert(
    fc.property(fleets('works', 'returns', 'returns', 'bricks'), ([players, wish, all]) => {
      const fleet = new Fleet(players, wish)
      let isAborted = false
      play(fleet, all, (plan) => {
        if (isAborted) assert.deepEqual(plan.tell, [])
        if (isAborted) assert.ok(isConditionTrue(plan.status.conditions, 'Aborted'))
        isAborted ||= isConditionTrue(plan.status.conditions, 'Aborted')
        if (!isAborted) return
        const left = fleet.players.filter(
          ({ traits: { told, says } }) => told !== undefined && (says === undefined || says === 'Downloading'),
        )
        assert.deepEqual(
          plan.untell.map(({ metadata }) => metadata.name),
          left.map(({ name }) => name),
        )
      })
    }),
    { seed: SEED, numRuns: RUNS },
  )
})

test('when the version works, every node gets it that is back in contact, however it came and went', () => {
  fc.assert(
    fc.property(fleets('works'), ([players, wish, all]) => {
      const fleet = new Fleet(players, wish)
      play(
        fleet,
        all.filter(([move]) => move !== 'wait'),
      ) // waiting too long is a failure
      finish(fleet)
      assert.equal(fleet.status!.updated, players.length)
      assert.ok(isConditionTrue(fleet.status!.conditions, 'Complete'))
    }),
    { seed: SEED, numRuns: RUNS },
  )
})

test('when the version works nowhere, no more than a wave loses it, and the rest keeps what it has', () => {
  fc.assert(
    fc.property(fleets('returns', 'bricks'), ([players, wish, all]) => {
      const fleet = new Fleet(players, { ...wish, maxUnavailable: 2, maxFailures: 1 })
      play(fleet, all)
      const touched = fleet.players.filter(
        ({ traits }) => traits.says === 'Staged' || traits.says === 'OnTrial' || traits.says === 'Returned',
      )
      assert.ok(touched.length <= 2)
    }),
    { seed: SEED, numRuns: RUNS },
  )
})
