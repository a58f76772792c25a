import type { Container, EphemeralContainer } from '@bramble/api/types/pod'
import type { ContainerState, SandboxState } from '../runtime/runtime.ts'
import { stopsAfter } from './lifecycle/stop-order.ts'
import {
  attemptsOf,
  currentSandbox,
  endCode,
  hasEnded,
  initIsDone,
  isHookDone,
  isOutdated,
  isOutgrown,
  lastEnd,
  nextAttempt,
  outcomeOf,
  type PodView,
  restartersOf,
  storedStatus,
} from './pod-view.ts'
import { planResize, type ResizeStep } from './resize/plan-resize.ts'
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
      /** Id of the container whose processes it sees. */
      readonly processesOf?: string
    }
  /** Created before, perhaps by an agent that died then. */
  | { readonly type: 'start'; readonly container: Container; readonly id: string }
  /** Its postStart hook; goes on in the background. */
  | { readonly type: 'post-start'; readonly container: Container; readonly state: ContainerState }
  /** PreStop hook, SIGTERM and SIGKILL, in the background; SIGTERM comes when the containers named `after` have ended. */
  | {
      readonly type: 'stop'
      readonly state: ContainerState
      readonly graceMs: number
      readonly message: string
      readonly after: readonly string[]
    }
  /** `beginsAnew`: the whole pod does, as one of its containers wanted. */
  | { readonly type: 'remove-container'; readonly state: ContainerState; readonly beginsAnew?: boolean }
  | ResizeStep
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

const GRACE_SECONDS_DEFAULT = 30
/** Ended attempts that stay besides the newest, for `kubectl logs --previous`. */
const ENDED_KEPT_MAX = 1
/** What is kept from being tried, besides containers (by name) and the sandbox (`''`). */
export const resizeProblem = (container: string): string => `resize/${container}`

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

