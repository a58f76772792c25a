import type { Container, ContainerStatus, Pod, PodStatus } from '@bramble/api/types/pod'
import type { ContainerState, PodResources, SandboxState } from '../runtime/runtime.ts'
import { differences, type Given, givenTo, mustRestart } from './resize/given.ts'
import { containerResources } from './resources.ts'
import { type Backoff, exitCodeOf, isSidecar, podOutcome, ruleFor } from './restart-policy.ts'

/** Everything that decides what happens to a pod next. Times are monotonic milliseconds. */
export interface PodView {
  /** With the resources that this node has set aside for it, which may not be what its spec asks for by now. */
  readonly pod: Pod
  /** Not wanted here any more, though nobody asked to delete it gracefully. */
  readonly orphaned: boolean
  readonly sandboxes: readonly SandboxState[]
  readonly nowMs: number
  /** Configuration and volumes are in place. */
  readonly prepared: boolean
  /** By container name. */
  readonly images: ReadonlyMap<string, ImageProgress>
  /** By container id; absent: not probed, or no answer yet. */
  readonly probes: ReadonlyMap<string, ProbeVerdict>
  /** By container name. */
  readonly backoffs: ReadonlyMap<string, Backoff>
  /** When this agent first saw the container ended, by id. */
  readonly endSeenAtMs: ReadonlyMap<string, number>
  /** What keeps something from being tried before a time: by container name, `''` for sandbox and volumes. */
  readonly problems: ReadonlyMap<string, Problem>
  /** Containers whose process could not be started, by id. */
  readonly failedStarts: ReadonlyMap<string, Problem>
  /** Until when a container has been given to stop, by id. */
  readonly stopping: ReadonlyMap<string, number>
  /** Last states from sandboxes that are gone, by container name. */
  readonly history: ReadonlyMap<string, ContainerState>
  /** Containers that begin anew with the whole pod, by name: how they ended before does not matter. */
  readonly begunAnew: ReadonlySet<string>
  /** It shall not run again, whatever its containers say. */
  readonly outcome?: PodOutcome
  /** How long its containers get to end then, instead of as long as the pod says. */
  readonly outcomeGraceMs?: number
  /** How far the postStart hooks of running containers are, by id; absent: not begun. */
  readonly postStarts: ReadonlyMap<string, HookProgress>
  /** What containers were given last, by id. */
  readonly given: Given
  /** What the pod as a whole was given last; absent: what it was made with, or it is not known. */
  readonly podGiven?: PodResources
}

export type HookProgress = 'running' | 'done' | 'failed'

export interface PodOutcome {
  readonly phase: 'Succeeded' | 'Failed'
  readonly reason?: string
  readonly message?: string
}

export interface Problem {
  readonly reason: string
  readonly message: string
  readonly retryAtMs: number
}

/** How far the image for one attempt of a container is. */
export type ImageProgress = { readonly attempt: number; readonly reference: string } & (
  | { readonly type: 'pulling' }
  | { readonly type: 'ready'; readonly imageId: string }
  | { readonly type: 'failed'; readonly retryAtMs: number; readonly reason: string; readonly message: string }
)

export interface ProbeVerdict {
  readonly ready: boolean
  readonly started: boolean
  /** The probe that wants it killed. */
  readonly unhealthy?: 'liveness' | 'startup'
}

/** The sandbox that the pod lives in: a working one, or else the newest. */
export const currentSandbox = (view: Pick<PodView, 'sandboxes'>): SandboxState | undefined =>
  [...view.sandboxes].sort((a, b) => Number(b.ready) - Number(a.ready) || b.createdAtMs - a.createdAtMs || (a.id < b.id ? -1 : 1))[0]

/** Attempts of a container in a sandbox, newest first. */
export const attemptsOf = (sandbox: SandboxState | undefined, name: string): readonly ContainerState[] =>
  (sandbox?.containers ?? []).filter((container) => container.name === name).sort((a, b) => b.attempt - a.attempt)

/** Its process has ended, or could never start. */
export const hasEnded = (view: Pick<PodView, 'failedStarts'>, state: ContainerState): boolean =>
  state.state === 'exited' || (state.state === 'created' && view.failedStarts.has(state.id))

