import { isDeepStrictEqual } from 'node:util'
import { withCondition } from '@bramble/api/conditions'
import { isLabelKey, isLabelValue } from '@bramble/api/labels'
import { AGENT_LABELS, mayNodeSetLabel } from '@bramble/api/node-words'
import type { Timestamp } from '@bramble/api/object'
import type { Node, NodeCondition, NodeStatus } from '@bramble/api/types/node'
import { isPlainPath, VOLUME_FOLDER } from '@bramble/api/types/volume'

type Labels = Readonly<Record<string, string>>

/** Lists, as `key=value,…`, the labels that the agent set, so that those of the operator are left alone. */
export const NODE_LABELS_ANNOTATION = 'bramble.dev/node-labels'
/** The only annotations that an agent may set, besides the one of where its volumes are. */
export const NODE_ANNOTATION_PREFIX = 'node.bramble.dev/'

/**
 * What its agent's report changes in the metadata of a node. The agent changes only what it set itself: a label that the
 * operator set before, changed since, or removed stays so.
 */
export function mergeNodeMetadata(node: Node | undefined, reported: Labels, annotations: Labels): NodeMetadataChange {
  const stored: Labels = node?.metadata.labels ?? {}
  const recorded = parseRecord(node?.metadata.annotations?.[NODE_LABELS_ANNOTATION] ?? '')
  const refused = Object.keys(reported)
    .filter((key) => !mayNodeSetLabel(key) || !isLabelValue(reported[key]!))
    .sort()
  const wanted = Object.entries(reported).filter(([key]) => !refused.includes(key))
  const labels: Record<string, string | null> = {}
  const record: Record<string, string> = {}

  for (const [key, value] of wanted) {
    const isOwn = recorded[key] !== undefined && stored[key] === recorded[key]
    const wasRemoved = recorded[key] !== undefined && stored[key] === undefined && recorded[key] === value
    if (AGENT_LABELS.has(key) || isOwn || (stored[key] === undefined && !wasRemoved)) {
      record[key] = value
      if (stored[key] !== value) labels[key] = value
    } else if (wasRemoved) record[key] = value
  }
  for (const [key, value] of Object.entries(recorded))
    if (reported[key] === undefined && stored[key] === value && mayNodeSetLabel(key)) labels[key] = null

  const noted: Record<string, string> = { [NODE_LABELS_ANNOTATION]: formatRecord(record) }
  for (const [key, value] of Object.entries(annotations)) if (mayNodeAnnotate(key, value)) noted[key] = value
  const changedNotes = Object.fromEntries(
    Object.entries(noted).filter(([key, value]) => (node?.metadata.annotations?.[key] ?? '') !== value),
  )
  const change = {
    ...(Object.keys(labels).length > 0 && { labels }),
    ...(Object.keys(changedNotes).length > 0 && { annotations: changedNotes }),
  }
  return { change: Object.keys(change).length > 0 ? change : undefined, refused }
}

const mayNodeAnnotate = (key: string, value: string): boolean =>
  key === VOLUME_FOLDER ? isPlainPath(value) : key.startsWith(NODE_ANNOTATION_PREFIX) && isLabelKey(key)

export interface NodeMetadataChange {
  /** A merge patch of `metadata`: null removes. `undefined` when nothing changes. */
  readonly change: { readonly labels?: Readonly<Record<string, string | null>>; readonly annotations?: Labels } | undefined
  /** Keys of labels that a node may not have set, or with values that are none. */
  readonly refused: readonly string[]
}

/**
 * The status of a node after its agent reported. Conditions of others stay.
 *
 * @returns `undefined` when nothing but times would change: heartbeats are in the node's Lease, which costs no disk write.
 */
export function mergeNodeStatus(stored: NodeStatus | undefined, reported: NodeStatus, now: Timestamp): NodeStatus | undefined {
  const before = stored?.conditions ?? []
  let conditions: readonly NodeCondition[] = before
  for (const { lastHeartbeatTime: _, lastTransitionTime: __, ...condition } of reported.conditions ?? [])
    conditions = withCondition<NodeCondition>(conditions, condition, now)
  const next = { ...stored, ...reported, conditions: [...conditions] }
  if (stored && isDeepStrictEqual(next, { ...stored, conditions: [...before] })) return undefined
  const isReported = (type: string): boolean => reported.conditions?.some((condition) => condition.type === type) ?? false
  return {
    ...next,
    conditions: conditions.map((condition) => (isReported(condition.type) ? { ...condition, lastHeartbeatTime: now } : condition)),
  }
}

/** What the control plane cannot know of a node that it does not hear. */
const HEARD: ReadonlySet<string> = new Set(['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure'])

/**
 * Conditions of a node whose link is gone. @returns `undefined` when they say so already.
 * @see Source: Kubernetes node life cycle controller: all become Unknown, reason NodeStatusUnknown.
 */
export function lostConditions(node: Node, message: string, now: Timestamp): readonly NodeCondition[] | undefined {
  const before = node.status?.conditions ?? []
  const types = new Set(['Ready', ...before.map(({ type }) => type).filter((type) => HEARD.has(type))])
  if (
    before.length > 0 &&
    [...types].every((type) => before.some((condition) => condition.type === type && condition.status === 'Unknown'))
  )
    return undefined
  let conditions: readonly NodeCondition[] = before
  for (const type of types)
    conditions = withCondition<NodeCondition>(conditions, { type, status: 'Unknown', reason: 'NodeStatusUnknown', message }, now)
  return conditions
}

const formatRecord = (record: Labels): string =>
  Object.keys(record)
    .sort()
    .map((key) => `${key}=${record[key]}`)
    .join(',')

function parseRecord(text: string): Labels {
  return Object.fromEntries(
    text
      .split(',')
      .filter((part) => part.includes('='))
      .map((part) => {
        const at = part.indexOf('=')
        return [part.slice(0, at), part.slice(at + 1)]
      }),
  )
}