/** How long a container has to end once its pod shall, preStop hook included. Source: kubelet setTerminationGracePeriod. */
export function graceMs({ pod, outcomeGraceMs }: Pick<PodView, 'pod' | 'outcomeGraceMs'>): number {
  const { deletionGracePeriodSeconds } = pod.metadata
  const ofPod = (deletionGracePeriodSeconds ?? pod.spec.terminationGracePeriodSeconds ?? GRACE_SECONDS_DEFAULT) * 1000
  return Math.max(0, Math.min(ofPod, outcomeGraceMs ?? Infinity))
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

  /** Nothing shall run, what ran stays to be looked at; but not where a pod had to go because the node is full. */
  finish(): void {
    if (this.#stopAll() || outcomeOf(this.#view)?.reason !== 'Evicted') return
    for (const sandbox of this.#view.sandboxes) this.#steps.push({ type: 'remove-sandbox', sandbox, changed: false })
  }

  run(): void {
    const { sandboxes, prepared } = this.#view
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
    this.#look(sandbox)
  }

  #look(sandbox: SandboxState): void {
    const { pod } = this.#view
    if (this.#restartAll(sandbox)) return
    for (const container of pod.spec.ephemeralContainers ?? []) this.#startOnce(sandbox, container)
    this.#steps.push(...planResize(this.#view, sandbox, ({ name }) => !this.#waitsFor(resizeProblem(name))))
    if (this.#initialize(sandbox)) {
      let isHeldUp = false // by a hook: those further down are started after it
      for (const container of pod.spec.containers) {
        const stepsBefore = this.#steps.length
        this.#keepRunning(sandbox, container, false, isHeldUp)
        isHeldUp ||= this.#isStarting(sandbox, container, this.#steps.slice(stepsBefore))
      }
    }
    this.#removeOldAttempts(sandbox)
  }

  /** Every container ends and is removed, those last that asked for it: what begins anew can be broken off anywhere. */
  #restartAll(sandbox: SandboxState): boolean {
    const restarters = restartersOf(this.#view)
    if (restarters.length === 0) return false
    const { pod, backoffs, endSeenAtMs, nowMs } = this.#view
    const all = sandbox.containers.filter(({ name }) => !pod.spec.ephemeralContainers?.some((visitor) => visitor.name === name))
    if (this.#stopThese(all, (name) => `Container ${name} will be restarted with all containers of the pod`)) return true
    for (const { id, name } of restarters) {
      const waitMs = restartWaitMs(backoffs.get(name), endSeenAtMs.get(id) ?? nowMs, nowMs)
      if (waitMs > 0) {
        this.#crashLoops.set(name, { waitMs, delayMs: backoffs.get(name)!.delayMs })
        this.#lookAgain(waitMs)
        return true
      }
    }
    const isRestarter = (state: ContainerState): boolean => restarters.some(({ id }) => id === state.id)
    for (const state of [...all.filter((each) => !isRestarter(each)), ...all.filter(isRestarter)])
      this.#steps.push({ type: 'remove-container', state, beginsAnew: true })
    return true
  }

  /** @returns true when the containers proper may run. */
  #initialize(sandbox: SandboxState): boolean {
    const { pod } = this.#view
    const mainBegan = pod.spec.containers.some(({ name }) => attemptsOf(sandbox, name).length > 0)
    for (const init of pod.spec.initContainers ?? []) {
      if (isSidecar(init) || (!mainBegan && !initIsDone(this.#view, init))) this.#keepRunning(sandbox, init, true, false)
      if (!mainBegan && !initIsDone(this.#view, init)) return false
    }
    return true
  }

  #keepRunning(sandbox: SandboxState, container: Container, isInit: boolean, isHeldUp: boolean): void {
    const [latest] = attemptsOf(sandbox, container.name)
    if (!latest) {
      const before = isInit ? undefined : lastEnd(this.#view, container) // from before the sandbox was re-created
      if (!before || restarts(this.#view.pod, container, before.exitCode, isInit)) this.#startNew(sandbox, container, { isHeldUp })
    } else if (hasEnded(this.#view, latest)) this.#restart(sandbox, container, latest, isInit)
    else if (latest.state === 'created') this.#steps.push({ type: 'start', container, id: latest.id })
    else this.#supervise(container, latest, isInit && !isSidecar(container))
  }

  /** A container that somebody looks in with: it runs once, whatever becomes of it. */
  #startOnce(sandbox: SandboxState, container: EphemeralContainer): void {
    const [latest] = attemptsOf(sandbox, container.name)
    if (latest?.state === 'created' && !hasEnded(this.#view, latest)) this.#steps.push({ type: 'start', container, id: latest.id })
    if (latest || this.#view.history.has(container.name) || storedStatus(this.#view.pod, container.name)?.containerID) return
    const target = container.targetContainerName
    const [seen] = target ? attemptsOf(sandbox, target) : []
    if (!target) this.#startNew(sandbox, container, {})
    else if (seen?.state === 'running') this.#startNew(sandbox, container, { processesOf: seen.id })
  }

  /** It is about to run and has a hook, or its hook is not done. */
  #isStarting(sandbox: SandboxState, container: Container, steps: readonly Step[]): boolean {
    if (!container.lifecycle?.postStart) return false
    const [latest] = attemptsOf(sandbox, container.name)
    return (
      steps.some(({ type }) => type === 'create-and-start' || type === 'start') ||
      (latest?.state === 'running' && !isHookDone(this.#view, container, latest))
    )
  }

  #supervise(container: Container, running: ContainerState, isOnlyInit: boolean): void {
    const { probes, postStarts } = this.#view
    const grace = graceMs(this.#view)
    const unhealthy = probes.get(running.id)?.unhealthy
    const hook = isHookDone(this.#view, container, running) ? 'done' : postStarts.get(running.id)
    if (!isOnlyInit && running.imageReference !== container.image)
      this.#stop(running, grace, `Container ${container.name} definition changed, will be restarted`)
    else if (!isOnlyInit && isOutgrown(this.#view, container, running))
      this.#stop(running, grace, `Container ${container.name} resize requires restart`)
    else if (hook === 'failed') this.#stop(running, grace, 'FailedPostStartHook')
    else if (hook === undefined) this.#steps.push({ type: 'post-start', container, state: running })
    else if (unhealthy) {
      const probe = unhealthy === 'liveness' ? container.livenessProbe : container.startupProbe
      const seconds = probe?.terminationGracePeriodSeconds
      this.#stop(
        running,
        seconds === undefined ? grace : seconds * 1000,
        `Container ${container.name} failed ${unhealthy} probe, will be restarted`,
      )
    }
  }

  #restart(sandbox: SandboxState, container: Container, ended: ContainerState, isInit: boolean): void {
    const { pod, backoffs, endSeenAtMs, nowMs } = this.#view
    const changed = isOutdated(this.#view, container, ended)
    if (!changed && !restarts(pod, container, endCode(this.#view, ended), isInit)) return
    const endedAtMs = endSeenAtMs.get(ended.id) ?? nowMs
    const backoff = backoffs.get(container.name)
    const waitMs = changed ? 0 : restartWaitMs(backoff, endedAtMs, nowMs)
    if (waitMs > 0) {
      this.#crashLoops.set(container.name, { waitMs, delayMs: backoff!.delayMs })
      this.#lookAgain(waitMs)
    } else this.#startNew(sandbox, container, changed ? {} : { endedAtMs })
  }

  #startNew(
    sandbox: SandboxState,
    container: Container,
    { isHeldUp = false, ...how }: { readonly endedAtMs?: number; readonly processesOf?: string; readonly isHeldUp?: boolean },
  ): void {
    const { images, nowMs } = this.#view
    if (this.#waitsFor(container.name)) return
    const attempt = nextAttempt(this.#view, container.name)
    const latest = images.get(container.name)
    const progress = latest?.attempt === attempt && latest.reference === container.image ? latest : undefined
    if (progress?.type === 'pulling') return
    if (progress?.type === 'failed' && progress.retryAtMs > nowMs) return this.#lookAgain(progress.retryAtMs - nowMs)
    if (progress?.type !== 'ready') {
      this.#steps.push({ type: 'get-image', container, attempt, mayUsePresent: attempt > 0 })
    } else if (!isHeldUp) {
      const [before] = attemptsOf(sandbox, container.name)
      if (before?.state === 'created') this.#steps.push({ type: 'remove-container', state: before }) // its start may still be under way
      this.#steps.push({ type: 'create-and-start', sandboxId: sandbox.id, container, attempt, imageId: progress.imageId, ...how })
    }
  }

  /** @returns true while something still runs. */
  #stopAll(): boolean {
    return this.#stopThese(
      this.#view.sandboxes.flatMap(({ containers }) => containers),
      (name) => `Stopping container ${name}`,
    )
  }

  /** In order. @returns true while one still runs. */
  #stopThese(states: readonly ContainerState[], message: (name: string) => string): boolean {
    const running = states.filter(({ state }) => state === 'running')
    const isRunning = (name: string): boolean => running.some((other) => other.name === name)
    for (const state of running)
      this.#stop(state, graceMs(this.#view), message(state.name), stopsAfter(this.#view.pod, state.name).filter(isRunning))
    return running.length > 0
  }

  /** Once, and again only when it shall now end sooner. */
  #stop(state: ContainerState, forMs: number, message: string, after: readonly string[] = []): void {
    const untilMs = this.#view.stopping.get(state.id)
    if (untilMs === undefined || untilMs > this.#view.nowMs + forMs)
      this.#steps.push({ type: 'stop', state, graceMs: forMs, message, after })
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
