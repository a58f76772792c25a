import type { Pod, PodStatus } from '@bramble/api/types/pod'
import { Signal } from '@bramble/reconcile/signal'
import type { ContainerState, SandboxState } from '../runtime/runtime.ts'
import { attemptsOf, currentSandbox, hasEnded, type PodOutcome, type Problem } from './pod-view.ts'
import type { Backoff } from './restart-policy.ts'

/**
 * What the agent remembers of one pod between two looks at it. All of it may be lost: then back-offs start anew, and the rest is
 * found again in what runs and in the pod's last known status.
 */
export class PodMemory {
  pod: Pod
  orphaned = false
  /** Everything of it is gone from this node. */
  gone = false
  prepared = false
  /** That it leaves would be known after a crash. */
  leavingIsSaved = false
  /** Version of the ConfigMaps and Secrets that its volumes show. */
  configVersion = ''
  /** Last seen in the runtime. */
  sandboxes: readonly SandboxState[] = []
  outcome: PodOutcome | undefined
  status: PodStatus | undefined
  readonly change = new Signal()
  readonly backoffs = new Map<string, Backoff>()
  readonly endSeenAtMs = new Map<string, number>()
  readonly problems = new Map<string, Problem & { readonly failures: number }>()
  readonly failedStarts = new Map<string, Problem>()
  readonly stopping = new Map<string, number>()
  readonly history = new Map<string, ContainerState>()
  readonly terminationMessages = new Map<string, string>()

  constructor(pod: Pod) {
    this.pod = pod
  }

  /** Takes in what the runtime shows; forgets what concerned containers that are gone. */
  observe(sandboxes: readonly SandboxState[], nowMs: number): void {
    this.sandboxes = sandboxes
    const states = new Map(sandboxes.flatMap(({ containers }) => containers).map((state) => [state.id, state]))
    for (const state of states.values()) {
      if (hasEnded(this, state) && !this.endSeenAtMs.has(state.id)) this.endSeenAtMs.set(state.id, nowMs)
      if (state.state !== 'running') this.stopping.delete(state.id)
    }
    const kept = new Set([...this.history.values()].map(({ id }) => id))
    for (const map of [this.endSeenAtMs, this.stopping]) for (const id of map.keys()) if (!states.has(id)) map.delete(id)
    for (const map of [this.failedStarts, this.terminationMessages])
      for (const id of map.keys()) if (!states.has(id) && !kept.has(id)) map.delete(id)
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

  get sandbox(): SandboxState | undefined {
    return currentSandbox(this)
  }
}

const PROBLEM_MS_MIN = 1_000
const PROBLEM_MS_MAX = 30_000
