import type { Node } from '@bramble/api/types/node'
import { backoffMs } from '@bramble/reconcile/backoff'
import type { Env } from '@bramble/reconcile/env'
import { Signal } from '@bramble/reconcile/signal'
import type { Routes } from './network/routes/host-routes.ts'

const RETRY_MS_MIN = 500
const RETRY_MS_MAX = 30_000

export interface NodeNetworkParts {
  readonly env: Env
  readonly nodeName: string
  /** As they were assigned last. */
  readonly nodes: () => readonly Node[]
  readonly routes: Pick<Routes, 'sync'> | undefined
  readonly podNetwork: { setCidr(cidr: string): Promise<void> } | undefined
  readonly synced: () => void
}

/** Addresses and routes as Node objects say. */
export class NodeNetwork {
  readonly #parts: NodeNetworkParts
  readonly #change = new Signal()
  #version: string | undefined

  constructor(parts: NodeNetworkParts) {
    this.#parts = parts
  }

  /** Something was assigned. */
  changed(): void {
    this.#change.notify()
  }

  async run(signal: AbortSignal): Promise<void> {
    const { env } = this.#parts
    let failures = 0
    while (!signal.aborted) {
      if (this.#version === this.#wanted()) {
        await this.#change.wait(signal)
        continue
      }
      try {
        await this.sync()
        failures = 0
      } catch (error) {
        failures++
        env.log.warn('addresses or routes of pods could not be set; trying again', { failures, error })
        await env.clock.sleep(backoffMs(failures, RETRY_MS_MIN, RETRY_MS_MAX, env.random), signal)
      }
    }
  }

  /** @throws what the network does. */
  async sync(): Promise<void> {
    const wanted = this.#wanted()
    const { podNetwork, routes, nodeName } = this.#parts
    const nodes = this.#parts.nodes()
    const cidr = nodes.find(({ metadata }) => metadata.name === nodeName)?.spec?.podCIDR
    if (cidr) await podNetwork?.setCidr(cidr)
    await routes?.sync(nodes, nodeName)
    this.#version = wanted
    this.#parts.synced()
  }

  /** Differs when addresses or routes have to. */
  #wanted(): string {
    return this.#parts
      .nodes()
      .map(({ metadata, spec, status }) =>
        [metadata.name, spec?.podCIDR, ...(status?.addresses ?? []).map(({ address }) => address)].join(' '),
      )
      .sort()
      .join('\n')
  }
}
