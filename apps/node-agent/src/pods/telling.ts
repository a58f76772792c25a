import type { StatusReport } from '@bramble/link/link'
import type { Env } from '@bramble/reconcile/env'
import { backOffMessage, podText } from './container-status.ts'
import type { PodEvents } from './events.ts'
import type { PodPlan } from './plan.ts'
import type { PodMemory } from './pod-memory.ts'
import type { PodView } from './pod-view.ts'
import type { Probes } from './probes/probes.ts'
import { podStatus } from './status.ts'

export interface TellingParts {
  readonly env: Env
  readonly events: PodEvents
  readonly probes: Pick<Probes, 'settlesInMs'>
  readonly runtimeName: string
  readonly hostIp: () => string
  readonly send: (report: StatusReport) => void
}

/** Says what has become of pods, once for each change. */
export class Telling {
  readonly #parts: TellingParts

  constructor(parts: TellingParts) {
    this.#parts = parts
  }

  /** Sends the status when it changed. @returns how long it is still held back. */
  tell(memory: PodMemory, view: PodView, plan: PodPlan): number | undefined {
    const { env, probes, runtimeName, hostIp } = this.#parts
    this.#tellCrashLoops(memory, view, plan)
    if (memory.orphaned) return undefined
    const quietMs = probes.settlesInMs(memory.pod.metadata.uid)
    if (quietMs > 0) return quietMs
    const status = podStatus({
      view,
      crashLoops: plan.crashLoops,
      runtimeName,
      terminationMessages: memory.terminationMessages,
      failedHooks: memory.failedHooks,
      resize: memory.resize,
      disruption: memory.disruption,
      previous: memory.status ?? memory.pod.status,
      hostIp: hostIp(),
      nowMs: env.clock.nowMs(),
    })
    if (JSON.stringify(status) === JSON.stringify(memory.status)) return undefined
    memory.status = status
    this.repeat(memory)
    return undefined
  }

  /** Sends the last status again. */
  repeat({ pod, status, orphaned, gone }: PodMemory): void {
    if (!status || orphaned || gone) return
    const { namespace = '', name, uid } = pod.metadata
    this.#parts.send({ type: 'pod-status', namespace, name, uid, status })
  }

  gone({ pod }: PodMemory): void {
    const { namespace = '', name, uid } = pod.metadata
    this.#parts.send({ type: 'pod-gone', namespace, name, uid })
  }

  #tellCrashLoops({ pod, status }: PodMemory, view: PodView, { crashLoops }: PodPlan): void {
    const told = [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])]
    for (const [name, { delayMs }] of crashLoops)
      if (told.find((each) => each.name === name)?.state?.waiting?.message !== backOffMessage(view, name, delayMs))
        this.#parts.events.record(pod, 'Warning', 'BackOff', `Back-off restarting failed container ${name} in pod ${podText(view)}`, {
          name,
        })
  }
}
