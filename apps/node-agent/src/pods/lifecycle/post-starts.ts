import type { Env } from '@bramble/reconcile/env'
import type { RuntimeService } from '../../runtime/runtime.ts'
import type { PodEvents } from '../events.ts'
import type { Step } from '../plan.ts'
import type { PodMemory } from '../pod-memory.ts'
import { probeHost } from '../probes/prober.ts'
import type { ProbeDialer } from '../probes/probe-dialer.ts'
import type { HookMarks } from './hook-marks.ts'
import { HOOK_LIMIT_MS, runHook } from './hooks.ts'

export interface PostStartsParts {
  readonly env: Env
  readonly runtime: Pick<RuntimeService, 'exec'>
  readonly dialer: ProbeDialer
  readonly events: PodEvents
  readonly marks: HookMarks
  readonly hostIp: () => string
  readonly wake: (podUid: string) => void
}

/**
 * Runs postStart hooks in the background. One that was under way when its agent died is run again: hooks come at least once.
 * @see Source: kubelet startContainer, "execute the post start hook".
 */
export class PostStarts {
  readonly #parts: PostStartsParts
  #known: Promise<Set<string>> | undefined

  constructor(parts: PostStartsParts) {
    this.#parts = parts
  }

  /** Hooks that an earlier agent saw to their end are done. To be called after each look at a pod. */
  async recall(memory: PodMemory): Promise<void> {
    const waiting = memory.pod.spec.containers.concat(memory.pod.spec.initContainers ?? []).filter(({ lifecycle }) => lifecycle?.postStart)
    if (waiting.length === 0) return
    const known = await this.#marks()
    for (const { id, name } of memory.sandboxes.flatMap(({ containers }) => containers))
      if (known.has(id) && !memory.postStarts.has(id) && waiting.some((container) => container.name === name))
        memory.postStarts.set(id, 'done')
  }

  run({ container, state }: Extract<Step, { type: 'post-start' }>, memory: PodMemory, signal: AbortSignal): void {
    if (memory.postStarts.has(state.id)) return
    memory.postStarts.set(state.id, 'running')
    void this.#run(container, state.id, memory, signal)
  }

  /** Its container is gone. */
  async forget(containerId: string): Promise<void> {
    if (!(await this.#marks()).delete(containerId)) return
    await this.#parts.marks.remove(containerId)
  }

  async #run(container: Extract<Step, { type: 'post-start' }>['container'], containerId: string, memory: PodMemory, signal: AbortSignal) {
    const { env, events, marks, wake, hostIp } = this.#parts
    const { pod } = memory
    const call = {
      pod,
      container,
      containerId,
      host: probeHost(pod, memory.sandbox?.ip, hostIp()),
      handler: container.lifecycle!.postStart!,
      limitMs: HOOK_LIMIT_MS,
    }
    try {
      await runHook({ ...this.#parts, clock: env.clock }, call, signal)
    } catch (error) {
      if (signal.aborted) return
      memory.failedHooks.set(containerId, error instanceof Error ? error.message : String(error))
      this.#conclude(memory, containerId, 'failed')
      // what the hook said may be secret: the Event does not repeat it
      events.record(pod, 'Warning', 'FailedPostStartHook', 'PostStartHook failed', container)
      return wake(pod.metadata.uid)
    }
    if (signal.aborted) return
    this.#conclude(memory, containerId, 'done')
    wake(pod.metadata.uid)
    try {
      ;(await this.#marks()).add(containerId)
      await marks.add(containerId)
    } catch (error) {
      env.log.warn('that a hook is done is not kept: the next agent runs it again', { container: container.name, error })
    }
  }

  #conclude(memory: PodMemory, containerId: string, progress: 'done' | 'failed'): void {
    if (memory.postStarts.has(containerId)) memory.postStarts.set(containerId, progress)
  }

  #marks(): Promise<Set<string>> {
    this.#known ??= this.#parts.marks.load().then((ids) => new Set(ids))
    return this.#known
  }
}
