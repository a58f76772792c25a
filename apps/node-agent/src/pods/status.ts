import { timestamp } from '@bramble/api/duration'
import type { Container, ContainerStatus, Pod, PodCondition, PodPhase, PodStatus } from '@bramble/api/types/pod'
import { containerStatus, type StatusContext } from './container-status.ts'
import { currentSandbox, outcomeOf, type PodOutcome, type PodView, restartersOf } from './pod-view.ts'
import type { ResizeState } from './resize/resizes.ts'
import { isSidecar } from './restart-policy.ts'
import { qosClass } from './resources.ts'

export interface PodStatusContext extends StatusContext {
  readonly resize: ResizeState
  /** Why it is ended before its time. */
  readonly disruption: Pick<PodCondition, 'reason' | 'message'> | undefined
  readonly hostIp: string
  /** Epoch milliseconds. */
  readonly nowMs: number
}

/** Conditions that the agent itself states, in kubelet's order. */
const OWN_CONDITIONS = [
  'AllContainersRestarting',
  'PodResizePending',
  'PodResizeInProgress',
  'PodReadyToStartContainers',
  'Initialized',
  'Ready',
  'ContainersReady',
  'PodScheduled',
]

/**
 * The status of a pod as kubelet makes it. Pure; the same world gives an equal status, so callers can tell whether to send it.
 *
 * @see Source: kubelet generateAPIPodStatus, getPhase, status/generate.go.
 */
export function podStatus(context: PodStatusContext): PodStatus {
  const { view, previous, hostIp, nowMs } = context
  const { pod } = view
  const containerStatuses = pod.spec.containers.map((container) => containerStatus(context, container, 'main'))
  const initContainerStatuses = (pod.spec.initContainers ?? []).map((container) => containerStatus(context, container, 'init'))
  const ephemeralContainerStatuses = (pod.spec.ephemeralContainers ?? []).map((container) =>
    containerStatus(context, container, 'ephemeral'),
  )
  const end = endOf(view)
  const [reason, message] = [end?.reason ?? previous?.reason, end?.message ?? previous?.message]
  const phase = end?.phase ?? phaseOf(view, initContainerStatuses, containerStatuses)
  const sandbox = currentSandbox(view)
  const podIp = pod.spec.hostNetwork ? (sandbox ? hostIp : undefined) : sandbox?.ready ? sandbox.ip : end && previous?.podIP
  return {
    phase,
    conditions: conditionsOf(context, phase, initContainerStatuses, containerStatuses),
    ...(reason !== undefined && { reason }),
    ...(message !== undefined && { message }),
    ...(hostIp !== '' && { hostIP: hostIp, hostIPs: [{ ip: hostIp }] }),
    ...(podIp !== undefined && podIp !== '' && { podIP: podIp, podIPs: [{ ip: podIp }] }),
    startTime: previous?.startTime ?? timestamp(nowMs),
    qosClass: previous?.qosClass ?? qosClass(pod),
    ...(pod.metadata.generation !== undefined && { observedGeneration: pod.metadata.generation }),
    ...(initContainerStatuses.length > 0 && { initContainerStatuses }),
    containerStatuses,
    ...(ephemeralContainerStatuses.length > 0 && { ephemeralContainerStatuses }),
  }
}

/** What the pod has come to; not before the last of its containers has ended. Source: kubelet status manager mergePodStatus. */
function endOf(view: PodView): PodOutcome | undefined {
  const isRunning = view.sandboxes.some(({ containers }) => containers.some(({ state }) => state === 'running'))
  return isRunning ? undefined : outcomeOf(view)
}

/** @see Source: kubelet getPhase. */
function phaseOf(view: PodView, inits: readonly ContainerStatus[], containers: readonly ContainerStatus[]): PodPhase {
  if (!initIsOver(view.pod, inits) && !containers.some((status) => status.containerID)) return 'Pending'
  const waiting = containers.some(({ state, lastState }) => state?.waiting && !lastState?.terminated)
  if (waiting) return 'Pending'
  const leaving = view.orphaned || view.pod.metadata.deletionTimestamp !== undefined
  if (leaving && containers.every(({ state }) => state?.terminated))
    return containers.every(({ state }) => state?.terminated?.exitCode === 0) ? 'Succeeded' : 'Failed'
  return 'Running'
}

const initIsOver = (pod: Pod, statuses: readonly ContainerStatus[]): boolean =>
  incomplete(pod.spec.initContainers ?? [], statuses).length === 0

const incomplete = (inits: readonly Container[], statuses: readonly ContainerStatus[]): readonly string[] =>
  inits.filter((init, index) => (isSidecar(init) ? !statuses[index]?.started : !statuses[index]?.ready)).map(({ name }) => name)

type OwnCondition = Pick<PodCondition, 'type' | 'status' | 'reason' | 'message' | 'observedGeneration'>

