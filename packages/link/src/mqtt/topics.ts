import type { DownMessage, UpMessage } from '../protocol.ts'

// bramble/v1/nodes/<node>/up/<type> is written by the node, bramble/v1/nodes/<node>/down/<type> is read by it.

const ROOT = 'bramble/v1/nodes'

export type UpType = UpMessage['type']
export type DownType = DownMessage['type']
const UP_TYPES: Readonly<Record<UpType, true>> = { hello: true, report: true, resync: true, got: true, bye: true }
const DOWN_TYPES: Readonly<Record<DownType, true>> = { welcome: true, assign: true, stream: true, taken: true, end: true }

export const upTopic = (nodeName: string, type: UpType): string => `${ROOT}/${nodeName}/up/${type}`
export const downTopic = (nodeName: string, type: DownType): string => `${ROOT}/${nodeName}/down/${type}`
/** What a node subscribes to. */
export const downFilter = (nodeName: string): string => `${ROOT}/${nodeName}/down/+`
/** What the server subscribes to. */
export const UP_FILTER = `${ROOT}/+/up/+`

/** The reverse of {@link upTopic}; `undefined` for any other topic. */
export function parseUpTopic(topic: string): { readonly nodeName: string; readonly type: UpType } | undefined {
  const [nodeName, way, type, ...more] = levels(topic)
  if (!nodeName || way !== 'up' || type === undefined || more.length > 0 || !Object.hasOwn(UP_TYPES, type)) return undefined
  return { nodeName, type: type as UpType }
}

/** The type in a topic of this node's downward messages; `undefined` for any other topic. */
export function parseDownTopic(nodeName: string, topic: string): DownType | undefined {
  const [name, way, type, ...more] = levels(topic)
  if (name !== nodeName || way !== 'down' || type === undefined || more.length > 0 || !Object.hasOwn(DOWN_TYPES, type)) return undefined
  return type as DownType
}

/** Whether the node may write to the topic. */
export const mayPublish = (nodeName: string, topic: string): boolean => parseUpTopic(topic)?.nodeName === nodeName
/** Whether the node may read what the filter selects. */
export const maySubscribe = (nodeName: string, filter: string): boolean =>
  filter === downFilter(nodeName) || parseDownTopic(nodeName, filter) !== undefined

const levels = (topic: string): readonly string[] => (topic.startsWith(`${ROOT}/`) ? topic.slice(ROOT.length + 1).split('/') : [])
