import { type NewObject, objectKey } from '@bramble/api/object'
import { forbidden, isReason } from '@bramble/api/status-error'
import type { Pod, PodSpec } from '@bramble/api/types/pod'
import type { ApiClient } from '../api/client.ts'
import { nodes } from '../resources/node.ts'
import { namedBy } from '../resources/pod-spec/named-by.ts'
import { pods } from '../resources/pod.ts'
import { ownerOf } from './owner-of.ts'

/** Annotation of mirrors: the hash of what they show. Source: core/v1 MirrorPodAnnotationKey. */
const CONFIG_MIRROR = 'kubernetes.io/config.mirror'
const CONFIG_HASH = 'kubernetes.io/config.hash'

/** It shows a pod from the folder of its node, which runs whatever the API says. */
export const isMirror = (pod: Pod): boolean => pod.metadata.annotations?.[CONFIG_MIRROR] !== undefined

/**
 * Shows in the API what nodes run of their own accord.
 * @see Source: kubelet mirror_client.go CreateMirrorPod; Kubernetes NodeRestriction admission, admitPodCreate.
 */
export class MirrorIntake {
  readonly #client: ApiClient

  constructor(client: ApiClient) {
    this.#client = client
  }

  /**
   * Makes the mirror, in place of one that shows something older. @throws StatusError Forbidden when it is not for this node to make.
   */
  async take(nodeName: string, pod: Pod): Promise<void> {
    demandOwn(nodeName, pod)
    const { name, namespace = '', labels, annotations } = pod.metadata
    const key = objectKey(namespace, name)
    const before = this.#client.get(pods, key)
    if (before && (!isMirror(before) || before.spec.nodeName !== nodeName)) throw refused(nodeName, pod, 'a pod of that name is there')
    if (before?.metadata.annotations?.[CONFIG_MIRROR] === annotations?.[CONFIG_MIRROR] && !before?.metadata.deletionTimestamp) return
    const node = this.#client.get(nodes, nodeName)
    if (!node) return // it will say so again
    if (before) await this.#remove(key, before.metadata.uid)
    const mirror: NewObject<Pod> = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name,
        namespace,
        ...(labels && { labels }),
        ...(annotations && { annotations }),
        ownerReferences: [{ ...ownerOf({ kind: 'Node', ...node }), controller: true }],
      },
      spec: pod.spec,
    }
    try {
      await this.#client.create(pods, mirror)
    } catch (error) {
      if (!isReason(error, 'AlreadyExists')) throw error // said twice at once
    }
  }

  async #remove(key: string, uid: string): Promise<void> {
    try {
      await this.#client.delete(pods, key, { uid, gracePeriodSeconds: 0 })
    } catch (error) {
      if (!isReason(error, 'NotFound', 'Conflict')) throw error // somebody was faster
    }
  }
}

/** A stolen node must not make pods that others take for theirs, nor read with them what it may not. */
function demandOwn(nodeName: string, pod: Pod): void {
  const { annotations = {}, name } = pod.metadata
  const hash = annotations[CONFIG_MIRROR]
  if (!hash || hash !== annotations[CONFIG_HASH]) throw refused(nodeName, pod, 'it does not say what it mirrors')
  if (!name.endsWith(`-${nodeName}`)) throw refused(nodeName, pod, 'its name does not end with that of the node')
  if ((pod.spec as Partial<PodSpec>).nodeName !== nodeName) throw refused(nodeName, pod, 'it is on another node')
  if (pod.spec.serviceAccountName) throw refused(nodeName, pod, 'a mirror pod may not reference service accounts')
  const [named] = namedBy(pod)
  if (named) throw refused(nodeName, pod, `a mirror pod may not reference a ${named.kind}`)
}

const refused = (nodeName: string, pod: Pod, why: string): Error =>
  forbidden({ group: '', plural: 'pods' }, pod.metadata.name, `node "${nodeName}" may not create this mirror pod: ${why}`)
