import { timestamp } from '@bramble/api/duration'
import type { Container, ContainerStatus, Pod, PodCondition, PodPhase, PodStatus } from '@bramble/api/types/pod'
import { containerStatus, type StatusContext } from './container-status.ts'
import { currentSandbox, outcomeOf, type PodOutcome, type PodView } from './pod-view.ts'
import { isSidecar } from './restart-policy.ts'
import { qosClass } from './resources.ts'

export interface PodStatusContext extends StatusContext {
  /** What was said of the pod before: transition times and foreign conditions are kept from it. */
  readonly previous: PodStatus | undefined
  readonly hostIp: string
  /** Epoch milliseconds. */
  readonly nowMs: number
}

/** Conditions that the agent itself states, in kubelet's order. */
const OWN_CONDITIONS = ['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady', 'PodScheduled']

/**
 * The status of a pod as kubelet makes it. Pure; the same world gives an equal status, so callers can tell whether to send it.
 *
 * @see Source: kubelet generateAPIPodStatus, getPhase, status/generate.go.
 */
export function podStatus(context: PodStatusContext): PodStatus {
  const { view, previous, hostIp, nowMs } = context
  const { pod } = view
  const containerStatuses = pod.spec.containers.map((container) => containerStatus(context, container, false))
  const initContainerStatuses = (pod.spec.initContainers ?? []).map((container) => containerStatus(context, container, true))
  const outcome = outcomeOf(view)
  const phase = phaseOf(view, outcome, initContainerStatuses, containerStatuses)
  const sandbox = currentSandbox(view)
  const podIp = pod.spec.hostNetwork ? (sandbox ? hostIp : undefined) : sandbox?.ready ? sandbox.ip : outcome && previous?.podIP
  return {
    phase,
    conditions: conditionsOf(context, phase, initContainerStatuses, containerStatuses),
    ...((outcome?.reason ?? previous?.reason) !== undefined && { reason: outcome?.reason ?? previous?.reason }),
    ...((outcome?.message ?? previous?.message) !== undefined && { message: outcome?.message ?? previous?.message }),
    ...(hostIp !== '' && { hostIP: hostIp, hostIPs: [{ ip: hostIp }] }),
    ...(podIp !== undefined && podIp !== '' && { podIP: podIp, podIPs: [{ ip: podIp }] }),
    startTime: previous?.startTime ?? timestamp(nowMs),
    qosClass: previous?.qosClass ?? qosClass(pod),
    ...(pod.metadata.generation !== undefined && { observedGeneration: pod.metadata.generation }),
    ...(initContainerStatuses.length > 0 && { initContainerStatuses }),
    containerStatuses,
  }
}

function phaseOf(
  view: PodView,
  outcome: PodOutcome | undefined,
  inits: readonly ContainerStatus[],
  containers: readonly ContainerStatus[],
): PodPhase {
  if (outcome) return anyRuns(view) && outcome.reason === undefined ? 'Running' : outcome.phase
  if (!initIsOver(view.pod, inits) && !containers.some((status) => status.containerID)) return 'Pending'
  const waiting = containers.some(({ state, lastState }) => state?.waiting && !lastState?.terminated)
  if (waiting) return 'Pending'
  const leaving = view.orphaned || view.pod.metadata.deletionTimestamp !== undefined
  if (leaving && containers.every(({ state }) => state?.terminated))
    return containers.every(({ state }) => state?.terminated?.exitCode === 0) ? 'Succeeded' : 'Failed'
  return 'Running'
}

/** Something still has to end before the outcome shows. */
const anyRuns = ({ sandboxes, pod }: PodView): boolean => {
  const sidecars = new Set((pod.spec.initContainers ?? []).filter(isSidecar).map(({ name }) => name))
  return sandboxes.some(({ containers }) => containers.some(({ state, name }) => state === 'running' && !sidecars.has(name)))
}

const initIsOver = (pod: Pod, statuses: readonly ContainerStatus[]): boolean =>
  incomplete(pod.spec.initContainers ?? [], statuses).length === 0

const incomplete = (inits: readonly Container[], statuses: readonly ContainerStatus[]): readonly string[] =>
  inits.filter((init, index) => (isSidecar(init) ? !statuses[index]?.started : !statuses[index]?.ready)).map(({ name }) => name)

type OwnCondition = Pick<PodCondition, 'type' | 'status' | 'reason' | 'message'>

function conditionsOf(
  context: PodStatusContext,
  phase: PodPhase,
  inits: readonly ContainerStatus[],
  containers: readonly ContainerStatus[],
): PodCondition[] {
  const { view, previous, nowMs } = context
  const before = previous?.conditions ?? []
  const foreign = (view.pod.status?.conditions ?? before).filter(({ type }) => !OWN_CONDITIONS.includes(type))
  const containersReady = containersReadyCondition(view.pod, phase, inits, containers)
  const sandbox = currentSandbox(view)
  const own: readonly OwnCondition[] = [
    {
      type: 'PodReadyToStartContainers',
      status: sandbox?.ready && (sandbox.ip !== undefined || view.pod.spec.hostNetwork === true) ? 'True' : 'False',
    },
    initializedCondition(view.pod, phase, inits, containers),
    readyCondition(view.pod, foreign, containersReady),
    containersReady,
    before.find(({ type }) => type === 'PodScheduled') ?? { type: 'PodScheduled', status: 'True' },
  ]
  const now = timestamp(nowMs)
  const stamped = own.map((condition): PodCondition => {
    const old = before.find(({ type }) => type === condition.type)
    return {
      lastProbeTime: null,
      ...condition,
      lastTransitionTime: old?.status === condition.status ? (old.lastTransitionTime ?? now) : now,
    }
  })
  return [...stamped, ...foreign]
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
