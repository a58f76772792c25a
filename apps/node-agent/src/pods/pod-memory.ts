import type { Pod, PodCondition, PodStatus } from '@bramble/api/types/pod'
import { Signal } from '@bramble/reconcile/signal'
import type { ContainerResources, ContainerState, PodResources, SandboxState } from '../runtime/runtime.ts'
import { attemptsOf, currentSandbox, hasEnded, type HookProgress, type PodOutcome, type PodView, type Problem } from './pod-view.ts'
import { type Allocation, firstAllocation, withAllocation } from './resize/allocation.ts'
import type { ResizeState } from './resize/resizes.ts'
import type { Backoff } from './restart-policy.ts'

/**
 * What the agent remembers of one pod between two looks at it. All of it may be lost: then back-offs start anew, and the rest is
 * found again in what runs and in the pod's last known status.
 */
export class PodMemory {
  #wanted: Pod
  #pod: Pod
  #allocation: Allocation
  orphaned = false
  /** Everything of it is gone from this node. */
  gone = false
  /** Whether the node takes it in has been decided. */
  isAdmitted = false
  prepared = false
  /** It has ended, and what it kept for itself is gone. */
  isEmptied = false
  /** That it leaves would be known after a crash. */
  leavingIsSaved = false
  /** Version of the ConfigMaps and Secrets that its volumes show. */
  configVersion = ''
  /** Last seen in the runtime. */
  sandboxes: readonly SandboxState[] = []
  outcome: PodOutcome | undefined
  outcomeGraceMs: number | undefined
  /** Why it ended before its time, as a condition. */
  disruption: Pick<PodCondition, 'reason' | 'message'> | undefined
  resize: ResizeState = {}
  podGiven: PodResources | undefined
  status: PodStatus | undefined
  readonly change = new Signal()
  readonly backoffs = new Map<string, Backoff>()
  readonly endSeenAtMs = new Map<string, number>()
  readonly problems = new Map<string, Problem & { readonly failures: number }>()
  readonly failedStarts = new Map<string, Problem>()
  readonly stopping = new Map<string, number>()
  readonly history = new Map<string, ContainerState>()
  readonly terminationMessages = new Map<string, string>()
  readonly postStarts = new Map<string, HookProgress>()
  /** What failed postStart hooks had to say, by container id. */
  readonly failedHooks = new Map<string, string>()
  readonly given = new Map<string, ContainerResources>()
  readonly begunAnew = new Set<string>()

  constructor(pod: Pod) {
    this.#wanted = pod
    this.#allocation = firstAllocation(pod)
    this.#pod = withAllocation(pod, this.#allocation)
  }

  /** As this node runs it: with the resources that are set aside for it. */
  get pod(): Pod {
    return this.#pod
  }
  /** As it was assigned. */
  get wanted(): Pod {
    return this.#wanted
  }
  set wanted(pod: Pod) {
    this.#wanted = pod
    this.#pod = withAllocation(pod, this.#allocation)
  }
  get allocation(): Allocation {
    return this.#allocation
  }
  allocate(allocation: Allocation): void {
    this.#allocation = allocation
    this.#pod = withAllocation(this.#wanted, allocation)
  }

  get isLeaving(): boolean {
    return this.orphaned || this.#wanted.metadata.deletionTimestamp !== undefined
  }
  get sandbox(): SandboxState | undefined {
    return currentSandbox(this)
  }

  /** As a plan sees it. */
  view(now: Pick<PodView, 'images' | 'probes' | 'nowMs'>): PodView {
    const {
      pod,
      orphaned,
      sandboxes,
      prepared,
      backoffs,
      endSeenAtMs,
      problems,
      failedStarts,
      stopping,
      history,
      postStarts,
      given,
      begunAnew,
    } = this
    return {
      ...{
        pod,
        orphaned,
        sandboxes,
        prepared,
        backoffs,
        endSeenAtMs,
        problems,
        failedStarts,
        stopping,
        history,
        postStarts,
        given,
        begunAnew,
      },
      ...(this.outcome && { outcome: this.outcome }),
      ...(this.outcomeGraceMs !== undefined && { outcomeGraceMs: this.outcomeGraceMs }),
      ...(this.podGiven && { podGiven: this.podGiven }),
      ...now,
    }
  }

  /** Takes in what the runtime shows; forgets what concerned containers that are gone. @returns ids of those. */
  observe(sandboxes: readonly SandboxState[], nowMs: number): readonly string[] {
    const idsBefore = this.sandboxes.flatMap(({ containers }) => containers).map(({ id }) => id)
    this.sandboxes = sandboxes
    if (sandboxes.length === 0) this.podGiven = undefined
    const states = new Map(sandboxes.flatMap(({ containers }) => containers).map((state) => [state.id, state]))
    for (const state of states.values()) {
      if (hasEnded(this, state) && !this.endSeenAtMs.has(state.id)) this.endSeenAtMs.set(state.id, nowMs)
      if (state.state !== 'running') this.stopping.delete(state.id)
    }
    for (const { name, attempt } of states.values()) if (attempt > (this.history.get(name)?.attempt ?? -1)) this.begunAnew.delete(name)
    const kept = new Set([...this.history.values()].map(({ id }) => id))
    for (const map of [this.endSeenAtMs, this.stopping, this.postStarts, this.given])
      for (const id of map.keys()) if (!states.has(id)) map.delete(id)
    for (const map of [this.failedStarts, this.terminationMessages, this.failedHooks])
      for (const id of map.keys()) if (!states.has(id) && !kept.has(id)) map.delete(id)
    return idsBefore.filter((id) => !states.has(id))
  }

  /** Before a sandbox is removed: what its containers came to is wanted later. Those that still run are killed by it. */
  keepHistory(sandbox: SandboxState): void {
    for (const name of new Set(sandbox.containers.map((container) => container.name))) {
      const [latest] = attemptsOf(sandbox, name)
      if (latest) this.history.set(name, latest.state === 'exited' ? latest : { ...latest, state: 'exited' })
    }
  }

  /** Before a container is removed that never started. */
  keepFailedStart(state: ContainerState): void {
    if (this.failedStarts.has(state.id)) this.history.set(state.name, { ...state, state: 'exited' })
  }

  /** The same thing failed again: wait longer. */
  addProblem(name: string, reason: string, message: string, nowMs: number): void {
    const failures = (this.problems.get(name)?.failures ?? 0) + 1
    const delayMs = Math.min(PROBLEM_MS_MIN * 2 ** (failures - 1), PROBLEM_MS_MAX)
    this.problems.set(name, { reason, message, failures, retryAtMs: nowMs + delayMs })
  }

  /** Something that was missing may be there now: try at once. */
  forgetProblems(): void {
    this.problems.clear()
  }
}

const PROBLEM_MS_MIN = 1_000
const PROBLEM_MS_MAX = 30_000
