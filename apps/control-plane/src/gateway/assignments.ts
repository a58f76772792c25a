import { createHash } from 'node:crypto'
import { keyOf, type KubeObject, type ObjectMeta } from '@bramble/api/object'
import type { ConfigMap, Secret } from '@bramble/api/types/core'
import type { Node } from '@bramble/api/types/node'
import { isTerminal, type Pod } from '@bramble/api/types/pod'
import type { EndpointSlice, Service } from '@bramble/api/types/service'
import type { CsiDriver } from '@bramble/api/types/storage'
import { type PersistentVolume, type PersistentVolumeClaim, PROVISIONED_BY } from '@bramble/api/types/volume'
import { isNodeOwned } from './merge-pod-status.ts'

// What a node may see: its pods, the ConfigMaps, Secrets, claims and volumes that these name (`references.ts`), tokens for them
// (`pod-tokens.ts`), and what every node needs to reach Services
// and the pods of other nodes. Nothing else, and of each object only what an agent uses.

/** An object as nodes see it. */
export interface Shown {
  /** As in `assignedId`: `Pod default/web-1`. */
  readonly id: string
  readonly object: KubeObject
  /** Changes when, and only when, nodes must hear of the change. */
  readonly digest: bigint
}

/** Kinds that all nodes see, whole. */
export const isShared = (kind: string): boolean => kind === 'Service' || kind === 'EndpointSlice' || kind === 'Node'

export const idOf = (kind: string, key: string): string => `${kind} ${key}`

/** @throws Error when the kind is not for nodes. */
export function show(object: KubeObject): Shown {
  const id = idOf(object.kind ?? '', keyOf(object))
  const shown = reduce(object)
  return { id, object: shown, digest: digestOf(id, weighed(shown)) }
}

/**
 * Adds up digests in any order: a set of objects has one sum, however it came about, and adding or removing one object
 * costs the same among ten thousand.
 */
export const SUM_MODULUS = 2n ** 256n
export const addDigest = (sum: bigint, digest: bigint): bigint => (sum + digest) % SUM_MODULUS
export const removeDigest = (sum: bigint, digest: bigint): bigint => (sum - digest + SUM_MODULUS) % SUM_MODULUS

/** Name of the content that a node sees. Depends on nothing else, so it survives a restart of the control plane. */
export const versionOf = (sum: bigint): string => createHash('sha256').update(sum.toString(16)).digest('hex').slice(0, 32)

const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration'

function reduce(object: KubeObject): KubeObject {
  switch (object.kind) {
    case 'Pod':
      return reducePod(object as Pod)
    case 'ConfigMap': {
      const { data, binaryData, immutable } = object as ConfigMap
      return { ...head(object), ...defined({ data, binaryData, immutable }) }
    }
    case 'Secret': {
      const { type, data, immutable } = object as Secret
      return { ...head(object), ...defined({ type, data, immutable }) }
    }
    case 'PersistentVolumeClaim':
      return reduceClaim(object as PersistentVolumeClaim)
    case 'PersistentVolume':
      return reduceVolume(object as PersistentVolume)
    case 'CSIDriver':
      return { ...head(object), ...defined({ spec: (object as CsiDriver).spec }) }
    case 'Service':
      return { ...head(object, 'labels'), ...defined({ spec: (object as Service).spec }) }
    case 'EndpointSlice': {
      const { addressType, endpoints, ports } = object as EndpointSlice
      const needed = endpoints?.map(({ targetRef: _, ...endpoint }) => endpoint)
      return { ...head(object, 'labels'), ...defined({ addressType, endpoints: needed, ports }) }
    }
    case 'Node': {
      const { spec, status } = object as Node
      return {
        ...head(object),
        ...defined({
          spec: defined({ podCIDR: spec?.podCIDR, podCIDRs: spec?.podCIDRs }),
          status: defined({ addresses: status?.addresses }),
        }),
      }
    }
    default:
      throw new Error(`objects of kind ${object.kind} are not for nodes`)
  }
}

/** An agent that lost its containers goes on from the counts, conditions and times that it reported before. */
function reducePod(pod: Pod): Pod {
  const { annotations, ...metadata } = head(pod, 'labels', 'annotations', 'ownerReferences').metadata
  const { [LAST_APPLIED]: _, ...shownAnnotations } = annotations ?? {}
  const { phase, reason, message, startTime, conditions, containerStatuses, initContainerStatuses, ephemeralContainerStatuses } =
    pod.status ?? {}
  return {
    ...head(pod),
    metadata: { ...metadata, ...defined({ generation: pod.metadata.generation }), ...(annotations && { annotations: shownAnnotations }) },
    spec: pod.spec,
    status: defined({
      phase,
      reason,
      message,
      startTime,
      conditions,
      containerStatuses,
      initContainerStatuses,
      ephemeralContainerStatuses,
    }),
  }
}

function reduceClaim(claim: PersistentVolumeClaim): KubeObject {
  const { accessModes, volumeName, volumeMode, storageClassName, resources } = claim.spec
  const { phase, accessModes: given, capacity } = claim.status ?? {}
  return {
    ...head(claim, 'ownerReferences'),
    ...defined({
      spec: defined({ accessModes, volumeName, volumeMode, storageClassName, resources }),
      status: defined({ phase, accessModes: given, capacity }),
    }),
  }
}

/** Whose folder it is decides whether the node may make and remove it. */
function reduceVolume(volume: PersistentVolume): KubeObject {
  const provisioner = volume.metadata.annotations?.[PROVISIONED_BY]
  const { metadata, ...rest } = head(volume)
  return {
    ...rest,
    metadata: { ...metadata, ...(provisioner !== undefined && { annotations: { [PROVISIONED_BY]: provisioner } }) },
    ...defined({ spec: volume.spec, status: defined({ phase: volume.status?.phase }) }),
  }
}

function head(object: KubeObject, ...more: readonly ('labels' | 'annotations' | 'ownerReferences')[]): KubeObject {
  const { name, namespace, uid, resourceVersion, creationTimestamp, deletionTimestamp, deletionGracePeriodSeconds } = object.metadata
  const rest = Object.fromEntries(more.map((field) => [field, object.metadata[field]])) as Partial<ObjectMeta>
  return {
    ...defined({ apiVersion: object.apiVersion, kind: object.kind }),
    metadata: {
      name,
      uid,
      resourceVersion,
      creationTimestamp,
      ...defined({ namespace, deletionTimestamp, deletionGracePeriodSeconds, ...rest }),
    },
  }
}

/**
 * What counts as a change. Not the resourceVersion, nor what the node itself reported: else each status would come back
 * to where it came from. But the end of a pod counts, and conditions of others (readiness gates).
 */
function weighed(object: KubeObject): unknown {
  const { resourceVersion: _, ...metadata } = object.metadata
  if (object.kind !== 'Pod') return { ...object, metadata }
  const { status, ...pod } = object as Pod
  const foreign = (status?.conditions ?? []).filter(({ type }) => !isNodeOwned(type) && type !== 'PodScheduled')
  return {
    ...pod,
    metadata,
    end: isTerminal(object as Pod) ? status?.phase : '',
    foreign: foreign.map(({ type, status: is }) => [type, is]),
  }
}

export const digestOf = (id: string, value: unknown): bigint =>
  BigInt(`0x${createHash('sha256').update(id).update('\0').update(JSON.stringify(value)).digest('hex')}`)

const defined = <T extends object>(fields: T): T =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T
