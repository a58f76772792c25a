import { timestamp } from '@bramble/api/duration'
import type { Pod } from '@bramble/api/types/pod'
import type { StatusReport } from '@bramble/link/link'
import { Signal } from '@bramble/reconcile/signal'
import type { SandboxState } from '../runtime/runtime.ts'
import { containersOf } from './containers.ts'
import type { ConfigSource } from './environment.ts'
import type { ContainerLogs } from './logs.ts'
import { configVersion } from './pod-files.ts'
import { PodMemory } from './pod-memory.ts'
import { isMirror, Mirrors } from './static-pods/mirrors.ts'

export interface PodTableParts {
  readonly send: (report: StatusReport) => void
  readonly wake: (podUid: string) => void
  readonly source: ConfigSource
  readonly hasStaticPods: boolean
}

/** Every pod that this node has or shall have: what was assigned, what its own folder holds, and what was left here. */
export class PodTable {
  readonly mirrors: Mirrors
  readonly #parts: PodTableParts
  readonly #pods = new Map<string, PodMemory>()
  #assigned: readonly Pod[] | undefined
  #static: readonly Pod[] | undefined
  readonly #known = new Signal()

  constructor(parts: PodTableParts) {
    this.#parts = parts
    this.mirrors = new Mirrors(parts.send)
    if (!parts.hasStaticPods) this.#static = []
  }

  /** @returns pods that have a mirror now. */
  assign(pods: readonly Pod[]): readonly PodMemory[] {
    this.#assigned = pods.filter((pod) => !isMirror(pod))
    this.#follow()
    const appeared = this.mirrors.setAssigned(pods.filter(isMirror))
    return appeared.map(({ metadata }) => this.find(metadata.uid)).filter((memory) => memory !== undefined)
  }

  assignStatic(pods: readonly Pod[]): void {
    this.#static = pods
    this.#follow()
    this.mirrors.setStatic(pods)
  }

  get(podUid: string): PodMemory | undefined {
    return this.#pods.get(podUid)
  }
  /** Also by the uid of its mirror. */
  find(podUid: string): PodMemory | undefined {
    return this.#pods.get(podUid) ?? this.#pods.get(this.mirrors.sourceOf(podUid) ?? '')
  }
  all(): readonly PodMemory[] {
    return [...this.#pods.values()]
  }

  remove(memory: PodMemory): void {
    this.#pods.delete(memory.pod.metadata.uid)
    for (const other of this.#pods.values()) if (hasSameName(other, memory)) this.#parts.wake(other.pod.metadata.uid)
  }

  /** A pod of its name is still here: its file was changed, and the old one takes its time. */
  waitsForPredecessor(memory: PodMemory): boolean {
    const isStatic = this.#static?.some(({ metadata }) => metadata.uid === memory.pod.metadata.uid) ?? false
    return (
      isStatic && memory.sandboxes.length === 0 && this.all().some((other) => other.orphaned && !other.gone && hasSameName(other, memory))
    )
  }

  send(report: StatusReport): void {
    const told = this.mirrors.translate(report)
    if (told) this.#parts.send(told)
  }

  /** Until then nothing that runs may be taken for a leftover. */
  async untilKnown(signal: AbortSignal): Promise<void> {
    while (!this.#isKnown && !signal.aborted) await this.#known.wait(signal)
  }

  /** Wakes pods that are not as they were seen last; what nobody knows is taken in to be removed. */
  compare(sandboxes: readonly SandboxState[]): void {
    for (const sandbox of sandboxes) {
      if (this.#pods.has(sandbox.podUid)) continue
      const leftover = new PodMemory(podOf(sandbox))
      leftover.orphaned = true
      this.#pods.set(sandbox.podUid, leftover)
      this.#parts.wake(sandbox.podUid)
    }
    for (const [uid, memory] of this.#pods)
      if (digest(sandboxes.filter(({ podUid }) => podUid === uid)) !== digest(memory.sandboxes)) this.#parts.wake(uid)
  }

  logsOf(podUid: string): readonly ContainerLogs[] | undefined {
    const memory = this.find(podUid)
    if (!memory || memory.gone) return undefined
    const { containerStatuses = [], initContainerStatuses = [], ephemeralContainerStatuses = [] } = memory.status ?? {}
    const statuses = [...containerStatuses, ...initContainerStatuses, ...ephemeralContainerStatuses]
    return containersOf(memory.pod).map(({ name }) => {
      const states = [...(memory.sandbox?.containers ?? []), ...memory.history.values()].filter(
        (state) => state.name === name && state.startedAtMs !== undefined,
      )
      const reason = statuses.find((status) => status.name === name)?.state?.waiting?.reason
      return {
        name,
        attempts: states.sort((a, b) => b.attempt - a.attempt).map(({ logPath, state }) => ({ logPath, running: state === 'running' })),
        ...(reason !== undefined && { waitingReason: reason }),
      }
    })
  }

  get #isKnown(): boolean {
    return this.#assigned !== undefined && this.#static !== undefined
  }

  #follow(): void {
    const wanted = new Map([...(this.#assigned ?? []), ...(this.#static ?? [])].map((pod) => [pod.metadata.uid, pod]))
    for (const [uid, pod] of wanted) this.#want(uid, pod)
    for (const [uid, memory] of this.#pods)
      if (!wanted.has(uid) && !memory.orphaned && this.#isKnown) {
        memory.orphaned = true
        this.#parts.wake(uid)
      }
    if (this.#isKnown) this.#known.notify()
  }

  #want(uid: string, pod: Pod): void {
    const memory = this.#pods.get(uid)
    if (!memory) {
      this.#pods.set(uid, new PodMemory(pod))
      return this.#parts.wake(uid)
    }
    const changed = memory.wanted !== pod && memory.wanted.metadata.resourceVersion !== pod.metadata.resourceVersion
    const wake = memory.orphaned || changed || configVersion(pod, this.#parts.source) !== memory.configVersion
    memory.wanted = pod
    memory.orphaned = false
    if (wake) this.#parts.wake(uid)
  }
}

const hasSameName = ({ pod: { metadata: a } }: PodMemory, { pod: { metadata: b } }: PodMemory): boolean =>
  a.uid !== b.uid && a.name === b.name && a.namespace === b.namespace

const digest = (sandboxes: readonly SandboxState[]): string =>
  sandboxes
    .map(({ id, ready, containers }) => [id, ready, ...containers.map((state) => `${state.id}${state.state}`).sort()].join())
    .sort()
    .join(';')

/** What is known of a pod that only its containers tell of. */
const podOf = ({ podUid, namespace, name, createdAtMs }: SandboxState): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace, uid: podUid, resourceVersion: '', creationTimestamp: timestamp(createdAtMs) },
  spec: { containers: [] },
})
