import { isConditionTrue, conditionOf } from '@bramble/api/conditions'
import type { Timestamp } from '@bramble/api/object'
import { isTerminal } from '@bramble/api/types/pod'
import type { Container, ContainerStatus, Pod } from '@bramble/api/types/pod'
import { since } from '../columns.ts'

export interface PodRow {
  readonly ready: string
  readonly status: string
  readonly restarts: string
}

/**
 * The words that `kubectl get pods` shows for a pod.
 * @see Source: Kubernetes pkg/printers/internalversion printers.go, printPod.
 */
export function podRow(pod: Pod, nowMs: number): PodRow {
  const sidecars = new Set((pod.spec.initContainers ?? []).filter(isSidecar).map(({ name }) => name))
  const init = initPhase(pod, sidecars)
  const showContainers = init.blockedBy === undefined || isConditionTrue(pod.status?.conditions, 'Initialized')
  const main = showContainers ? mainPhase(pod, init.blockedBy ?? podReason(pod)) : undefined

  const counted = (pod.status?.initContainerStatuses ?? [])
    .slice(0, init.seen)
    .filter(({ name }) => main === undefined || sidecars.has(name))
  if (main !== undefined) counted.push(...(pod.status?.containerStatuses ?? []))

  return {
    ready: `${init.ready + (main?.ready ?? 0)}/${pod.spec.containers.length + sidecars.size}`,
    status: leavingText(pod) ?? main?.reason ?? init.blockedBy ?? podReason(pod),
    restarts: restartsText(counted, nowMs),
  }
}

function podReason(pod: Pod): string {
  if (conditionOf(pod.status?.conditions, 'PodScheduled')?.reason === 'SchedulingGated') return 'SchedulingGated'
  return pod.status?.reason || pod.status?.phase || ''
}

/** How far the init containers are: the first one that is not done blocks the rest. */
function initPhase(
  pod: Pod,
  sidecars: ReadonlySet<string>,
): { readonly blockedBy?: string; readonly ready: number; readonly seen: number } {
  let ready = 0
  const statuses = pod.status?.initContainerStatuses ?? []
  for (const [index, status] of statuses.entries()) {
    if (status.state?.terminated?.exitCode === 0) continue
    if (sidecars.has(status.name) && status.started) {
      if (status.ready) ready++
      continue
    }
    return { blockedBy: `Init:${initReason(status) ?? `${index}/${pod.spec.initContainers?.length ?? 0}`}`, ready, seen: index + 1 }
  }
  return { ready, seen: statuses.length }
}

function initReason({ state }: ContainerStatus): string | undefined {
  if (state?.terminated) return state.terminated.reason || exitText(state.terminated)
  return state?.waiting?.reason && state.waiting.reason !== 'PodInitializing' ? state.waiting.reason : undefined
}

/** The first container that is not running speaks for all. */
function mainPhase(pod: Pod, before: string): { readonly reason: string; readonly ready: number } {
  let reason = before
  let ready = 0
  for (const { state, ready: isReady } of [...(pod.status?.containerStatuses ?? [])].reverse()) {
    if (state?.waiting?.reason) reason = state.waiting.reason
    else if (state?.terminated) reason = state.terminated.reason || exitText(state.terminated)
    else if (isReady && state?.running) ready++
  }
  if (reason === 'Completed' && ready > 0) reason = isConditionTrue(pod.status?.conditions, 'Ready') ? 'Running' : 'NotReady'
  return { reason, ready }
}

function leavingText(pod: Pod): string | undefined {
  if (!pod.metadata.deletionTimestamp) return undefined
  if (pod.status?.reason === 'NodeLost') return 'Unknown'
  return isTerminal(pod) ? undefined : 'Terminating'
}

function restartsText(statuses: readonly ContainerStatus[], nowMs: number): string {
  const restarts = statuses.reduce((sum, { restartCount }) => sum + restartCount, 0)
  const lastEnd = statuses
    .map(({ lastState }) => lastState?.terminated?.finishedAt)
    .filter((at): at is Timestamp => Boolean(at))
    .sort()
    .at(-1)
  return restarts !== 0 && lastEnd !== undefined ? `${restarts} (${since(lastEnd, nowMs)} ago)` : String(restarts)
}

const exitText = ({ exitCode, signal }: { exitCode: number; signal?: number }): string =>
  signal ? `Signal:${signal}` : `ExitCode:${exitCode}`

/** An init container that goes on running beside the others. Source: KEP-753. */
const isSidecar = ({ restartPolicy }: Container): boolean => restartPolicy === 'Always'
