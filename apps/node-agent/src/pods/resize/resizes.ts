import type { Container, Pod, ResourceRequirements } from '@bramble/api/types/pod'
import type { Env } from '@bramble/reconcile/env'
import type { PodEvents } from '../events.ts'
import type { PodMemory } from '../pod-memory.ts'
import { attemptsOf } from '../pod-view.ts'
import { type Amounts, containerResources, podRequests, qosClass, runningTogether } from '../resources.ts'
import { allocationOf, isBefore, isResized, refusalOf, type Waiting } from './allocation.ts'
import { differences, givenTo } from './given.ts'

/** Where the change of a pod's resources is, as its conditions show it. */
export interface ResizeState {
  readonly pending?: { readonly reason: string; readonly message: string; readonly generation?: number; readonly sinceMs: number }
  readonly inProgress?: { readonly generation?: number; readonly error?: string }
}

export interface ResizesParts {
  readonly env: Env
  readonly events: PodEvents
  readonly allocatable: () => Amounts
  /** All pods of the node. */
  readonly all: () => Iterable<PodMemory>
  readonly wake: (podUid: string) => void
}

/**
 * Decides whether pods whose spec has changed get what they ask for now, and tells how far that is.
 * @see Source: kubelet allocation manager handlePodResourcesResize.
 */
export class Resizes {
  readonly #parts: ResizesParts

  constructor(parts: ResizesParts) {
    this.#parts = parts
  }

  /** To be called before a pod is planned. */
  look(memory: PodMemory): void {
    if (memory.isLeaving || !isResized(memory.wanted, memory.allocation)) {
      if (memory.resize.pending) memory.resize = memory.resize.inProgress ? { inProgress: memory.resize.inProgress } : {}
      return
    }
    const { events, env, allocatable } = this.#parts
    const { wanted } = memory
    const { generation } = wanted.metadata
    const refusal = refusalOf(wanted, this.#usedBesides(memory), allocatable())
    if (!refusal) {
      memory.allocate(allocationOf(wanted))
      memory.resize = { inProgress: { ...(generation !== undefined && { generation }) } }
      for (const { name } of runningTogether(wanted)) memory.problems.delete(`resize/${name}`)
      events.record(wanted, 'Normal', 'ResizeStarted', `Pod resize started: ${summary(wanted)}`)
      return
    }
    const { pending } = memory.resize
    if (pending?.reason === refusal.reason && pending.message === refusal.message && pending.generation === generation) return
    memory.resize = {
      ...memory.resize,
      pending: {
        ...refusal,
        ...(generation !== undefined && { generation }),
        sinceMs: pending?.sinceMs ?? env.clock.monotonicMs(),
      },
    }
    const message = `Pod resize ${refusal.reason}: ${summary(wanted, refusal.message)}`
    events.record(wanted, 'Warning', `Resize${refusal.reason}`, message)
  }

  /** To be called after a pod was planned: says so when everything has arrived. */
  conclude(memory: PodMemory): void {
    const { inProgress } = memory.resize
    if (!inProgress || isUnderWay(memory)) return
    memory.resize = memory.resize.pending ? { pending: memory.resize.pending } : {}
    this.#parts.events.record(memory.wanted, 'Normal', 'ResizeCompleted', `Pod resize completed: ${summary(memory.pod)}`)
  }

  /** The runtime or the kernel refused. */
  failed(memory: PodMemory, message: string): void {
    const inProgress = { ...memory.resize.inProgress, error: message }
    if (memory.resize.inProgress?.error === message) return
    memory.resize = { ...memory.resize, inProgress }
    this.#parts.events.record(memory.wanted, 'Warning', 'ResizeError', `Pod resize error: ${summary(memory.pod, message)}`)
  }

  /** Room may have become free: those that wait are asked in order. */
  retry(): void {
    const waiting = [...this.#parts.all()].filter(({ resize }) => resize.pending?.reason === 'Deferred')
    for (const memory of waiting.sort((a, b) => isBefore(rankOf(a), rankOf(b)))) {
      this.look(memory)
      if (!memory.resize.pending) this.#parts.wake(memory.pod.metadata.uid)
    }
  }

  #usedBesides(memory: PodMemory): Amounts {
    let used: Amounts = { cpuMillis: 0, memoryBytes: 0 }
    for (const other of this.#parts.all()) {
      if (other === memory || other.gone || other.outcome) continue
      const { cpuMillis, memoryBytes } = podRequests(other.pod)
      used = { cpuMillis: used.cpuMillis + cpuMillis, memoryBytes: used.memoryBytes + memoryBytes }
    }
    return used
  }
}

/** A running container has something else than what was set aside for it. */
const isUnderWay = (memory: PodMemory): boolean =>
  runningTogether(memory.pod).some((container) => {
    const [state] = attemptsOf(memory.sandbox, container.name)
    if (state?.state !== 'running') return false
    const wanted = containerResources(container)
    return differences(givenTo(memory.given, state, wanted), wanted).length > 0
  })

function rankOf({ wanted, pod, resize }: PodMemory): Waiting {
  const [before, after] = [podRequests(pod), podRequests(wanted)]
  return {
    grows: after.cpuMillis > before.cpuMillis || after.memoryBytes > before.memoryBytes,
    priority: wanted.spec.priority ?? 0,
    isGuaranteed: qosClass(wanted) === 'Guaranteed',
    sinceMs: resize.pending?.sinceMs ?? 0,
  }
}

/** As Kubernetes' Events show it. */
function summary({ spec, metadata }: Pod, error?: string): string {
  const of = (containers: readonly Container[] = []): readonly { readonly name: string; readonly resources: ResourceRequirements }[] =>
    containers.map(({ name, resources = {} }) => ({ name, resources }))
  return JSON.stringify({
    ...(spec.initContainers?.length && { initContainers: of(spec.initContainers) }),
    containers: of(spec.containers),
    generation: metadata.generation ?? 0,
    ...(error !== undefined && { error }),
  })
}
