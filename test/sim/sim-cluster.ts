import type { ApiClient } from '../../apps/control-plane/src/api/client.ts'
import { daemonSets } from '../../apps/control-plane/src/resources/daemon-set.ts'
import { deployments } from '../../apps/control-plane/src/resources/deployment.ts'
import { endpointSlices } from '../../apps/control-plane/src/resources/endpoint-slice.ts'
import { nodes } from '../../apps/control-plane/src/resources/node.ts'
import { persistentVolumes } from '../../apps/control-plane/src/resources/persistent-volume.ts'
import { pods } from '../../apps/control-plane/src/resources/pod.ts'
import { replicaSets } from '../../apps/control-plane/src/resources/replica-set.ts'
import { services } from '../../apps/control-plane/src/resources/service.ts'
import { MemoryLink } from '../../packages/link/src/memory-link.ts'
import type { Env } from '../../packages/reconcile/src/env.ts'
import { seeded, seededUuids } from '../../packages/reconcile/src/sim/seeded.ts'
import { SimClock } from '../../packages/reconcile/src/sim/sim-clock.ts'
import { missing } from './convergence.ts'
import { type Faults, injectFaults, NO_FAULTS } from './faults.ts'
import { type ApiSnapshot, Invariants, type Snapshot, Violation } from './invariants.ts'
import { SETTINGS } from './settings.ts'
import { SimControlPlane } from './sim-control-plane.ts'
import { SimLog } from './sim-log.ts'
import { SimNode } from './sim-node.ts'

/** Between two looks at the invariants, at most. */
const STEP_MS_MAX = 5_000

export interface SimClusterOptions {
  readonly seed: number
  readonly nodes: number
  /** Manifests of pods that every node runs of its own accord; real files, so such a run does not depend on the seed alone. */
  readonly staticPodFolder?: string
}

/**
 * A whole fleet in one process, under virtual time and a seed: real control plane and real agents, joined by a link in
 * memory; only containers and kernel rules are made up. The same seed gives the same run.
 */
export class SimCluster {
  readonly env: Env
  readonly clock = new SimClock()
  readonly link: MemoryLink
  readonly nodes: readonly SimNode[]
  readonly controlPlane: SimControlPlane
  readonly log: SimLog
  readonly #invariants = new Invariants()
  readonly #chance: () => number
  #faults: Faults = NO_FAULTS
  #failure: Violation | undefined

  constructor({ seed, nodes: count, staticPodFolder }: SimClusterOptions) {
    this.log = new SimLog(this.clock)
    this.env = { clock: this.clock, random: seeded(seed), log: this.log, uuid: seededUuids(seed) }
    this.#chance = seeded(seed + 1_000_000)
    this.link = new MemoryLink(this.env)
    this.controlPlane = new SimControlPlane({
      env: { ...this.env, log: this.log.child({ program: 'control-plane' }) },
      linkServer: this.link.server,
      settings: SETTINGS,
      observe: (client, signal) => this.#rememberSlices(client, signal),
      failed: (error) => this.#fail(`the control plane failed: ${textOf(error)}`),
    })
    this.nodes = Array.from({ length: count }, (_, index) => {
      const name = `pi-${index + 1}`
      return new SimNode({
        name,
        number: index + 1,
        link: this.link.connect(name),
        podNetwork: SETTINGS.podNetwork,
        serviceNetwork: SETTINGS.serviceNetwork,
        ...(staticPodFolder !== undefined && { staticPodFolder }),
        env: { ...this.env, log: this.log.child({ program: name }) },
        failed: (error) => this.#fail(`the agent of ${name} failed: ${textOf(error)}`),
      })
    })
  }

  /** Chance for what happens to the fleet; apart from the fleet's own, so that both may change without each other. */
  get chance(): () => number {
    return this.#chance
  }

  async start(): Promise<void> {
    await this.controlPlane.start()
    for (const node of this.nodes) node.start()
    await this.clock.advance(1_000)
  }

  /** From now on, in every step. */
  faults(faults: Partial<Faults>): void {
    this.#faults = { ...NO_FAULTS, ...faults }
    Object.assign(this.link.faults, this.#faults.messages)
  }

  /**
   * Lets time pass in steps of chance length; in each, faults happen, `act` may do what people do, and the invariants are
   * checked.
   * @throws Violation when one is broken.
   */
  async run(ms: number, act: (client: ApiClient, chance: () => number) => Promise<void> = async () => {}): Promise<void> {
    const untilMs = this.clock.monotonicMs() + ms
    while (this.clock.monotonicMs() < untilMs) {
      injectFaults(this, this.#faults, this.#chance)
      const { client } = this.controlPlane
      if (client) await act(client, this.#chance)
      await this.clock.advance(Math.min(untilMs - this.clock.monotonicMs(), 1 + this.#chance() * STEP_MS_MAX))
      await this.check()
    }
  }

  /** @throws Violation */
  async check(): Promise<void> {
    if (this.#failure) throw this.#failure
    this.#invariants.check(await this.snapshot())
  }

  /** What is missing for the fleet to be as wished; empty when nothing is. */
  async missing(): Promise<readonly string[]> {
    const { api, nodes: seen } = await this.snapshot()
    const { client } = this.controlPlane
    return api && client ? missing(api, client.list(services), seen) : ['the control plane is down']
  }

  async snapshot(): Promise<Snapshot> {
    const api = this.#apiSnapshot()
    const seen = await Promise.all(
      this.nodes.map(async ({ name, runtime, proxy }) => ({ name, sandboxes: await runtime.observe(), rules: proxy.table })),
    )
    return { ...(api && { api }), nodes: seen }
  }

  /** Stops everything, so that nothing of it outlives a test. */
  async stop(): Promise<void> {
    for (const node of this.nodes) node.crash()
    this.controlPlane.kill()
    await this.clock.advance(60_000)
  }

  /** Slices may come and go between two looks. */
  async #rememberSlices(client: ApiClient, signal: AbortSignal): Promise<void> {
    for await (const { object } of client.watch(endpointSlices, signal)) this.#invariants.published(object)
  }

  #apiSnapshot(): ApiSnapshot | undefined {
    const { client, revision } = this.controlPlane
    return client && revision !== undefined
      ? {
          nowMs: this.clock.nowMs(),
          revision,
          nodes: client.list(nodes),
          pods: client.list(pods),
          deployments: client.list(deployments),
          replicaSets: client.list(replicaSets),
          daemonSets: client.list(daemonSets),
          volumes: client.list(persistentVolumes),
        }
      : undefined
  }

  #fail(complaint: string): void {
    this.#failure ??= new Violation(complaint)
  }
}

export async function simCluster(options: SimClusterOptions): Promise<SimCluster> {
  const cluster = new SimCluster(options)
  await cluster.start()
  return cluster
}

const textOf = (error: unknown): string => (error instanceof Error ? (error.stack ?? error.message) : String(error))
