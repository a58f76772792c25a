import type { Pod, PodCondition, PodStatus } from '@bramble/api/types/pod'

const NODE_OWNED: ReadonlySet<string> = new Set([
  'AllContainersRestarting',
  'PodResizePending',
  'PodResizeInProgress',
  'PodReadyToStartContainers',
  'Initialized',
  'ContainersReady',
  'Ready',
])
/** Stated by the node when it ends a pod, else by those who evict: nobody takes it back. */
const STATED_ONCE = 'DisruptionTarget'

/** Conditions that the node decides; all others belong to the scheduler, to controllers or to users. */
export const isNodeOwned = (conditionType: string): boolean => NODE_OWNED.has(conditionType)

/**
 * The status of a pod after its node reported. Conditions that are not the node's stay as they are.
 *
 * @returns `undefined` when the report does not count: a pod that has ended does not run again.
 */
export function mergePodStatus({ status: stored = {} }: Pod, reported: PodStatus): PodStatus | undefined {
  const hasEnded = stored.phase === 'Succeeded' || stored.phase === 'Failed'
  if (hasEnded && reported.phase !== stored.phase) return undefined
  const foreign = (stored.conditions ?? []).filter(({ type }) => !isNodeOwned(type))
  const isFirstWord = ({ type, status }: PodCondition): boolean =>
    type === STATED_ONCE && status === 'True' && !foreign.some((condition) => condition.type === STATED_ONCE)
  const own = (reported.conditions ?? []).filter((condition) => isNodeOwned(condition.type) || isFirstWord(condition))
  return {
    ...keptFields(stored),
    ...reported,
    conditions: [...own.map((condition) => keepTransition(condition, stored.conditions)), ...foreign],
    ...(stored.qosClass && { qosClass: stored.qosClass }),
  }
}

/** Fields that others write and a node never reports. */
function keptFields(stored: PodStatus): object {
  const { nominatedNodeName, resize } = stored as { nominatedNodeName?: string; resize?: string }
  return { ...(nominatedNodeName !== undefined && { nominatedNodeName }), ...(resize !== undefined && { resize }) }
}

/** A node that forgot when a condition changed does not change it again. */
function keepTransition(condition: PodCondition, stored: readonly PodCondition[] = []): PodCondition {
  const before = stored.find(({ type }) => type === condition.type)
  if (before?.status !== condition.status || before.lastTransitionTime === undefined) return condition
  return { ...condition, lastTransitionTime: before.lastTransitionTime }
}
