import { mutableCopy, type NewObject } from '@bramble/api/object'
import { mayNodeSetLabel, parseNodeLabel, parseTaint } from '@bramble/api/node-words'
import type { Node, Taint } from '@bramble/api/types/node'
import { DEVICE_KEY, DEVICE_MACHINE, DEVICE_MODEL, DEVICE_SERIAL, READOPT } from '@bramble/api/types/node-identity'
import type { TokenFacts } from '@bramble/link/join-token'
import type { Joiner } from './joiner.ts'

/** What a token gives to the node that joins with it. A Secret that somebody wrote by hand may say nonsense: that part is left out. */
export interface Gifts {
  readonly labels: Readonly<Record<string, string>>
  readonly taints: readonly Taint[]
}

export const giftsOf = ({ labels, taints }: Pick<TokenFacts, 'labels' | 'taints'>): Gifts => ({
  labels: Object.fromEntries(labels.flatMap((label) => readOr(() => [parseNodeLabel(label)])).filter(([key]) => mayNodeSetLabel(key))),
  taints: taints.flatMap((taint) => readOr(() => [parseTaint(taint)])),
})

function readOr<T>(read: () => readonly T[]): readonly T[] {
  try {
    return read()
  } catch {
    return []
  }
}

/** The Node of a device that nobody has seen before: it shows up at once, and its name is taken by its key. */
export const newNode = (joiner: Joiner, gifts: Gifts): NewObject<Node> => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: {
    name: joiner.nodeName,
    annotations: annotationsOf(joiner),
    labels: { ...gifts.labels, 'kubernetes.io/hostname': joiner.nodeName },
  },
  spec: taintsField([...gifts.taints, ...joiner.taints]),
})

/** The Node after its name went over to the device. What operators have put on it stays; what the token gives comes on top. */
export function nodeOfDevice(node: Node, joiner: Joiner, gifts: Gifts): Node {
  const next = mutableCopy(node)
  const { [READOPT]: _, [DEVICE_SERIAL]: __, [DEVICE_MACHINE]: ___, [DEVICE_MODEL]: ____, ...kept } = next.metadata.annotations ?? {}
  return {
    ...next,
    metadata: {
      ...next.metadata,
      annotations: { ...kept, ...annotationsOf(joiner) },
      labels: { ...next.metadata.labels, ...gifts.labels, 'kubernetes.io/hostname': joiner.nodeName },
    },
    spec: { ...next.spec, ...taintsField([...(next.spec.taints ?? []), ...gifts.taints]) },
  }
}

/** The first of those with the same key and effect: a node has each once. */
function taintsField(taints: readonly Taint[]): { taints?: Taint[] } {
  const isFirst = ({ key, effect }: Taint, index: number): boolean =>
    taints.findIndex((other) => other.key === key && other.effect === effect) === index
  const each = taints.filter(isFirst)
  return each.length > 0 ? { taints: [...each] } : {}
}

const annotationsOf = ({ device, serial, machine, model }: Joiner): Record<string, string> => ({
  [DEVICE_KEY]: device,
  ...(serial !== '' && { [DEVICE_SERIAL]: serial }),
  ...(machine !== '' && { [DEVICE_MACHINE]: machine }),
  ...(model !== '' && { [DEVICE_MODEL]: model }),
})
