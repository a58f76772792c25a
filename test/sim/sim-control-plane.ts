import type { ApiClient } from '../../apps/control-plane/src/api/client.ts'
import { type ControlPlane, createControlPlane, type ControlPlaneSettings } from '../../apps/control-plane/src/control-plane.ts'
import type { AgentReleases } from '../../apps/control-plane/src/controllers/agent-upgrade/release.ts'
import { MemoryBackend, MemoryDisk } from '../../apps/control-plane/src/store/backend/memory.ts'
import type { LinkServer } from '../../packages/link/src/link.ts'
import type { Env } from '../../packages/reconcile/src/env.ts'

export interface SimControlPlaneParts {
  readonly env: Env
  readonly linkServer: LinkServer
  readonly settings: ControlPlaneSettings
  readonly agents?: AgentReleases
  /** Runs beside it, as long as it lives. */
  readonly observe: (client: ApiClient, signal: AbortSignal) => Promise<void>
  /** It ended by itself, which it never should. */
  readonly failed: (error: unknown) => void
}

interface Life {
  readonly plane: ControlPlane
  readonly stop: AbortController
  readonly ended: Promise<void>
}

/** The control plane as a process that can be killed; its disk stays. */
export class SimControlPlane {
  readonly #parts: SimControlPlaneParts
  readonly #disk = new MemoryDisk()
  #life: Life | undefined
  #dying: Promise<void> = Promise.resolve()

  constructor(parts: SimControlPlaneParts) {
    this.#parts = parts
  }

  /** The API, while it runs. */
  get client(): ApiClient | undefined {
    return this.#life?.plane.client
  }

  /** The newest position in the cluster's history, while it runs. */
  get revision(): number | undefined {
    return this.#life?.plane.store.revision
  }

  async start(): Promise<void> {
    await this.#dying
    const { env, linkServer, settings, agents, observe, failed } = this.#parts
    const plane = await createControlPlane({ backend: new MemoryBackend(this.#disk), linkServer, env, settings, ...(agents && { agents }) })
    const stop = new AbortController()
    const isAlive = (): boolean => this.#life?.stop === stop
    const ended = Promise.all([plane.run(stop.signal), observe(plane.client, stop.signal)]).then(
      () => {
        if (isAlive()) failed(new Error('the control plane ended by itself'))
      },
      (error: unknown) => {
        if (isAlive()) failed(error)
      },
    )
    this.#life = { plane, stop, ended }
  }

  /** kill -9: from this instant nothing reaches the disk. */
  kill(): void {
    if (!this.#life) return
    const { stop, ended } = this.#life
    this.#life = undefined
    this.#disk.owner = undefined
    stop.abort()
    this.#dying = ended
  }
}
