import { isDeepStrictEqual } from 'node:util'
import { timestamp } from '@bramble/api/duration'
import { keyOf, mutableCopy, type ObjectKey } from '@bramble/api/object'
import { controllerOf, controllerReference } from '@bramble/api/owner'
import { isReason } from '@bramble/api/status-error'
import type { Pod } from '@bramble/api/types/pod'
import type { ReplicaSet } from '@bramble/api/types/workload'
import { type Outcome, type Reconciler, SETTLED } from '@bramble/reconcile/reconciler'
import { pods } from '../../resources/pod.ts'
import { replicaSets } from '../../resources/replica-set.ts'
import { claim, wakeOwners } from '../claim.ts'
import type { ControllerDefinition, ControllerDeps } from '../controller.ts'
import { inBatches } from '../in-batches.ts'
import { isActive, nextAvailableInMs } from '../pod-availability.ts'
import { podFromTemplate } from '../pod-template.ts'
import { textOf } from '../text-of.ts'
import { planReplicaSet } from './plan.ts'
import { type Failure, replicaSetStatus } from './status.ts'

/** One bad template cannot flood the store: the rest follows when the first ones are seen. */
const CHANGES_PER_PASS_MAX = 200

export const replicaSetController: ControllerDefinition = {
  name: 'replica-set',
  component: 'replicaset-controller',
  primary: replicaSets,
  wakes: [wakeOwners(pods, replicaSets)],
  concurrency: 5,
  create: (deps) => new ReplicaSetReconciler(deps),
}

/**
 * Observe, plan, act, report. Reads are the API's own index: current, so what an earlier pass made is always seen and
 * no memory of it is needed.
 */
export class ReplicaSetReconciler implements Reconciler<ObjectKey> {
  readonly #deps: ControllerDeps

  constructor(deps: ControllerDeps) {
    this.#deps = deps
  }

  async reconcile(key: ObjectKey): Promise<Outcome> {
    const set = this.#deps.client.get(replicaSets, key)
    if (!set) return SETTLED
    const reference = controllerReference('apps/v1', 'ReplicaSet', set)
    const owned = await claim(this.#deps.client, pods, set, reference, isActive)
    const failures: unknown[] = []
    if (!set.metadata.deletionTimestamp) {
      // else the garbage collector takes the pods
      const plan = planReplicaSet(set, owned, this.#relatives(set, owned), CHANGES_PER_PASS_MAX)
      failures.push(...(await inBatches(plan.create, () => this.#create(set))))
      failures.push(...(await inBatches(plan.remove.length, (index) => this.#remove(set, plan.remove[index]!))))
    }
    const waitMs = await this.#report(key, failures[0])
    if (failures.length > 0) throw failures[0]
    return waitMs === undefined ? SETTLED : { againInMs: waitMs }
  }

  async #create(set: ReplicaSet): Promise<void> {
    const { client, events } = this.#deps
    const reference = controllerReference('apps/v1', 'ReplicaSet', set)
    try {
      const pod = await client.create(
        pods,
        podFromTemplate(set.spec.template, set.metadata.namespace!, reference, { generateName: `${set.metadata.name}-` }),
      )
      events.record(set, 'Normal', 'SuccessfulCreate', `Created pod: ${pod.metadata.name}`)
    } catch (error) {
      events.record(set, 'Warning', 'FailedCreate', `Error creating: ${textOf(error)}`)
      throw error
    }
  }

  async #remove(set: ReplicaSet, pod: Pod): Promise<void> {
    const { client, events } = this.#deps
    try {
      await client.delete(pods, keyOf(pod), { uid: pod.metadata.uid })
      events.record(set, 'Normal', 'SuccessfulDelete', `Deleted pod: ${pod.metadata.name}`)
    } catch (error) {
      if (isReason(error, 'NotFound', 'Conflict')) return // gone, or its name has another pod now
      events.record(set, 'Warning', 'FailedDelete', `Error deleting: ${textOf(error)}`)
      throw error
    }
  }

  /** @returns when a pod becomes available by mere waiting, milliseconds. */
  async #report(key: ObjectKey, failure: unknown): Promise<number | undefined> {
    const { client, env } = this.#deps
    const set = client.get(replicaSets, key)
    if (!set) return undefined
    const owned = client
      .list(pods, { namespace: set.metadata.namespace!, ownerUid: set.metadata.uid })
      .filter((pod) => controllerOf(pod)?.uid === set.metadata.uid)
    const status = replicaSetStatus(
      set,
      owned,
      failure === undefined ? undefined : failureOf(set, owned, failure),
      timestamp(env.clock.nowMs()),
    )
    if (!isDeepStrictEqual(status, set.status)) await client.updateStatus(replicaSets, { ...mutableCopy(set), status })
    return nextAvailableInMs(owned.filter(isActive), set.spec.minReadySeconds ?? 0, env.clock.nowMs())
  }

  /** The pods of all sets that belong to the same Deployment; only who removes some needs to know. */
  #relatives(set: ReplicaSet, owned: readonly Pod[]): readonly Pod[] {
    const owner = controllerOf(set)
    if (!owner || owned.length <= (set.spec.replicas ?? 1)) return owned
    const { client } = this.#deps
    const namespace = set.metadata.namespace!
    return client
      .list(replicaSets, { namespace, ownerUid: owner.uid })
      .flatMap((sibling) => client.list(pods, { namespace, ownerUid: sibling.metadata.uid }))
  }
}

const failureOf = (set: ReplicaSet, owned: readonly Pod[], failure: unknown): Failure => ({
  reason: owned.filter(isActive).length < (set.spec.replicas ?? 1) ? 'FailedCreate' : 'FailedDelete',
  message: textOf(failure),
})
