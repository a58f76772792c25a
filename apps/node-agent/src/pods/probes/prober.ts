import type { Container, Pod, Probe } from '@bramble/api/types/pod'
import type { Clock } from '@bramble/reconcile/env'
import { Signal } from '@bramble/reconcile/signal'
import type { ContainerState, RuntimeService } from '../../runtime/runtime.ts'
import type { ProbeVerdict } from '../pod-view.ts'
import type { ProbeDialer } from './probe-dialer.ts'

export type ProbeKind = 'startup' | 'liveness' | 'readiness'

export interface ProberParts {
  readonly clock: Clock
  readonly runtime: Pick<RuntimeService, 'exec'>
  readonly dialer: ProbeDialer
  /** The verdict may have changed. */
  readonly changed: () => void
  readonly failed: (kind: ProbeKind, message: string) => void
}

/** Asks one running container how it is, until stopped. The startup probe goes first and gates the others. */
export class Prober {
  readonly container: Container
  readonly #state: ContainerState
  readonly #host: string
  readonly #parts: ProberParts
  readonly #stop = new AbortController()
  readonly #answered = new Set<ProbeKind>()
  readonly #startChange = new Signal()
  #verdict: ProbeVerdict

  /** @param host Address of the pod. */
  constructor(container: Container, state: ContainerState, host: string, parts: ProberParts) {
    this.container = container
    this.#state = state
    this.#host = host
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

  stop(): void {
    this.#stop.abort()
  }

  async #run(kind: ProbeKind, probe: Probe): Promise<void> {
    const { clock } = this.#parts
    const { signal } = this.#stop
    const sinceMs = Math.max(0, clock.nowMs() - (this.#state.startedAtMs ?? this.#state.createdAtMs))
    await clock.sleep(Math.max(0, (probe.initialDelaySeconds ?? 0) * 1000 - sinceMs), signal)
    while (kind !== 'startup' && !this.#verdict.started && !signal.aborted) await this.#startChange.wait(signal)
    let inARow = 0
    let before: boolean | undefined
    while (!signal.aborted) {
      const failure = await this.#ask(probe)
      if (signal.aborted) return
      const good = failure === undefined
      if (!good) this.#parts.failed(kind, failure)
      inARow = before === good ? inARow + 1 : 1
      before = good
      const first = !this.#answered.has(kind)
      this.#answered.add(kind)
      if (inARow >= (good ? (probe.successThreshold ?? 1) : (probe.failureThreshold ?? 3))) this.#conclude(kind, good)
      if (first) this.#parts.changed()
      if (kind === 'startup' && this.#verdict.started) return
      await clock.sleep((probe.periodSeconds ?? 10) * 1000, signal)
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

  /** @returns why it failed, or undefined when it is well. */
  async #ask(probe: Probe): Promise<string | undefined> {
    const timeoutMs = (probe.timeoutSeconds ?? 1) * 1000
    try {
      return await this.#askOnce(probe, timeoutMs)
    } catch (error) {
      return error instanceof Error ? error.message : String(error)
    }
  }

  async #askOnce(probe: Probe, timeoutMs: number): Promise<string | undefined> {
    const { dialer, runtime } = this.#parts
    if (probe.httpGet) {
      const { path = '/', host = this.#host, scheme = 'HTTP', httpHeaders = [], port } = probe.httpGet
      const { statusCode } = await dialer.http(
        { scheme, host, port: this.#port(port), path: path.startsWith('/') ? path : `/${path}`, headers: httpHeaders },
        timeoutMs,
      )
      return statusCode >= 200 && statusCode < 400 ? undefined : `HTTP probe failed with statuscode: ${statusCode}`
    }
    if (probe.tcpSocket) await dialer.tcp(probe.tcpSocket.host ?? this.#host, this.#port(probe.tcpSocket.port), timeoutMs)
    else if (probe.grpc) await dialer.grpc(this.#host, probe.grpc.port, probe.grpc.service ?? '', timeoutMs)
    else if (probe.exec) {
      const { exitCode, output } = await runtime.exec(this.#state.id, probe.exec.command ?? [], timeoutMs)
      if (exitCode !== 0) return output
    }
    return undefined
  }

  #port(port: number | string): number {
    const number =
      typeof port === 'number' || /^\d+$/.test(port) ? Number(port) : this.container.ports?.find(({ name }) => name === port)?.containerPort
    if (number === undefined) throw new Error(`couldn't find port: ${port} in container ${this.container.name}`)
    return number
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
