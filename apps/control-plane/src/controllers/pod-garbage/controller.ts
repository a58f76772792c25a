import { keyOf, type ObjectKey } from '@bramble/api/object'
import { isReason } from '@bramble/api/status-error'
import { isTerminal, type Pod } from '@bramble/api/types/pod'
import { type Outcome, type Reconciler, SETTLED } from '@bramble/reconcile/reconciler'
import { nodes } from '../../resources/node.ts'
import { pods } from '../../resources/pod.ts'
import { type ControllerDefinition, type ControllerDeps, wake } from '../controller.ts'
import { inBatches } from '../in-batches.ts'
import { judge, surplus } from './plan.ts'

const ENDED_PODS_MAX = 1_000
/** A node that was deleted by mistake registers again within that time and keeps its pods. */
const QUARANTINE_MS = 40_000

/** Removes pods whose node is gone, and the oldest of too many that ended. */
export const podGarbageController: ControllerDefinition = {
  name: 'pod-garbage',
  component: 'pod-garbage-collector',
  primary: pods,
  wakes: [
    wake(nodes, ({ type, object }, client) =>
      type === 'DELETED'
        ? client.list(pods, { fields: [{ path: 'spec.nodeName', operator: '=', value: object.metadata.name }] }).map(keyOf)
        : [],
    ),
  ],
  concurrency: 5,
  create: (deps) => new PodGarbageReconciler(deps),
}

export class PodGarbageReconciler implements Reconciler<ObjectKey> {
  readonly #deps: ControllerDeps
  /** Monotonic milliseconds at which a node was found missing, by name. */
  readonly #missing = new Map<string, number>()
  readonly #endedMax: number

  constructor(deps: ControllerDeps, endedMax = ENDED_PODS_MAX) {
    this.#deps = deps
    this.#endedMax = endedMax
  }

  async reconcile(key: ObjectKey): Promise<Outcome> {
    const { client } = this.#deps
    const pod = client.get(pods, key)
    if (!pod) return SETTLED
    const verdict = judge(pod, (name) => client.get(nodes, name) !== undefined)
    if (verdict === 'unscheduled') await this.#remove(pod)
    else if (verdict === 'orphaned') {
      const waitMs = this.#quarantineMs(pod.spec.nodeName!)
      if (waitMs > 0) return { againInMs: waitMs }
      await this.#remove(pod)
    } else if (pod.spec.nodeName) this.#missing.delete(pod.spec.nodeName)
    if (isTerminal(pod)) await this.#removeSurplus()
    return SETTLED
  }

  #quarantineMs(nodeName: string): number {
    const nowMs = this.#deps.env.clock.monotonicMs()
    const sinceMs = this.#missing.get(nodeName) ?? nowMs
    this.#missing.set(nodeName, sinceMs)
    return sinceMs + QUARANTINE_MS - nowMs
  }

  async #removeSurplus(): Promise<void> {
    const doomed = surplus(this.#deps.client.list(pods), this.#endedMax)
    const failures = await inBatches(doomed.length, (index) => this.#remove(doomed[index]!))
    if (failures.length > 0) throw failures[0]
  }

  /** At once: nobody is there to end it in an orderly way. */
  async #remove(pod: Pod): Promise<void> {
    try {
      await this.#deps.client.delete(pods, keyOf(pod), { uid: pod.metadata.uid, gracePeriodSeconds: 0 })
    } catch (error) {
      if (!isReason(error, 'NotFound', 'Conflict')) throw error // gone already
    }
  }
}