function conditionsOf(
  context: PodStatusContext,
  phase: PodPhase,
  inits: readonly ContainerStatus[],
  containers: readonly ContainerStatus[],
): PodCondition[] {
  const { view, previous, nowMs } = context
  const before = previous?.conditions ?? []
  const disrupted = disruptionCondition(context)
  const stated = [...OWN_CONDITIONS, ...disrupted.map(({ type }) => type)]
  const foreign = (view.pod.status?.conditions ?? before).filter(({ type }) => !stated.includes(type))
  const containersReady = containersReadyCondition(view.pod, phase, inits, containers)
  const sandbox = currentSandbox(view)
  const hasNetwork = phase !== 'Succeeded' && phase !== 'Failed' && sandbox?.ready === true
  const own: readonly OwnCondition[] = [
    ...resizeConditions(context.resize),
    ...(endOf(view) === undefined && restartersOf(view).length > 0 ? [{ type: 'AllContainersRestarting', status: 'True' as const }] : []),
    {
      type: 'PodReadyToStartContainers',
      status: hasNetwork && (sandbox.ip !== undefined || view.pod.spec.hostNetwork === true) ? 'True' : 'False',
    },
    initializedCondition(view.pod, phase, inits, containers),
    readyCondition(view.pod, foreign, containersReady),
    containersReady,
    before.find(({ type }) => type === 'PodScheduled') ?? { type: 'PodScheduled', status: 'True' },
    ...disrupted,
  ]
  const now = timestamp(nowMs)
  const { generation } = view.pod.metadata
  const stamped = own.map((condition): PodCondition => {
    const old = before.find(({ type }) => type === condition.type)
    return {
      lastProbeTime: null,
      ...(generation !== undefined && condition.type !== 'PodScheduled' && { observedGeneration: generation }),
      ...condition,
      lastTransitionTime: old?.status === condition.status ? (old.lastTransitionTime ?? now) : now,
    }
  })
  return [...stamped, ...foreign]
}

/** Source: core/v1 PodResizePending and PodResizeInProgress. */
const resizeConditions = ({ pending, inProgress }: ResizeState): readonly OwnCondition[] => [
  ...(pending
    ? [
        {
          type: 'PodResizePending',
          status: 'True' as const,
          reason: pending.reason,
          message: pending.message,
          ...(pending.generation !== undefined && { observedGeneration: pending.generation }),
        },
      ]
    : []),
  ...(inProgress
    ? [
        {
          type: 'PodResizeInProgress',
          status: 'True' as const,
          ...(inProgress.error !== undefined && { reason: 'Error', message: inProgress.error }),
          ...(inProgress.generation !== undefined && { observedGeneration: inProgress.generation }),
        },
      ]
    : []),
]

/** As this node says; who else said so before keeps the word. */
function disruptionCondition({ disruption, previous }: PodStatusContext): readonly OwnCondition[] {
  const isTold = previous?.conditions?.some(({ type, reason }) => type === 'DisruptionTarget' && reason !== disruption?.reason)
  return disruption && !isTold ? [{ type: 'DisruptionTarget', status: 'True', ...disruption }] : []
}

function initializedCondition(
  pod: Pod,
  phase: PodPhase,
  inits: readonly ContainerStatus[],
  containers: readonly ContainerStatus[],
): OwnCondition {
  if (phase === 'Succeeded') return { type: 'Initialized', status: 'True', reason: 'PodCompleted' }
  const missing = incomplete(pod.spec.initContainers ?? [], inits)
  if (missing.length === 0 || containers.some((status) => status.containerID)) return { type: 'Initialized', status: 'True' }
  return {
    type: 'Initialized',
    status: 'False',
    reason: 'ContainersNotInitialized',
    message: `containers with incomplete status: [${missing.join(' ')}]`,
  }
}

function containersReadyCondition(
  pod: Pod,
  phase: PodPhase,
  inits: readonly ContainerStatus[],
  containers: readonly ContainerStatus[],
): OwnCondition {
  if (phase === 'Succeeded' || phase === 'Failed')
    return { type: 'ContainersReady', status: 'False', reason: phase === 'Succeeded' ? 'PodCompleted' : 'PodFailed' }
  const sidecars = inits.filter((_status, index) => isSidecar(pod.spec.initContainers![index]!))
  const unready = [...sidecars, ...containers].filter(({ ready }) => !ready).map(({ name }) => name)
  if (unready.length === 0) return { type: 'ContainersReady', status: 'True' }
  return {
    type: 'ContainersReady',
    status: 'False',
    reason: 'ContainersNotReady',
    message: `containers with unready status: [${unready.join(' ')}]`,
  }
}

function readyCondition(pod: Pod, foreign: readonly PodCondition[], containersReady: OwnCondition): OwnCondition {
  if (containersReady.status !== 'True') return { ...containersReady, type: 'Ready' }
  const messages = (pod.spec.readinessGates ?? []).flatMap(({ conditionType }) => {
    const gate = foreign.find(({ type }) => type === conditionType)
    if (!gate) return [`corresponding condition of pod readiness gate "${conditionType}" does not exist.`]
    return gate.status === 'True' ? [] : [`the status of pod readiness gate "${conditionType}" is not "True", but ${gate.status}`]
  })
  return messages.length === 0
    ? { type: 'Ready', status: 'True' }
    : { type: 'Ready', status: 'False', reason: 'ReadinessGatesNotReady', message: messages.join(', ') }
}
