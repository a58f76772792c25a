// Pure: whether pods want the same port of their node.
import type { ContainerPort, Pod } from '@bramble/api/types/pod'
import type { Rejection } from './rejection.ts'
import { isSidecar } from './restart-policy.ts'

/** Source: kubelet, `AdmissionFailureMessage` of the predicate NodePorts. */
const TAKEN: Rejection = {
  reason: 'NodePorts',
  message: "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports",
}

/** Why a node does not take a pod in beside these, where each port of the node is for one. */
export function portsTaken(pod: Pod, others: readonly Pod[]): Rejection | undefined {
  const wanted = hostPorts(pod)
  if (wanted.length === 0) return undefined
  const taken = others.flatMap(hostPorts)
  return wanted.some((port) => taken.some((other) => collide(port, other))) ? TAKEN : undefined
}

const hostPorts = ({ spec: { containers, initContainers = [] } }: Pod): readonly ContainerPort[] =>
  [...containers, ...initContainers.filter(isSidecar)].flatMap(({ ports = [] }) => ports).filter(({ hostPort }) => hostPort)

const collide = (one: ContainerPort, other: ContainerPort): boolean =>
  one.hostPort === other.hostPort &&
  (one.protocol ?? 'TCP') === (other.protocol ?? 'TCP') &&
  (isAny(one.hostIP) || isAny(other.hostIP) || one.hostIP === other.hostIP)

const isAny = (ip: string | undefined): boolean => ip === undefined || ip === '' || ip === '0.0.0.0'
