import type { Node } from '@bramble/api/types/node'
import { DEVICE_KEY, DEVICE_MACHINE, DEVICE_SERIAL, READOPT } from '@bramble/api/types/node-identity'

/** A device that wants to be a node, as it says itself; nothing proves its serial. Empty where it cannot tell. */
export interface Claim {
  readonly nodeName: string
  /** Fingerprint of its key, which it has proved to hold. */
  readonly device: string
  readonly serial: string
  readonly machine: string
}

/** What the cluster knows about that. */
export interface Known {
  readonly nodes: readonly Node[]
  /** Whom the token was made for; empty: anybody. */
  readonly token: { readonly nodeName: string; readonly serial: string }
  /** What an operator said to this very device, if it has asked. */
  readonly decision: 'approved' | 'denied' | undefined
}

export type EnrolmentPlan =
  /** Nobody has the name. */
  | { readonly type: 'register' }
  /** It has the name already. */
  | { readonly type: 'repeat' }
  /** The name goes over to it. */
  | { readonly type: 'readopt'; readonly because: string }
  /** An operator must decide. */
  | { readonly type: 'ask' }
  | { readonly type: 'refuse'; readonly kind: 'taken' | 'denied'; readonly why: string }

/**
 * Whether a device with a good token becomes the node that it says it is.
 *
 * A key is what a node is known by. One that lost its key has the same board: whoever prepared its card with a token for that name or
 * board has decided already, otherwise somebody must. Another board never takes a name over, unless the Node says that it may.
 */
export function planEnrolment(claim: Claim, known: Known): EnrolmentPlan {
  const { nodeName, device } = claim
  const node = known.nodes.find(({ metadata }) => metadata.name === nodeName)
  const { [DEVICE_KEY]: owner, [DEVICE_SERIAL]: serial = '', [READOPT]: readopt } = node?.metadata.annotations ?? {}
  if (owner === device) return { type: 'repeat' }
  if (owner !== undefined && readopt === 'true') return { type: 'readopt', because: `annotation ${READOPT}` }

  const twin = known.nodes.find((other) => isCloneOf(claim, other))
  if (twin) return refuse(cloneWords(claim, twin))
  if (owner === undefined) return { type: 'register' }
  if (isOther(serial, claim.serial)) return refuse(otherBoardWords(claim, serial))

  const isSameBoard = serial !== '' && claim.serial !== ''
  if (known.token.nodeName === nodeName) return { type: 'readopt', because: 'a token for this name' }
  if (!isSameBoard) return refuse(unknownBoardWords(nodeName))
  if (known.token.serial !== '') return { type: 'readopt', because: 'a token for this board' }
  if (known.decision === 'approved') return { type: 'readopt', because: 'approval' }
  if (known.decision === 'denied') return { type: 'refuse', kind: 'denied', why: deniedWords(nodeName) }
  return { type: 'ask' }
}

const isOther = (one: string, other: string): boolean => one !== '' && other !== '' && one !== other

/** Two boards with one machine id: a card was copied after its first boot. Agents on one machine share a board, or have none to tell. */
function isCloneOf({ machine, serial }: Claim, { metadata: { annotations = {} } }: Node): boolean {
  return machine !== '' && annotations[DEVICE_MACHINE] === machine && isOther(annotations[DEVICE_SERIAL] ?? '', serial)
}

const refuse = (why: string): EnrolmentPlan => ({ type: 'refuse', kind: 'taken', why })

const cloneWords = ({ serial }: Claim, { metadata: { name, annotations = {} } }: Node): string =>
  `this card is a copy: its machine id is that of node "${name}" (board ${annotations[DEVICE_SERIAL]}), and this is board ${serial}. ` +
  'Give this machine its own and start the agent again: rm -f /etc/machine-id /var/lib/dbus/machine-id; systemd-machine-id-setup. ' +
  `If the card has moved here for good: bramble node remove ${name}`

const otherBoardWords = ({ nodeName, serial }: Claim, owner: string): string =>
  `node name "${nodeName}" belongs to another device (board ${owner}), and this is board ${serial}; choose another with --node-name. ` +
  `If this board replaces that one: kubectl annotate node ${nodeName} ${READOPT}=true, or remove the old one: bramble node remove ${nodeName}`

const unknownBoardWords = (nodeName: string): string =>
  `node name "${nodeName}" belongs to another device; choose another with --node-name. If this machine was installed anew: ` +
  `join with a token for it, bramble token create --hostname ${nodeName}, or remove the old one: bramble node remove ${nodeName}`

const deniedWords = (nodeName: string): string =>
  `an operator has denied this device the name "${nodeName}"; choose another with --node-name, or ask again after: kubectl delete csr ${nodeName}`

/** Whether a device may act as a node: its key is the one that the Node names. A Node without one has been made by hand. */
export const isCurrentDevice = (node: Node | undefined, device: string): boolean =>
  (node?.metadata.annotations?.[DEVICE_KEY] ?? device) === device
