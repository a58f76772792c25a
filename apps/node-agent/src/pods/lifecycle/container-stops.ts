import type { Env } from '@bramble/reconcile/env'
import { Signal } from '@bramble/reconcile/signal'
import type { RuntimeService } from '../../runtime/runtime.ts'
import { containerNamed } from '../containers.ts'
import type { PodEvents } from '../events.ts'
import type { Step } from '../plan.ts'
import type { PodMemory } from '../pod-memory.ts'
import { attemptsOf } from '../pod-view.ts'
import { probeHost } from '../probes/prober.ts'
import type { ProbeDialer } from '../probes/probe-dialer.ts'
import { within } from '../within.ts'
import { runHook } from './hooks.ts'

/** Nobody gets less after SIGTERM, whatever hooks and others have used up. */
const GRACE_MS_MIN = 2_000
/** A runtime that needs longer than this after the grace period is stuck. */
const STEP_LIMIT_MS = 120_000
const RETRY_MS = 1_000

export interface ContainerStopsParts {
  readonly env: Env
  readonly runtime: Pick<RuntimeService, 'stopContainer' | 'exec'>
  readonly dialer: ProbeDialer
  readonly events: PodEvents
  readonly hostIp: () => string
  readonly wake: (podUid: string) => void
}

type StopStep = Extract<Step, { type: 'stop' }>

/** A container on its way out. */
interface Leaving {
  untilMs: number
  readonly sooner: Signal
  isSignalled: boolean
}

/**
 * Ends containers in the background, so that a grace period holds up nobody: preStop hook, its turn, SIGTERM, SIGKILL.
 * @see Source: kubelet killContainer.
 */
export class ContainerStops {
  readonly #parts: ContainerStopsParts
  readonly #leaving = new Map<string, Leaving>()

  constructor(parts: ContainerStopsParts) {
    this.#parts = parts
  }

  /** Begins, or sees to it that one that has begun ends sooner. */
  stop(step: StopStep, memory: PodMemory, signal: AbortSignal): void {
    const { env, events } = this.#parts
    const { state, graceMs, message } = step
    if (!memory.stopping.has(state.id)) events.record(memory.pod, 'Normal', 'Killing', message, state)
    const untilMs = env.clock.monotonicMs() + graceMs
    memory.stopping.set(state.id, untilMs)
    const under = this.#leaving.get(state.id)
    if (under) {
      under.untilMs = untilMs
      under.sooner.notify()
      if (under.isSignalled) void this.#signal(step, memory, signal)
      return
    }
    const leaving: Leaving = { untilMs, sooner: new Signal(), isSignalled: false }
    this.#leaving.set(state.id, leaving)
    void this.#end(step, leaving, memory, signal).finally(() => this.#leaving.delete(state.id))
  }

  async #end(step: StopStep, leaving: Leaving, memory: PodMemory, signal: AbortSignal): Promise<void> {
    const { clock } = this.#parts.env
    await this.#preStop(step, leaving, memory, signal)
    const isBlocked = (): boolean => step.after.some((name) => attemptsOf(memory.sandbox, name).some(({ state }) => state === 'running'))
    while (!signal.aborted && isBlocked() && clock.monotonicMs() < leaving.untilMs) await this.#untilOver(leaving, signal, memory.change)
    leaving.isSignalled = true
    await this.#signal({ ...step, graceMs: Math.ceil(leaving.untilMs - clock.monotonicMs()) }, memory, signal)
  }

  async #preStop({ state, graceMs }: StopStep, leaving: Leaving, memory: PodMemory, signal: AbortSignal): Promise<void> {
    const { clock } = this.#parts.env
    const container = containerNamed(memory.pod, state.name)
    const handler = container?.lifecycle?.preStop
    if (!container || !handler || graceMs <= 0) return
    const over = new AbortController()
    const host = probeHost(memory.pod, memory.sandbox?.ip, this.#parts.hostIp())
    const hook = runHook(
      { ...this.#parts, clock },
      { pod: memory.pod, container, containerId: state.id, host, handler, limitMs: graceMs },
      over.signal,
    )
      .catch(() => {
        // what the hook said may be secret: the Event does not repeat it
        if (!over.signal.aborted && !signal.aborted)
          this.#parts.events.record(memory.pod, 'Warning', 'FailedPreStopHook', 'PreStopHook failed', state)
      })
      .then(() => over.abort())
    while (!over.signal.aborted && !signal.aborted && clock.monotonicMs() < leaving.untilMs) {
      if (!isRunning(memory, state.id)) break
      await Promise.race([hook, this.#untilOver(leaving, AbortSignal.any([signal, over.signal]), memory.change)])
    }
    over.abort()
  }

  /** Until the grace period is over or shorter, or something of the pod has changed. */
  async #untilOver(leaving: Leaving, signal: AbortSignal, change: Signal): Promise<void> {
    const done = new AbortController()
    const until = AbortSignal.any([signal, done.signal])
    const { clock } = this.#parts.env
    try {
      await Promise.race([
        clock.sleep(Math.max(0, leaving.untilMs - clock.monotonicMs()), until),
        leaving.sooner.wait(until),
        change.wait(until),
      ])
    } finally {
      done.abort()
    }
  }

  async #signal({ state, graceMs }: StopStep, memory: PodMemory, signal: AbortSignal): Promise<void> {
    const { env, runtime, wake } = this.#parts
    const { pod, stopping } = memory
    const leftMs = Math.max(GRACE_MS_MIN, graceMs)
    if (signal.aborted) return
    try {
      await within(env.clock, leftMs + STEP_LIMIT_MS, `stopping container ${state.name}`, signal, () =>
        runtime.stopContainer(state.id, leftMs),
      )
    } catch (error) {
      if (signal.aborted) return
      const name = `${pod.metadata.namespace}/${pod.metadata.name}`
      env.log.warn('a container could not be stopped; trying again', { pod: name, container: state.name, error })
      await env.clock.sleep(RETRY_MS, signal)
      stopping.delete(state.id)
    }
    wake(pod.metadata.uid)
  }
}

const isRunning = (memory: PodMemory, id: string): boolean =>
  memory.sandboxes.some(({ containers }) => containers.some((state) => state.id === id && state.state === 'running'))
