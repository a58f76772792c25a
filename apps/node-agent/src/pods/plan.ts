import type { Container } from '@bramble/api/types/pod'
import type { ContainerState, SandboxState } from '../runtime/runtime.ts'
import { attemptsOf, currentSandbox, endCode, hasEnded, initIsDone, lastEnd, nextAttempt, outcomeOf, type PodView } from './pod-view.ts'
import { isSidecar, restarts, restartWaitMs } from './restart-policy.ts'

export type Step =
  | { readonly type: 'prepare' }
  | { readonly type: 'run-sandbox' }
  | { readonly type: 'remove-sandbox'; readonly sandbox: SandboxState; readonly changed: boolean }
  /** `mayUsePresent`: this node ran it before, so an unreachable registry shall not keep it from running again. */
  | { readonly type: 'get-image'; readonly container: Container; readonly attempt: number; readonly mayUsePresent: boolean }
  /** `endedAtMs` of the attempt before, for the back-off; absent when this is no restart. */
  | {
      readonly type: 'create-and-start'
      readonly sandboxId: string
      readonly container: Container
      readonly attempt: number
      readonly imageId: string
      readonly endedAtMs?: number
    }
  /** Created before, perhaps by an agent that died then. */
  | { readonly type: 'start'; readonly container: Container; readonly id: string }
  | { readonly type: 'stop'; readonly state: ContainerState; readonly graceMs: number; readonly message: string }
  | { readonly type: 'remove-container'; readonly state: ContainerState }
  /** Everything that ran is gone: remove files and logs, and say so. */
  | { readonly type: 'forget' }

export interface PodPlan {
  /** Do them in order, then look again. When one fails, leave out the others. */
  readonly steps: readonly Step[]
  /** Nothing to do now, but after this time. */
  readonly againInMs?: number
  /** By container name: how long a crashed container still has to wait, out of how much. */
  readonly crashLoops: ReadonlyMap<string, { readonly waitMs: number; readonly delayMs: number }>
}

/** Kubernetes never gives less, even when asked to. */
const GRACE_MS_MIN = 2_000
const GRACE_SECONDS_DEFAULT = 30
/** Ended attempts that stay besides the newest, for `kubectl logs --previous`. */
const ENDED_KEPT_MAX = 1

/**
 * What to do next so that a pod becomes what it should be. Pure and total: same view, same plan, no throw.
 *
 * A settled pod plans nothing. Each plan is safe to break off anywhere and to make again from what is observed then: that is how an
 * agent goes on after a crash or a power cut.
 *
 * @see Source: kubelet computePodActions.
 */
export function planPod(view: PodView): PodPlan {
  const planner = new Planner(view)
  if (view.orphaned || view.pod.metadata.deletionTimestamp) planner.remove()
  else if (outcomeOf(view)) planner.finish()
  else planner.run()
  return planner.plan()
}

/** Time from SIGTERM to SIGKILL. */
export function graceMs(view: Pick<PodView, 'pod'>): number {
  const { deletionGracePeriodSeconds } = view.pod.metadata
  return Math.max(GRACE_MS_MIN, (deletionGracePeriodSeconds ?? view.pod.spec.terminationGracePeriodSeconds ?? GRACE_SECONDS_DEFAULT) * 1000)
}

class Planner {
  readonly #view: PodView
  readonly #steps: Step[] = []
  readonly #crashLoops = new Map<string, { readonly waitMs: number; readonly delayMs: number }>()
  #againInMs: number | undefined

  constructor(view: PodView) {
    this.#view = view
  }

