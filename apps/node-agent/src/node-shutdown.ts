import type { StatusReport } from '@bramble/link/link'
import type { Env } from '@bramble/reconcile/env'
import type { NodeReporter } from './node-reporter.ts'
import type { PodReconciler } from './pods/pod-reconciler.ts'
import { serveShutdown } from './server/shutdown-socket.ts'
import type { ShutdownPeriods } from './shutdown-config.ts'

/** How long the control plane is given to hear of the last things. */
const TELL_MS_MAX = 3_000
const TELL_STEP_MS = 100

export interface NodeShutdownParts {
  readonly env: Env
  readonly pods: Pick<PodReconciler, 'shutDown'>
  readonly reporter: Pick<NodeReporter, 'refusePods'>
  readonly outbox: { readonly pending: readonly StatusReport[] }
  readonly settings: ShutdownSettings
}

export interface ShutdownSettings extends ShutdownPeriods {
  /** Where the machine says that it goes down. */
  readonly socket: string
}

/** Takes the node down in order: the scheduler sends nothing more, pods end, and the control plane hears of it. */
export class NodeShutdown {
  readonly #parts: NodeShutdownParts

  constructor(parts: NodeShutdownParts) {
    this.#parts = parts
  }

  /** Waits for the machine to say so, until `signal` aborts. */
  run(signal: AbortSignal): Promise<void> {
    const { settings, env } = this.#parts
    return serveShutdown(settings.socket, (until) => this.shutDown(until), env.log, signal)
  }

  /** @returns names of pods that did not end in time. */
  async shutDown(signal: AbortSignal): Promise<readonly string[]> {
    const { env, pods, reporter, outbox, settings } = this.#parts
    env.log.info('the machine goes down: pods end')
    await reporter.refusePods('node is shutting down')
    const left = await pods.shutDown(settings.graceMs, settings.criticalGraceMs, signal)
    for (let waitedMs = 0; waitedMs < TELL_MS_MAX && outbox.pending.length > 0 && !signal.aborted; waitedMs += TELL_STEP_MS)
      await env.clock.sleep(TELL_STEP_MS, signal)
    if (left.length > 0) env.log.warn('pods did not end in time', { pods: left })
    return left
  }
}
