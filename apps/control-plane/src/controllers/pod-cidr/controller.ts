import { keyOf, type ObjectKey } from '@bramble/api/object'
import { isReason } from '@bramble/api/status-error'
import { type Outcome, type Reconciler, SETTLED } from '@bramble/reconcile/reconciler'
import { nodes } from '../../resources/node.ts'
import { type ControllerDefinition, type ControllerDeps, wake } from '../controller.ts'
import { blocksOf, freeBlock } from './plan.ts'

/** Gives each node a block of pod addresses, once. One at a time: two may not get the same. */
export const podCidrController: ControllerDefinition = {
  name: 'pod-cidr',
  primary: nodes,
  wakes: [
    wake(nodes, ({ type }, client) =>
      type === 'DELETED'
        ? client
            .list(nodes)
            .filter((node) => blocksOf(node).length === 0)
            .map(keyOf)
        : [],
    ),
  ],
  concurrency: 1,
  create: (deps) => new PodCidrReconciler(deps),
}

export class PodCidrReconciler implements Reconciler<ObjectKey> {
  readonly #deps: ControllerDeps

  constructor(deps: ControllerDeps) {
    this.#deps = deps
  }

  async reconcile(name: ObjectKey): Promise<Outcome> {
    const { client, events, settings } = this.#deps
    const node = client.get(nodes, name)
    if (!node || node.metadata.deletionTimestamp || blocksOf(node).length > 0) return SETTLED

    const block = freeBlock(settings.podNetwork, settings.nodePrefix, client.list(nodes))
    if (block === undefined) {
      const message = `No block of pod addresses is left in ${settings.podNetwork}: node ${name} can run no pods`
      events.record(node, 'Warning', 'CIDRNotAvailable', message)
      return SETTLED // a node that is deleted wakes us
    }
    const { uid, resourceVersion } = node.metadata
    try {
      await client.patch(nodes, name, { metadata: { uid, resourceVersion }, spec: { podCIDR: block, podCIDRs: [block] } })
    } catch (error) {
      if (!isReason(error, 'NotFound')) throw error
    }
    return SETTLED
  }
}