  plan(): PodPlan {
    return {
      steps: this.#steps,
      crashLoops: this.#crashLoops,
      ...(this.#againInMs !== undefined && this.#steps.length === 0 && { againInMs: this.#againInMs }),
    }
  }

  /** The pod leaves this node. */
  remove(): void {
    const { sandboxes } = this.#view
    if (this.#stopAll()) return
    for (const sandbox of sandboxes) this.#steps.push({ type: 'remove-sandbox', sandbox, changed: false })
    if (sandboxes.length === 0) this.#steps.push({ type: 'forget' })
  }

  /** Nothing shall run, what ran stays to be looked at. */
  finish(): void {
    this.#stopAll()
  }

  run(): void {
    const { sandboxes, prepared, pod } = this.#view
    const sandbox = currentSandbox(this.#view)
    const stale = sandboxes.filter((each) => each !== sandbox || !each.ready)
    if (stale.length > 0) {
      for (const each of stale) this.#steps.push({ type: 'remove-sandbox', sandbox: each, changed: each === sandbox })
      return
    }
    if (!prepared || !sandbox) {
      if (this.#waitsFor('')) return
      if (!prepared) this.#steps.push({ type: 'prepare' })
      if (!sandbox) this.#steps.push({ type: 'run-sandbox' })
      return
    }
    if (this.#initialize(sandbox)) for (const container of pod.spec.containers) this.#keepRunning(sandbox, container, false)
    this.#removeOldAttempts(sandbox)
  }

  /** @returns true when the containers proper may run. */
  #initialize(sandbox: SandboxState): boolean {
    const { pod } = this.#view
    const mainBegan = pod.spec.containers.some(({ name }) => attemptsOf(sandbox, name).length > 0)
    for (const init of pod.spec.initContainers ?? []) {
      if (isSidecar(init) || (!mainBegan && !initIsDone(this.#view, init))) this.#keepRunning(sandbox, init, true)
      if (!mainBegan && !initIsDone(this.#view, init)) return false
    }
    return true
  }

  #keepRunning(sandbox: SandboxState, container: Container, isInit: boolean): void {
    const [latest] = attemptsOf(sandbox, container.name)
    if (!latest) {
      const before = isInit ? undefined : lastEnd(this.#view, container) // from before the sandbox was re-created
      if (!before || restarts(this.#view.pod, container, before.exitCode, isInit)) this.#startNew(sandbox, container)
    } else if (hasEnded(this.#view, latest)) this.#restart(sandbox, container, latest, isInit)
    else if (latest.state === 'created') this.#steps.push({ type: 'start', container, id: latest.id })
    else this.#supervise(container, latest)
  }

  #supervise(container: Container, running: ContainerState): void {
    const unhealthy = this.#view.probes.get(running.id)?.unhealthy
    if (running.imageReference !== container.image)
      this.#stop(running, graceMs(this.#view), `Container ${container.name} definition changed, will be restarted`)
    else if (unhealthy) {
      const probe = unhealthy === 'liveness' ? container.livenessProbe : container.startupProbe
      const probeGraceMs =
        probe?.terminationGracePeriodSeconds === undefined ? graceMs(this.#view) : probe.terminationGracePeriodSeconds * 1000
      this.#stop(running, probeGraceMs, `Container ${container.name} failed ${unhealthy} probe, will be restarted`)
    }
  }

  #restart(sandbox: SandboxState, container: Container, ended: ContainerState, isInit: boolean): void {
    const { pod, backoffs, endSeenAtMs, nowMs } = this.#view
    const changed = ended.imageReference !== container.image
    if (!changed && !restarts(pod, container, endCode(this.#view, ended), isInit)) return
    const endedAtMs = endSeenAtMs.get(ended.id) ?? nowMs
    const backoff = backoffs.get(container.name)
    const waitMs = changed ? 0 : restartWaitMs(backoff, endedAtMs, nowMs)
    if (waitMs > 0) {
      this.#crashLoops.set(container.name, { waitMs, delayMs: backoff!.delayMs })
      this.#lookAgain(waitMs)
    } else this.#startNew(sandbox, container, endedAtMs)
  }

  #startNew(sandbox: SandboxState, container: Container, endedAtMs?: number): void {
    const { images, nowMs } = this.#view
    if (this.#waitsFor(container.name)) return
    const attempt = nextAttempt(this.#view, container.name)
    const latest = images.get(container.name)
    const progress = latest?.attempt === attempt && latest.reference === container.image ? latest : undefined
    if (progress?.type === 'pulling') return
    if (progress?.type === 'failed' && progress.retryAtMs > nowMs) return this.#lookAgain(progress.retryAtMs - nowMs)
    if (progress?.type === 'ready') {
      const [before] = attemptsOf(sandbox, container.name)
      if (before?.state === 'created') this.#steps.push({ type: 'remove-container', state: before }) // its start may still be under way
      this.#steps.push({
        type: 'create-and-start',
        sandboxId: sandbox.id,
        container,
        attempt,
        imageId: progress.imageId,
        ...(endedAtMs !== undefined && { endedAtMs }),
      })
    } else this.#steps.push({ type: 'get-image', container, attempt, mayUsePresent: attempt > 0 })
  }

  /** @returns true while something still runs. Sidecars go last: the others may need them to end well. */
  #stopAll(): boolean {
    const { sandboxes, pod } = this.#view
    const running = sandboxes.flatMap(({ containers }) => containers).filter(({ state }) => state === 'running')
    const sidecars = new Set((pod.spec.initContainers ?? []).filter(isSidecar).map(({ name }) => name))
    const main = running.filter(({ name }) => !sidecars.has(name))
    for (const state of main.length > 0 ? main : running) this.#stop(state, graceMs(this.#view), `Stopping container ${state.name}`)
    return running.length > 0
  }

  /** Once, and again only when it shall now end sooner. */
  #stop(state: ContainerState, forMs: number, message: string): void {
    const untilMs = this.#view.stopping.get(state.id)
    if (untilMs === undefined || untilMs > this.#view.nowMs + forMs) this.#steps.push({ type: 'stop', state, graceMs: forMs, message })
  }

  #removeOldAttempts(sandbox: SandboxState): void {
    for (const name of new Set(sandbox.containers.map((container) => container.name)))
      attemptsOf(sandbox, name)
        .slice(1)
        .forEach((state, index) => {
          if (index >= ENDED_KEPT_MAX || state.state === 'running') this.#steps.push({ type: 'remove-container', state })
        })
  }

  #waitsFor(name: string): boolean {
    const waitMs = (this.#view.problems.get(name)?.retryAtMs ?? 0) - this.#view.nowMs
    if (waitMs > 0) this.#lookAgain(waitMs)
    return waitMs > 0
  }

  #lookAgain(inMs: number): void {
    this.#againInMs = Math.min(inMs, this.#againInMs ?? Infinity)
  }
}
