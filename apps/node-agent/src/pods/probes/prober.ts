import type { Container, Pod, Probe } from '@bramble/api/types/pod'
import type { Env } from '@bramble/reconcile/env'
import { Signal } from '@bramble/reconcile/signal'
import type { ContainerState } from '../../runtime/runtime.ts'
import type { ProbeVerdict } from '../pod-view.ts'
import { ask, type AskParts } from './ask.ts'

export type ProbeKind = 'startup' | 'liveness' | 'readiness'

export interface ProberParts extends AskParts {
  readonly env: Pick<Env, 'clock' | 'random'>
  /** The verdict may have changed. */
  readonly changed: () => void
  readonly told: (kind: ProbeKind, what: 'failed' | 'errored' | 'warning', message: string) => void
}

/** Agents that start ask what they took over within this time at most, not all at once. */
const JITTER_MS_MAX = 5_000

/** Asks one running container how it is, until stopped. The startup probe goes first and gates the others. */
export class Prober {
  readonly container: Container
  readonly #state: ContainerState
  readonly #host: string
  readonly #parts: ProberParts
  readonly #isAdopted: boolean
  readonly #stop = new AbortController()
  readonly #quiet = new AbortController()
  readonly #answered = new Set<ProbeKind>()
  readonly #startChange = new Signal()
  #verdict: ProbeVerdict

  /** @param host Address of the pod. @param isAdopted It ran before this agent did: it is asked at some time of its own. */
  constructor(container: Container, state: ContainerState, host: string, isAdopted: boolean, parts: ProberParts) {
    this.container = container
    this.#state = state
    this.#host = host
    this.#isAdopted = isAdopted
    this.#parts = parts
    this.#verdict = { started: container.startupProbe === undefined, ready: container.readinessProbe === undefined }
    for (const [kind, probe] of probesOf(container)) void this.#run(kind, probe)
  }

  get verdict(): ProbeVerdict {
    return this.#verdict
  }

  /** Every probe that says whether it is ready has answered at least once. */
  get hasAnswered(): boolean {
    if (this.container.startupProbe && !this.#verdict.started) return this.#answered.has('startup')
    return this.container.readinessProbe === undefined || this.#answered.has('readiness')
  }

  /** The pod leaves: whether it is ready still matters, whether it lives does not. Source: kubelet StopLivenessAndStartup. */
  leave(): void {
    this.#quiet.abort()
  }

  stop(): void {
    this.#stop.abort()
  }

  async #run(kind: ProbeKind, probe: Probe): Promise<void> {
    const { clock, random } = this.#parts.env
    const signal = kind === 'readiness' ? this.#stop.signal : AbortSignal.any([this.#stop.signal, this.#quiet.signal])
    const periodMs = (probe.periodSeconds ?? 10) * 1000
    const sinceMs = Math.max(0, clock.nowMs() - (this.#state.startedAtMs ?? this.#state.createdAtMs))
    const delayMs = Math.max(0, (probe.initialDelaySeconds ?? 0) * 1000 - sinceMs)
    await clock.sleep(this.#isAdopted ? Math.max(delayMs, random() * Math.min(periodMs, JITTER_MS_MAX)) : delayMs, signal)
    while (kind !== 'startup' && !this.#verdict.started && !signal.aborted) await this.#startChange.wait(signal)
    let inARow = 0
    let before: boolean | undefined
    while (!signal.aborted) {
      const answer = await ask(this.#parts, this.container, this.#state.id, this.#host, probe)
      if (signal.aborted) return
      if (answer.type === 'unknown') this.#parts.told(kind, 'errored', answer.why)
      else {
        const good = answer.type === 'well'
        if (!good) this.#parts.told(kind, 'failed', answer.why)
        else if (answer.warning !== undefined) this.#parts.told(kind, 'warning', answer.warning)
        inARow = before === good ? inARow + 1 : 1
        before = good
        if (inARow >= (good ? (probe.successThreshold ?? 1) : (probe.failureThreshold ?? 3))) this.#conclude(kind, good)
      }
      if (!this.#answered.has(kind)) {
        this.#answered.add(kind)
        this.#parts.changed()
      }
      if (kind === 'startup' && this.#verdict.started) return
      await clock.sleep(periodMs, signal)
    }
  }

  #conclude(kind: ProbeKind, good: boolean): void {
    const next: ProbeVerdict =
      kind === 'readiness'
        ? { ...this.#verdict, ready: good }
        : good
          ? { ...this.#verdict, started: true }
          : { ...this.#verdict, unhealthy: kind }
    if (next.ready === this.#verdict.ready && next.started === this.#verdict.started && next.unhealthy === this.#verdict.unhealthy) return
    this.#verdict = next
    this.#startChange.notify()
    this.#parts.changed()
  }
}

export const probesOf = (container: Container): readonly (readonly [ProbeKind, Probe])[] =>
  (
    [
      ['startup', container.startupProbe],
      ['liveness', container.livenessProbe],
      ['readiness', container.readinessProbe],
    ] as const
  ).flatMap(([kind, probe]) => (probe ? [[kind, probe] as const] : []))

/** Where a pod is probed. */
export const probeHost = (pod: Pod, podIp: string | undefined, hostIp: string): string =>
  pod.spec.hostNetwork ? hostIp : (podIp ?? hostIp)
