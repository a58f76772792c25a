import { timestamp } from '@bramble/api/duration'
import type { Container, ContainerStatus, ContainerStatusState, PodStatus } from '@bramble/api/types/pod'
import type { ContainerState } from '../runtime/runtime.ts'
import type { PodPlan } from './plan.ts'
import {
  attemptsOf,
  currentSandbox,
  endCode,
  hasEnded,
  isHookDone,
  isStarted,
  nextAttempt,
  outcomeOf,
  type PodView,
  statusNamed,
} from './pod-view.ts'
import { mountStatuses, resourceStatus } from './container-status-details.ts'
import { givenTo } from './resize/given.ts'
import { containerResources } from './resources.ts'
import { isSidecar } from './restart-policy.ts'

/** What a status needs besides the view that the plan was made from. */
export interface StatusContext {
  readonly view: PodView
  readonly crashLoops: PodPlan['crashLoops']
  /** Prefix of container ids. */
  readonly runtimeName: string
  /** What ended containers left to say, by container id. */
  readonly terminationMessages: ReadonlyMap<string, string>
  /** What failed postStart hooks had to say, by container id. */
  readonly failedHooks: ReadonlyMap<string, string>
  /** What was said of the pod before: transition times, foreign conditions and what became of containers that are gone. */
  readonly previous: PodStatus | undefined
}

/** Annotation on containers: the digest of the image they run, as `imageID`. */
export const IMAGE_DIGEST_ANNOTATION = 'bramble.dev/image-digest'

export type ContainerSort = 'main' | 'init' | 'ephemeral'

/** @see Source: kubelet convertToAPIContainerStatuses and convertToKubeContainerStatuses. */
export function containerStatus(context: StatusContext, container: Container, sort: ContainerSort): ContainerStatus {
  const { view } = context
  const [latest, before] = attemptsOf(currentSandbox(view), container.name)
  if (!latest) return absentStatus(context, container, sort)
  const previous = before ?? older(view, latest)
  const waiting = whyNotRunning(context, container, latest)
  const running = latest.state === 'running'
  const state = waiting
    ? { waiting }
    : running
      ? { running: { startedAt: timestamp(latest.startedAtMs ?? latest.createdAtMs) } }
      : terminated(context, latest)
  return {
    name: container.name,
    state,
    lastState:
      waiting && hasEnded(view, latest) ? terminated(context, latest) : previous ? terminated(context, previous) : told(context, latest),
    ready: isReady(view, container, latest, sort),
    restartCount: latest.attempt,
    image: latest.imageReference,
    imageID: latest.annotations[IMAGE_DIGEST_ANNOTATION] ?? latest.image,
    containerID: `${context.runtimeName}://${latest.id}`,
    ...(sort !== 'ephemeral' && { started: running && isStarted(view, container, latest) }),
    ...(sort !== 'ephemeral' &&
      resourceStatus(container, running ? givenTo(view.given, latest, containerResources(container)) : undefined)),
    ...mountStatuses(container),
  }
}

/** A running container that answers its probes; an init container that is done. */
export function isReady(view: PodView, container: Container, state: ContainerState, sort: ContainerSort): boolean {
  if (sort === 'ephemeral') return false
  if (sort === 'init' && !isSidecar(container)) return state.state === 'exited' && state.exitCode === 0
  if (state.state !== 'running' || !isStarted(view, container, state)) return false
  return container.readinessProbe === undefined || (view.probes.get(state.id)?.ready ?? false)
}

export const backOffMessage = (view: PodView, container: string, delayMs: number): string =>
  `back-off ${goDuration(delayMs)} restarting failed container=${container} pod=${podText(view)}`

/** `web-1_default(uid)`, as kubelet names pods in messages. */
export const podText = ({ pod: { metadata } }: Pick<PodView, 'pod'>): string => `${metadata.name}_${metadata.namespace}(${metadata.uid})`

/** Of a container that is not in the runtime: it has not been made, or it is gone. */
function absentStatus(context: StatusContext, container: Container, sort: ContainerSort): ContainerStatus {
  const { view } = context
  const old = statusNamed(context.previous, container.name)
  const ended = view.history.get(container.name)
  if (outcomeOf(view) || sort === 'ephemeral') {
    if (old?.state?.terminated && !ended) return old
    if (ended) return { ...(old ?? blank(container)), state: terminated(context, ended), ready: false, ...started(container, sort) }
    if (old?.state?.running) return { ...old, state: LOST, ready: false, ...started(container, sort) }
  }
  return {
    ...blank(container),
    state: { waiting: whyNotCreated(context, container) },
    lastState: ended ? terminated(context, ended) : (old?.lastState ?? {}),
    restartCount: ended ? ended.attempt : Math.max(0, nextAttempt(view, container.name) - 1),
    ...started(container, sort),
    ...(sort !== 'ephemeral' && resourceStatus(container, undefined)),
  }
}