/** Exit code as far as it is known; what could not start counts as 128. */
export const endCode = (view: Pick<PodView, 'failedStarts'>, state: ContainerState): number =>
  state.state === 'created' ? 128 : view.failedStarts.has(state.id) ? (state.exitCode ?? 128) : exitCodeOf(state)

/** The newest end of a container, in this sandbox or an earlier one; undefined while it runs, has never run, or shall run anew. */
export function lastEnd(view: PodView, container: Container): { readonly exitCode: number } | undefined {
  const past = view.begunAnew.has(container.name) ? undefined : view.history.get(container.name)
  const [latest = past] = attemptsOf(currentSandbox(view), container.name)
  if (!latest || !hasEnded(view, latest) || isOutdated(view, container, latest)) return undefined
  return { exitCode: endCode(view, latest) }
}

/** It was made of something else than what the pod asks for now, and only a new one will do. */
export const isOutdated = (view: Pick<PodView, 'given'>, container: Container, state: ContainerState): boolean =>
  state.imageReference !== container.image || isOutgrown(view, container, state)

/** Its resources are to change, and its resize policy wants it started anew for that. */
export function isOutgrown(view: Pick<PodView, 'given'>, container: Container, state: ContainerState): boolean {
  const wanted = containerResources(container)
  return mustRestart(container, differences(givenTo(view.given, state, wanted), wanted))
}

/** Containers whose end makes every container of the pod begin anew. Source: core/v1 ContainerRestartRuleActionRestartAllContainers. */
export function restartersOf(view: PodView): readonly ContainerState[] {
  const sandbox = currentSandbox(view)
  return [...(view.pod.spec.initContainers ?? []), ...view.pod.spec.containers].flatMap((container) => {
    if (!container.restartPolicyRules) return []
    const [latest] = attemptsOf(sandbox, container.name)
    if (!latest || !hasEnded(view, latest)) return []
    return ruleFor(container, endCode(view, latest))?.action === 'RestartAllContainers' ? [latest] : []
  })
}

/** What the pod has come to, if nothing in it shall run again. */
export function outcomeOf(view: PodView): PodOutcome | undefined {
  if (view.outcome) return view.outcome
  const stored = view.pod.status?.phase
  if (stored === 'Succeeded' || stored === 'Failed') return { phase: stored }
  const phase = podOutcome(view.pod, (container) => lastEnd(view, container))
  return phase && { phase }
}

/** The number that the next attempt gets, which is also the container's restart count then. */
export function nextAttempt(view: PodView, name: string): number {
  const [latest = view.history.get(name)] = attemptsOf(currentSandbox(view), name)
  if (latest) return latest.attempt + 1
  const stored = storedStatus(view.pod, name)
  return stored?.containerID ? stored.restartCount + 1 : 0
}

/** What the API last knew of a container when it told this node of the pod. */
export const storedStatus = ({ status }: Pod, name: string): ContainerStatus | undefined => statusNamed(status, name)

export const statusNamed = (status: PodStatus | undefined, name: string): ContainerStatus | undefined =>
  [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? []), ...(status?.ephemeralContainerStatuses ?? [])].find(
    (each) => each.name === name,
  )

/** Initialization is over once a container that is not part of it exists in the sandbox. */
export const isInitialized = (view: PodView): boolean =>
  view.pod.spec.containers.some(({ name }) => attemptsOf(currentSandbox(view), name).length > 0) ||
  (view.pod.spec.initContainers ?? []).every((init) => initIsDone(view, init))

/** An init container that ended well; a sidecar that has started. */
export function initIsDone(view: PodView, init: Container): boolean {
  const [latest] = attemptsOf(currentSandbox(view), init.name)
  if (!latest) return false
  if (!isSidecar(init)) return latest.state === 'exited' && latest.exitCode === 0
  return latest.state === 'running' && isStarted(view, init, latest)
}

/** Its postStart hook is done and its startup probe has answered well. */
export const isStarted = (view: Pick<PodView, 'probes' | 'postStarts'>, container: Container, state: ContainerState): boolean =>
  isHookDone(view, container, state) && (container.startupProbe === undefined || (view.probes.get(state.id)?.started ?? false))

export const isHookDone = ({ postStarts }: Pick<PodView, 'postStarts'>, { lifecycle }: Container, { id }: ContainerState): boolean =>
  lifecycle?.postStart === undefined || postStarts.get(id) === 'done'
