import { backoffMs } from '@bramble/reconcile/backoff'
import type { Env } from '@bramble/reconcile/env'
import { Signal } from '@bramble/reconcile/signal'
import type { ServiceProxy } from './service-proxy.ts'
import type { ServiceTable } from './service-table.ts'

const RETRY_MIN_MS = 200
const RETRY_MAX_MS = 30_000

/** Keeps the kernel in step with the newest table: several changes during one sync become one, failures are retried. */
export class ProxyReconciler {
  readonly #proxy: ServiceProxy
  readonly #env: Env
  readonly #change = new Signal()
  #wanted: (() => ServiceTable) | undefined
  #due = false

  constructor(proxy: ServiceProxy, env: Env) {
    this.#proxy = proxy
    this.#env = env
  }

  /** @param table Built when it is needed, so that a burst of changes costs one table. */
  set(table: () => ServiceTable): void {
    this.#wanted = table
    this.#wake()
  }

  /** Runs until `signal` aborts; rules stay. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#syncs(signal), this.#heals(signal)])
  }

  async #syncs(signal: AbortSignal): Promise<void> {
    let failures = 0
    while (!signal.aborted) {
      if (!this.#due || !this.#wanted) {
        await this.#change.wait(signal)
        continue
      }
      this.#due = false
      try {
        await this.#proxy.sync(this.#wanted(), signal)
        failures = 0
      } catch (error) {
        if (signal.aborted) return
        failures++
        this.#env.log.warn('programming service rules failed, will retry', { failures, error })
        this.#due = true
        await this.#env.clock.sleep(backoffMs(failures, RETRY_MIN_MS, RETRY_MAX_MS, this.#env.random), signal)
      }
    }
  }

  async #heals(signal: AbortSignal): Promise<void> {
    for await (const _ of this.#proxy.disturbances(signal)) {
      this.#env.log.warn('someone changed the service rules; writing them again')
      this.#wake()
    }
  }

  #wake(): void {
    this.#due = true
    this.#change.notify()
  }
}