const blank = (container: Container): ContainerStatus => ({
  name: container.name,
  lastState: {},
  ready: false,
  restartCount: 0,
  image: container.image,
  imageID: '',
})

const started = (container: Container, sort: ContainerSort): { readonly started?: false } =>
  sort === 'main' || (sort === 'init' && isSidecar(container)) ? { started: false } : {}

const LOST: ContainerStatusState = {
  terminated: {
    exitCode: 137,
    reason: 'ContainerStatusUnknown',
    message: 'The container could not be located when the pod was terminated',
  },
}

function whyNotCreated(context: StatusContext, container: Container): { reason: string; message?: string } {
  const { view } = context
  const problem = view.problems.get(container.name)
  if (problem) return { reason: problem.reason, message: problem.message }
  const image = view.images.get(container.name)
  if (image?.type === 'failed' && image.reference === container.image) return { reason: image.reason, message: image.message }
  return notYet(view)
}

const notYet = ({ pod }: PodView): { readonly reason: string } => ({
  reason: (pod.spec.initContainers ?? []).length > 0 ? 'PodInitializing' : 'ContainerCreating',
})

function whyNotRunning(
  context: StatusContext,
  container: Container,
  latest: ContainerState,
): { reason: string; message?: string } | undefined {
  const { view, crashLoops, failedHooks } = context
  if (latest.state === 'running') {
    const isSettling = isHookDone(view, container, latest) || view.stopping.has(latest.id) || failedHooks.has(latest.id)
    return isSettling ? undefined : notYet(view)
  }
  if (hasEnded(view, latest) && outcomeOf(view)) return undefined
  const loop = crashLoops.get(container.name)
  if (loop) return { reason: 'CrashLoopBackOff', message: backOffMessage(view, container.name, loop.delayMs) }
  const problem = view.problems.get(container.name) ?? view.failedStarts.get(latest.id)
  if (problem) return { reason: problem.reason, message: problem.message }
  const image = view.images.get(container.name)
  if (image?.type === 'failed' && image.attempt > latest.attempt) return { reason: image.reason, message: image.message }
  const hook = failedHooks.get(latest.id)
  if (hook !== undefined) return { reason: 'PostStartHookError', message: hook }
  return latest.state === 'created' ? notYet(view) : undefined
}

function terminated(context: StatusContext, state: ContainerState): ContainerStatusState {
  const exitCode = endCode(context.view, state)
  const failedStart = context.view.failedStarts.get(state.id)
  const lost = state.exitCode === undefined && !failedStart
  const message =
    failedStart?.message ||
    context.terminationMessages.get(state.id) ||
    (lost ? 'The exit code was lost, as in a power cut. The container used to be Running' : '')
  const startedAtMs = state.startedAtMs ?? (failedStart && state.createdAtMs)
  const finishedAtMs = state.finishedAtMs ?? (failedStart && state.createdAtMs)
  return {
    terminated: {
      exitCode,
      reason: failedStart
        ? 'StartError'
        : lost
          ? 'ContainerStatusUnknown'
          : state.oomKilled
            ? 'OOMKilled'
            : exitCode === 0
              ? 'Completed'
              : 'Error',
      ...(message !== '' && { message }),
      ...(startedAtMs !== undefined && { startedAt: timestamp(startedAtMs) }),
      ...(finishedAtMs !== undefined && { finishedAt: timestamp(finishedAtMs) }),
      containerID: `${context.runtimeName}://${state.id}`,
    },
  }
}

const older = (view: PodView, latest: ContainerState): ContainerState | undefined => {
  const kept = view.history.get(latest.name)
  return kept && kept.attempt < latest.attempt ? kept : undefined
}

/** What the attempt before came to, of which nothing is left but what was said of it. */
function told({ previous }: StatusContext, latest: ContainerState): ContainerStatusState {
  const old = statusNamed(previous, latest.name)
  if (!old || latest.attempt === 0) return {}
  if (old.restartCount === latest.attempt) return old.lastState ?? {}
  return old.restartCount === latest.attempt - 1 && old.state?.terminated ? { terminated: old.state.terminated } : {}
}

/** `10s`, `1m20s`, `5m0s`: how Go prints a duration of whole seconds. */
export const goDuration = (ms: number): string => {
  const seconds = Math.round(ms / 1000)
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`
}
