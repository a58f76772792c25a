import { microTimestamp } from '@bramble/api/duration'
import { isReason } from '@bramble/api/status-error'
import type { Clock } from '@bramble/reconcile/env'
import type { ApiClient } from '../api/client.ts'
import { leases } from '../resources/lease.ts'
import { nodes } from '../resources/node.ts'
import { ownerOf } from './owner-of.ts'

const NAMESPACE = 'kube-node-lease'
const DURATION_SECONDS = 40

/** Says in Leases, as kubelets do, which nodes are heard of. */
export class NodeLeases {
  readonly #client: ApiClient
  readonly #clock: Clock

  constructor(client: ApiClient, clock: Clock) {
    this.#client = client
    this.#clock = clock
  }

  /** Nothing for a node that has no object yet. @see Source: Kubernetes "Nodes", heartbeats. */
  async renew(nodeName: string): Promise<void> {
    const node = this.#client.get(nodes, nodeName)
    if (!node) return
    const key = `${NAMESPACE}/${nodeName}`
    const renewTime = microTimestamp(this.#clock.nowMs())
    try {
      if (this.#client.get(leases, key)) await this.#client.patch(leases, key, { spec: { renewTime } })
      else
        await this.#client.create(leases, {
          apiVersion: 'coordination.k8s.io/v1',
          kind: 'Lease',
          metadata: { name: nodeName, namespace: NAMESPACE, ownerReferences: [ownerOf(node)] },
          spec: { holderIdentity: nodeName, leaseDurationSeconds: DURATION_SECONDS, renewTime },
        })
    } catch (error) {
      if (!isReason(error, 'NotFound', 'AlreadyExists')) throw error // deleted or made meanwhile; the next renewal sees it
    }
  }
}
