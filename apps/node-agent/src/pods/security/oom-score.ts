import { memoryBytes } from '@bramble/api/quantity'
import type { Container, Pod } from '@bramble/api/types/pod'
import { qosClass } from '../resources.ts'
import { isSidecar } from '../restart-policy.ts'

/** Of what must not be killed before everything else is. */
const LAST = -997
const FIRST = 1000

/**
 * How early the kernel kills a container when memory runs out: those that use more than they asked for go first.
 * @see Source: kubelet qos GetContainerOOMScoreAdjust.
 */
export function oomScoreAdj(pod: Pod, container: Container, nodeMemoryBytes: number): number {
  if (pod.spec.priorityClassName === 'system-node-critical') return LAST
  const qos = qosClass(pod)
  if (qos === 'Guaranteed') return LAST
  if (qos === 'BestEffort' || nodeMemoryBytes <= 0) return FIRST
  // A sidecar must not go before the containers that it serves.
  const served = isSidecar(container) ? Math.min(...pod.spec.containers.map((each) => share(pod, each))) : 0
  const score = FIRST - Math.floor((FIRST * Math.max(share(pod, container), served)) / nodeMemoryBytes)
  return Math.min(FIRST - 1, Math.max(FIRST + LAST, score))
}

/** What a container asked for, and its part of what the pod as a whole asked for beyond that. */
function share(pod: Pod, container: Container): number {
  const all = [...(pod.spec.initContainers ?? []).filter(isSidecar), ...pod.spec.containers]
  const ofPod = requested(pod.spec)
  const beyond = ofPod === 0 ? 0 : Math.max(0, ofPod - all.reduce((bytes, each) => bytes + requested(each), 0))
  return requested(container) + beyond / all.length
}

const requested = ({ resources }: Pick<Container, 'resources'>): number =>
  memoryBytes(resources?.requests?.memory ?? resources?.limits?.memory)
