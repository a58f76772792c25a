import type { ApiClient } from '../../apps/control-plane/src/api/client.ts'
import { agentUpgrades, upgradeStatusText } from '../../apps/control-plane/src/resources/agent-upgrade.ts'
import { nodes } from '../../apps/control-plane/src/resources/node.ts'
import type { AgentUpgradeSpec, AgentUpgradeStatus } from '../../packages/api/src/types/agent-upgrade.ts'
import { AGENT_VERSION_ANNOTATION } from '../../packages/api/src/types/node-config.ts'
import { MemoryLink } from '../../packages/link/src/memory-link.ts'
import type { Env } from '../../packages/reconcile/src/env.ts'
import { silentLog } from '../../packages/reconcile/src/log.ts'
import { seeded, seededUuids } from '../../packages/reconcile/src/sim/seeded.ts'
import { SimClock } from '../../packages/reconcile/src/sim/sim-clock.ts'
import { type Fate, RolloutNode } from './rollout-node.ts'
import { SETTINGS } from './settings.ts'
import { SimControlPlane } from './sim-control-plane.ts'

export interface RolloutOptions {
  readonly seed: number
  readonly nodes: number
  readonly fateOf: (nodeNumber: number, version: string) => Fate
}

const STEP_MS_MAX = 10_000
const VERSIONS = ['0.1.0', '0.2.0', '0.2.1']

/** A real control plane and nodes whose agents are played, under virtual time and a seed, for what becomes of a rollout. */
export class RolloutFleet {
  readonly clock = new SimClock()
  readonly link: MemoryLink
  readonly nodes: readonly RolloutNode[]
  readonly chance: () => number
  readonly #controlPlane: SimControlPlane
  #failure: unknown

  constructor({ seed, nodes: count, fateOf }: RolloutOptions) {
    const env: Env = { clock: this.clock, random: seeded(seed), log: silentLog, uuid: seededUuids(seed) }
    this.chance = seeded(seed + 1_000_000)
    this.link = new MemoryLink(env)
    this.#controlPlane = new SimControlPlane({
      env,
      linkServer: this.link.server,
      settings: SETTINGS,
      agents: { releases: async () => VERSIONS.map((version) => ({ version, arch: 'arm64' })), serverVersion: '0.1.0' },
      observe: async () => {},
      failed: (error) => (this.#failure ??= error),
    })
    this.nodes = Array.from({ length: count }, (_, index) => {
      const name = `pi-${String(index + 1).padStart(2, '0')}`
      return new RolloutNode({
        name,
        number: index + 1,
        env,
        link: this.link.connect(name),
        fateOf: (version) => fateOf(index + 1, version),
      })
    })
  }

  async start(): Promise<void> {
    await this.#controlPlane.start()
    for (const node of this.nodes) node.start()
    await this.pass(5_000)
  }

  async pass(ms: number): Promise<void> {
    await this.clock.advance(ms)
    if (this.#failure !== undefined) throw this.#failure
  }

  /** Lets time pass in steps of chance length. @param each After every step, e.g. what must always hold. */
  async run(ms: number, { rate = 0, each = () => {} }: { readonly rate?: number; readonly each?: () => void } = {}): Promise<void> {
    const untilMs = this.clock.monotonicMs() + ms
    while (this.clock.monotonicMs() < untilMs) {
      for (const node of this.nodes) if (this.chance() < rate) this.#hurt(node)
      if (this.chance() < rate) this.#restartControlPlane()
      await this.pass(1 + this.chance() * STEP_MS_MAX)
      each()
    }
  }

  get client(): ApiClient | undefined {
    return this.#controlPlane.client
  }

  async upgrade(spec: AgentUpgradeSpec): Promise<void> {
    await this.client!.create(agentUpgrades, { metadata: { name: 'fleet' }, spec })
  }
  get status(): AgentUpgradeStatus | undefined {
    return this.client?.get(agentUpgrades, 'fleet')?.status
  }
  get standing(): string {
    return upgradeStatusText(this.status)
  }

  /** Names of nodes that shall run a version. */
  told(version: string): readonly string[] {
    const all = this.client?.list(nodes) ?? []
    return all.filter(({ metadata }) => metadata.annotations?.[AGENT_VERSION_ANNOTATION] === version).map(({ metadata }) => metadata.name)
  }

  async stop(): Promise<void> {
    for (const node of this.nodes) node.stop()
    this.#controlPlane.kill()
    await this.clock.advance(60_000)
  }

  #hurt(node: RolloutNode): void {
    if (!node.isRunning) return // it is away, or gone for good
    const { link, clock } = this
    const forMs = 200 + 90_000 * this.chance() ** 3
    const what = this.chance()
    if (what < 0.4) link.cut(node.name)
    else if (what < 0.8) {
      link.silence(node.name)
      void clock.sleep(forMs).then(() => link.heal(node.name))
    } else {
      node.stop()
      link.cut(node.name)
      void clock.sleep(forMs).then(() => node.start())
    }
  }

  #restartControlPlane(): void {
    if (!this.client) return
    this.#controlPlane.kill()
    void this.clock.sleep(200 + 20_000 * this.chance()).then(() => this.#controlPlane.start())
  }
}
