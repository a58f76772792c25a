import type { Container, Pod } from '@bramble/api/types/pod'
import type { Env } from '@bramble/reconcile/env'
import type { ContainerState, RuntimeService } from '../../runtime/runtime.ts'
import type { PodEvents } from '../events.ts'
import type { PodMemory } from '../pod-memory.ts'
import { isHookDone, type ProbeVerdict } from '../pod-view.ts'
import { runningTogether } from '../resources.ts'
import type { ProbeDialer } from './probe-dialer.ts'
import { ProbeSlots } from './probe-slots.ts'
import { probeHost, type ProbeKind, Prober, probesOf } from './prober.ts'

export interface ProbesParts {
  readonly env: Env
  readonly runtime: Pick<RuntimeService, 'exec'>
  readonly dialer: ProbeDialer
  readonly events: PodEvents
  readonly hostIp: () => string
  /** A pod has something new to look at. */
  readonly wake: (podUid: string) => void
}

const ADOPTION_MS_MAX = 10_000
/** A command inside costs a process and the runtime's time: a hundred pods must not ask for it at once. */
const EXEC_MAX = 4
const NETWORK_MAX = 64

/** One prober for each running container that has probes. */
export class Probes {
  readonly #parts: ProbesParts
  readonly #slots = { exec: new ProbeSlots(EXEC_MAX), network: new ProbeSlots(NETWORK_MAX) }
  /** By pod uid, then container id. */
  readonly #probers = new Map<string, Map<string, Prober>>()
  /** Containers that ran before this agent did, and when they were taken over. */
  readonly #adopted = new Map<string, number>()

  constructor(parts: ProbesParts) {
    this.#parts = parts
  }

  /** Starts and stops probers so that exactly the running containers are probed whose postStart hook is done. */
  sync(memory: PodMemory): void {
    const { pod, sandbox } = memory
    const { uid } = pod.metadata
    const isFirst = !this.#probers.has(uid)
    const probers = this.#probers.get(uid) ?? new Map<string, Prober>()
    this.#probers.set(uid, probers)
    const running = new Map((sandbox?.containers ?? []).filter(({ state }) => state === 'running').map((state) => [state.id, state]))
    for (const [id, prober] of probers) {
      if (memory.isLeaving || memory.outcome) prober.leave()
      if (running.has(id)) continue
      prober.stop()
      probers.delete(id)
      this.#adopted.delete(id)
    }
    for (const container of runningTogether(pod)) {
      const state = [...running.values()].find(({ name }) => name === container.name)
      if (!state || probers.has(state.id) || probesOf(container).length === 0 || !isHookDone(memory, container, state)) continue
      if (isFirst) this.#adopted.set(state.id, this.#parts.env.clock.monotonicMs())
      const prober = this.#prober(pod, container, state, probeHost(pod, sandbox?.ip, this.#parts.hostIp()), isFirst)
      if (memory.isLeaving || memory.outcome) prober.leave()
      probers.set(state.id, prober)
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

  #prober(pod: Pod, container: Container, state: ContainerState, host: string, isAdopted: boolean): Prober {
    const { env, runtime, dialer, events, wake } = this.#parts
    return new Prober(container, state, host, isAdopted, {
      env,
      runtime,
      dialer,
      slots: this.#slots,
      changed: () => wake(pod.metadata.uid),
      told: (kind, what, message) =>
        events.record(
          pod,
          'Warning',
          what === 'warning' ? 'ProbeWarning' : 'Unhealthy',
          `${TITLE[kind]} probe ${WORDS[what]}: ${message}`,
          container,
        ),
    })
  }
}

const TITLE: Readonly<Record<ProbeKind, string>> = { startup: 'Startup', liveness: 'Liveness', readiness: 'Readiness' }
const WORDS = { failed: 'failed', errored: 'errored and resulted in unknown state', warning: 'warning' } as const
