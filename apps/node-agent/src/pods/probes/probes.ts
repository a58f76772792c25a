import type { Pod } from '@bramble/api/types/pod'
import type { Env } from '@bramble/reconcile/env'
import type { RuntimeService, SandboxState } from '../../runtime/runtime.ts'
import type { PodEvents } from '../events.ts'
import type { ProbeVerdict } from '../pod-view.ts'
import { isSidecar } from '../restart-policy.ts'
import type { ProbeDialer } from './probe-dialer.ts'
import { probeHost, Prober, probesOf } from './prober.ts'

export interface ProbesParts {
  readonly env: Env
  readonly runtime: Pick<RuntimeService, 'exec'>
  readonly dialer: ProbeDialer
  readonly events: PodEvents
  readonly hostIp: () => string
  /** A pod has something new to look at. */
  readonly wake: (podUid: string) => void
}

/** One prober for each running container that has probes. */
export class Probes {
  readonly #parts: ProbesParts
  /** By pod uid, then container id. */
  readonly #probers = new Map<string, Map<string, Prober>>()
  /** Containers that ran before this agent did, and when they were taken over. */
  readonly #adopted = new Map<string, number>()

  constructor(parts: ProbesParts) {
    this.#parts = parts
  }

  /** Starts and stops probers so that exactly the running containers are probed. */
  sync(pod: Pod, sandbox: SandboxState | undefined): void {
    const { uid } = pod.metadata
    const isFirst = !this.#probers.has(uid)
    const probers = this.#probers.get(uid) ?? new Map<string, Prober>()
    this.#probers.set(uid, probers)
    const running = new Map((sandbox?.containers ?? []).filter(({ state }) => state === 'running').map((state) => [state.id, state]))
    for (const [id, prober] of probers) {
      if (running.has(id)) continue
      prober.stop()
      probers.delete(id)
      this.#adopted.delete(id)
    }
    const host = probeHost(pod, sandbox?.ip, this.#parts.hostIp())
    for (const container of [...pod.spec.containers, ...(pod.spec.initContainers ?? []).filter(isSidecar)]) {
      const state = [...running.values()].find(({ name }) => name === container.name)
      if (!state || probers.has(state.id) || probesOf(container).length === 0) continue
      if (isFirst) this.#adopted.set(state.id, this.#parts.env.clock.monotonicMs())
      probers.set(
        state.id,
        new Prober(container, state, host, {
          clock: this.#parts.env.clock,
          runtime: this.#parts.runtime,
          dialer: this.#parts.dialer,
          changed: () => this.#parts.wake(uid),
          failed: (kind, message) =>
            this.#parts.events.record(pod, 'Warning', 'Unhealthy', `${TITLE[kind]} probe failed: ${message}`, container),
        }),
      )
    }
  }

  /** By container id. */
  verdicts(podUid: string): ReadonlyMap<string, ProbeVerdict> {
    return new Map([...(this.#probers.get(podUid) ?? [])].map(([id, prober]) => [id, prober.verdict]))
  }

  /**
   * How long it is still worth waiting before saying anything of the pod: its containers ran before this agent did, and have not
   * been asked yet. 0 = not at all.
   */
  settlesInMs(podUid: string): number {
    const nowMs = this.#parts.env.clock.monotonicMs()
    const waits = [...(this.#probers.get(podUid) ?? [])].map(([id, prober]) => {
      const adoptedMs = this.#adopted.get(id)
      return adoptedMs === undefined || prober.hasAnswered ? 0 : adoptedMs + ADOPTION_MS_MAX - nowMs
    })
    return Math.max(0, ...waits)
  }

  stop(podUid: string): void {
    for (const [id, prober] of this.#probers.get(podUid) ?? []) {
      prober.stop()
      this.#adopted.delete(id)
    }
    this.#probers.delete(podUid)
  }

  stopAll(): void {
    for (const podUid of [...this.#probers.keys()]) this.stop(podUid)
  }
}

const ADOPTION_MS_MAX = 10_000
const TITLE = { startup: 'Startup', liveness: 'Liveness', readiness: 'Readiness' } as const
