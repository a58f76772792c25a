import { timestamp } from '@bramble/api/duration'
import type { Container, ContainerStatus, ContainerStatusState } from '@bramble/api/types/pod'
import type { ContainerState } from '../runtime/runtime.ts'
import type { PodPlan } from './plan.ts'
import { attemptsOf, currentSandbox, endCode, hasEnded, isStarted, nextAttempt, outcomeOf, type PodView } from './pod-view.ts'
import { isSidecar } from './restart-policy.ts'

/** What a status needs besides the view that the plan was made from. */
export interface StatusContext {
  readonly view: PodView
  readonly crashLoops: PodPlan['crashLoops']
  /** Prefix of container ids. */
  readonly runtimeName: string
  /** What ended containers left to say, by container id. */
  readonly terminationMessages: ReadonlyMap<string, string>
}

/** Annotation on containers: the digest of the image they run, as `imageID`. */
export const IMAGE_DIGEST_ANNOTATION = 'bramble.dev/image-digest'

/** @see Source: kubelet convertToAPIContainerStatuses and convertToKubeContainerStatuses. */
export function containerStatus(context: StatusContext, container: Container, isInit: boolean): ContainerStatus {
  const { view } = context
  const attempts = attemptsOf(currentSandbox(view), container.name)
  const latest = attempts[0]
  const previous = latest ? (attempts[1] ?? older(view, latest)) : view.history.get(container.name)
  if (!latest)
    return {
      name: container.name,
      state: { waiting: whyNotCreated(context, container) },
      lastState: previous ? terminated(context, previous) : {},
      ready: false,
      restartCount: previous ? previous.attempt : Math.max(0, nextAttempt(view, container.name) - 1),
      image: container.image,
      imageID: '',
      ...(!isInit && { started: false }),
      ...(isSidecar(container) && { started: false }),
    }
  const waiting = whyNotRunning(context, container, latest)
  const running = latest.state === 'running'
  const started = running && isStarted(view, container, latest)
  const state = waiting
    ? { waiting }
    : running
      ? { running: { startedAt: timestamp(latest.startedAtMs ?? latest.createdAtMs) } }
      : terminated(context, latest)
  return {
    name: container.name,
    state,
    lastState: waiting && hasEnded(view, latest) ? terminated(context, latest) : previous ? terminated(context, previous) : {},
    ready: isReady(view, container, latest, isInit),
    restartCount: latest.attempt,
    image: latest.imageReference,
    imageID: latest.annotations[IMAGE_DIGEST_ANNOTATION] ?? latest.image,
    containerID: `${context.runtimeName}://${latest.id}`,
    started,
  }
}

/** A running container that answers its probes; an init container that is done. */
export function isReady(view: PodView, container: Container, state: ContainerState, isInit: boolean): boolean {
  if (isInit && !isSidecar(container)) return state.state === 'exited' && state.exitCode === 0
  if (state.state !== 'running' || !isStarted(view, container, state)) return false
  return container.readinessProbe === undefined || (view.probes.get(state.id)?.ready ?? false)
}

export const backOffMessage = (view: PodView, container: string, delayMs: number): string =>
  `back-off ${goDuration(delayMs)} restarting failed container=${container} pod=${podText(view)}`

/** `web-1_default(uid)`, as kubelet names pods in messages. */
export const podText = ({ pod: { metadata } }: Pick<PodView, 'pod'>): string => `${metadata.name}_${metadata.namespace}(${metadata.uid})`

function whyNotCreated(context: StatusContext, container: Container): { reason: string; message?: string } {
  const { view } = context
  const problem = view.problems.get(container.name)
  if (problem) return { reason: problem.reason, message: problem.message }
  const image = view.images.get(container.name)
  if (image?.type === 'failed' && image.reference === container.image) return { reason: image.reason, message: image.message }
  return { reason: hasInit(view) ? 'PodInitializing' : 'ContainerCreating' }
}

const hasInit = ({ pod }: PodView): boolean => (pod.spec.initContainers ?? []).length > 0

function whyNotRunning(
  context: StatusContext,
  container: Container,
  latest: ContainerState,
): { reason: string; message?: string } | undefined {
  const { view, crashLoops } = context
  if (latest.state === 'running' || (hasEnded(view, latest) && outcomeOf(view))) return undefined
  const loop = crashLoops.get(container.name)
  if (loop) return { reason: 'CrashLoopBackOff', message: backOffMessage(view, container.name, loop.delayMs) }
  const problem = view.problems.get(container.name) ?? view.failedStarts.get(latest.id)
  if (problem) return { reason: problem.reason, message: problem.message }
  const image = view.images.get(container.name)
  if (image?.type === 'failed' && image.attempt > latest.attempt) return { reason: image.reason, message: image.message }
  return latest.state === 'created' ? { reason: hasInit(view) ? 'PodInitializing' : 'ContainerCreating' } : undefined
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

/** `10s`, `1m20s`, `5m0s`: how Go prints a duration of whole seconds. */
export const goDuration = (ms: number): string => {
  const seconds = Math.round(ms / 1000)
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`
}
