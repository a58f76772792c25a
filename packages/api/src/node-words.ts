import { isLabelKey, isLabelValue } from './labels.ts'
import type { Taint } from './types/node.ts'
import type { TaintEffect } from './types/pod.ts'

// Names, labels and taints of nodes as people type them, and which labels a machine may have that joins.

const NODE_NAME = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/
export const NODE_NAME_RULE = 'must be at most 63 lower case letters, digits, "-" or ".", e.g. pi-1'
export const isNodeName = (text: string): boolean => text.length <= 63 && NODE_NAME.test(text)

/** Controllers and users rely on these, so the agent's word is final. */
export const AGENT_LABELS: ReadonlySet<string> = new Set(['kubernetes.io/hostname', 'kubernetes.io/os', 'kubernetes.io/arch'])
const ALLOWED: ReadonlySet<string> = new Set([
  ...AGENT_LABELS,
  'node.kubernetes.io/instance-type',
  'topology.kubernetes.io/region',
  'topology.kubernetes.io/zone',
])
const ALLOWED_DOMAINS = ['kubelet.kubernetes.io', 'node.kubernetes.io']
const RESTRICTED_DOMAINS = ['kubernetes.io', 'k8s.io']
const EFFECTS: readonly string[] = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'] satisfies readonly TaintEffect[]

/**
 * Whether an agent may put this label on its own node: workloads choose nodes by labels, so a stolen node must not
 * claim a role.
 * @see Source: Kubernetes NodeRestriction admission: kubelets may not set labels of kubernetes.io and k8s.io but some.
 */
export function mayNodeSetLabel(key: string): boolean {
  if (!isLabelKey(key)) return false
  if (ALLOWED.has(key)) return true
  const [domain, name] = key.split('/')
  if (name === undefined) return true
  const isWithin = (parent: string): boolean => domain === parent || domain!.endsWith(`.${parent}`)
  if (isWithin('node-restriction.kubernetes.io')) return false
  return ALLOWED_DOMAINS.some(isWithin) || !RESTRICTED_DOMAINS.some(isWithin)
}

/** `disktype=ssd`. @throws Error that says what is wrong with it. */
export function parseNodeLabel(text: string): readonly [key: string, value: string] {
  const at = text.indexOf('=')
  const [key, value] = [text.slice(0, at), text.slice(at + 1)]
  if (at < 1 || !isLabelKey(key) || !isLabelValue(value)) throw new Error(`label "${text}": must be a label such as disktype=ssd`)
  if (AGENT_LABELS.has(key) || !mayNodeSetLabel(key))
    throw new Error(
      `label "${text}": labels of kubernetes.io cannot be given to a node that joins; put it on with "kubectl label node" later`,
    )
  return [key, value]
}

/** `key=value:Effect` or `key:Effect`, as `kubectl taint` has it. @throws Error that says what is wrong with it. */
export function parseTaint(text: string): Taint {
  const [, key = '', value = '', effect = ''] = /^([^=:]+)(?:=([^:]*))?:(\w+)$/.exec(text) ?? []
  if (!isLabelKey(key) || !isLabelValue(value) || !EFFECTS.includes(effect))
    throw new Error(`taint "${text}": must be key=value:Effect with the effect ${EFFECTS.join(', ')}; e.g. dedicated=camera:NoSchedule`)
  return { key, ...(value !== '' && { value }), effect: effect as TaintEffect }
}

/** What `parseTaint` reads. */
export const formatTaint = ({ key, value = '', effect }: Taint): string => `${key}${value === '' ? '' : `=${value}`}:${effect}`
