import { isDeepStrictEqual } from 'node:util'
import { formatSelector } from '@bramble/api/labels'
import { keyOf, mutableCopy, type ObjectKey } from '@bramble/api/object'
import { isReason } from '@bramble/api/status-error'
import type { Pod } from '@bramble/api/types/pod'
import type { DisruptionStatus, PodDisruptionBudget } from '@bramble/api/types/policy'
import { type Outcome, type Reconciler, SETTLED } from '@bramble/reconcile/reconciler'
import type { ApiClient, ClientEvent } from '../../api/client.ts'
import { podDisruptionBudgets } from '../../resources/pod-disruption-budget.ts'
import { pods } from '../../resources/pod.ts'
import { type ControllerDefinition, type ControllerDeps, wake } from '../controller.ts'
import { expectedByOwners, type OwnersFound } from './owners.ts'
import { needsOwners, planBudget, selected } from './plan.ts'

/** Keeps count of how many pods of each PodDisruptionBudget may be evicted. */
export const disruptionController: ControllerDefinition = {
  name: 'disruption',
  primary: podDisruptionBudgets,
  wakes: [wake(pods, budgetsOf)],
  concurrency: 5,
  create: (deps) => new DisruptionReconciler(deps),
}

export class DisruptionReconciler implements Reconciler<ObjectKey> {
  readonly #deps: ControllerDeps

  constructor(deps: ControllerDeps) {
    this.#deps = deps
  }

  async reconcile(key: ObjectKey): Promise<Outcome> {
    const { client, env, events } = this.#deps
    const budget = client.get(podDisruptionBudgets, key)
    if (!budget || budget.metadata.deletionTimestamp) return SETTLED
    const mine = selected(budget, client.list(pods, { namespace: budget.metadata.namespace! }))
    const owners = this.#owners(budget, mine)
    const { status, notDeleted, againInMs } = planBudget(budget, mine, owners, env.clock.nowMs())
    this.#tell(budget, mine, owners)
    for (const pod of notDeleted)
      events.record(pod, 'Warning', 'NotDeleted', `Pod was expected by PDB ${keyOf(budget)} to be deleted but it wasn't`)
    await this.#report(budget, status)
    return againInMs === undefined ? SETTLED : { againInMs }
  }

  #owners(budget: PodDisruptionBudget, mine: readonly Pod[]): OwnersFound {
    const { client, kinds } = this.#deps
    if (!needsOwners(budget)) return { pods: mine.length, unmanaged: [] }
    return expectedByOwners(mine, { all: () => kinds.stored(), get: (resource, key) => client.get(resource, key) })
  }

  #tell(budget: PodDisruptionBudget, mine: readonly Pod[], owners: OwnersFound): void {
    const { events } = this.#deps
    if (mine.length === 0) events.record(budget, 'Normal', 'NoPods', 'No matching pods found')
    if ('fault' in owners)
      events.record(
        budget,
        'Warning',
        'CalculateExpectedPodCountFailed',
        `Failed to calculate the number of expected pods: ${owners.fault}`,
      )
    else if (owners.unmanaged.length > 0)
      events.record(
        budget,
        'Warning',
        'UnmanagedPods',
        `Pods selected by this PodDisruptionBudget (selector: ${formatSelector(budget.spec.selector)}) were found to be unmanaged. As a result, the status of the PDB cannot be calculated correctly, which may result in undefined behavior. To account for these pods please set ".spec.minAvailable" field of the PDB to an integer value.`,
      )
  }

  async #report(budget: PodDisruptionBudget, status: DisruptionStatus): Promise<void> {
    if (isDeepStrictEqual(status, budget.status)) return
    try {
      await this.#deps.client.updateStatus(podDisruptionBudgets, { ...mutableCopy(budget), status: mutableCopy(status) })
    } catch (error) {
      if (!isReason(error, 'NotFound', 'Conflict')) throw error // it changed: its event wakes us again
    }
  }
}

/** Budgets that a pod counts for, before and after its change. */
function budgetsOf({ object, previous }: ClientEvent<Pod>, client: ApiClient): readonly ObjectKey[] {
  const states = previous ? [object, previous] : [object]
  return client
    .list(podDisruptionBudgets, { namespace: object.metadata.namespace! })
    .filter((budget) => selected(budget, states).length > 0)
    .map(keyOf)
}
