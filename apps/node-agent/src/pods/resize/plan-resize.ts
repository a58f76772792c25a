import type { Container } from '@bramble/api/types/pod'
import type { ContainerResources, ContainerState, PodResources, SandboxState } from '../../runtime/runtime.ts'
import { attemptsOf, type PodView } from '../pod-view.ts'
import { containerResources, podResources, runningTogether } from '../resources.ts'
import { differences, givenTo, mustRestart, partOf, type ResizableResource } from './given.ts'

export type ResizeStep =
  /** What only a running container gets: one resource, as the other may be refused. */
  | {
      readonly type: 'update-container'
      readonly container: Container
      readonly state: ContainerState
      readonly resource: ResizableResource
      readonly change: ContainerResources
    }
  | { readonly type: 'update-sandbox'; readonly sandbox: SandboxState; readonly resources: PodResources }

/**
 * Gives running containers what they shall have by now, without a restart. The pod grows before its containers and shrinks after them;
 * memory goes before cpu. One whose change was refused keeps the pod from shrinking until it is tried again.
 *
 * @param mayTry False while a container waits after a refusal.
 * @see Source: kubelet doPodResizeAction.
 */
export function planResize(view: PodView, sandbox: SandboxState, mayTry: (container: Container) => boolean): readonly ResizeStep[] {
  const { pod } = view
  const changes = runningTogether(pod).flatMap((container) => {
    const [state] = attemptsOf(sandbox, container.name)
    const wanted = containerResources(container)
    const resources = state ? differences(givenTo(view.given, state, wanted), wanted) : []
    return state && resources.length > 0 ? [{ container, state, wanted, resources }] : []
  })
  const wanted = podResources(pod)
  const has = view.podGiven ?? (changes.length > 0 ? podResources(pod, hasNow(view, sandbox)) : wanted)
  if (changes.length === 0 && isSame(has, wanted)) return []
  const peak = peakOf(has, wanted)
  const inPlace = changes.filter(({ container, state, resources }) => state.state === 'running' && !mustRestart(container, resources))
  const steps: ResizeStep[] = []
  // also when it is no more than before: from here on it is known what the pod was given
  if (!view.podGiven || !isSame(view.podGiven, peak)) steps.push({ type: 'update-sandbox', sandbox, resources: peak })
  for (const resource of ['memory', 'cpu'] as const)
    for (const { container, state, wanted: all, resources } of inPlace)
      if (resources.includes(resource) && mayTry(container))
        steps.push({ type: 'update-container', container, state, resource, change: partOf(all, resource) })
  const isLast = changes.every(
    ({ container, state }) => state.state !== 'running' || (inPlace.some((each) => each.state === state) && mayTry(container)),
  )
  if (isLast && !isSame(peak, wanted)) steps.push({ type: 'update-sandbox', sandbox, resources: wanted })
  return steps
}

/** What containers have while what is to change has not: also those that are about to be started anew. */
const hasNow =
  (view: PodView, sandbox: SandboxState) =>
  (container: Container): ContainerResources => {
    const [state] = attemptsOf(sandbox, container.name)
    const wanted = containerResources(container)
    return state ? givenTo(view.given, state, wanted) : wanted
  }

/** Enough for before and after. */
function peakOf(a: PodResources, b: PodResources): PodResources {
  const most = (one: number | undefined, other: number | undefined): number | undefined =>
    one === undefined || other === undefined ? undefined : Math.max(one, other)
  const cpuLimitMillis = most(a.cpuLimitMillis, b.cpuLimitMillis)
  const memoryLimitBytes = most(a.memoryLimitBytes, b.memoryLimitBytes)
  return {
    qosClass: b.qosClass,
    cpuRequestMillis: Math.max(a.cpuRequestMillis, b.cpuRequestMillis),
    ...(cpuLimitMillis !== undefined && { cpuLimitMillis }),
    ...(memoryLimitBytes !== undefined && { memoryLimitBytes }),
  }
}

const isSame = (a: PodResources, b: PodResources): boolean =>
  a.cpuRequestMillis === b.cpuRequestMillis && a.cpuLimitMillis === b.cpuLimitMillis && a.memoryLimitBytes === b.memoryLimitBytes
