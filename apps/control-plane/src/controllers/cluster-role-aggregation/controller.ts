import { keyOf, type ObjectKey } from '@bramble/api/object'
import { type Outcome, type Reconciler, SETTLED } from '@bramble/reconcile/reconciler'
import type { ApiClient } from '../../api/client.ts'
import { clusterRoles } from '../../resources/cluster-roles.ts'
import { isSame } from '../../resources/differences.ts'
import { aggregatedRules } from '../../resources/rbac/aggregate.ts'
import { type ControllerDefinition, wake } from '../controller.ts'

/** Keeps the rules of ClusterRoles that gather those of others, such as `admin`, `edit` and `view`. */
export const clusterRoleAggregationController: ControllerDefinition = {
  name: 'cluster-role-aggregation',
  primary: clusterRoles,
  wakes: [wake(clusterRoles, (_, client) => gatheringRoles(client).map(keyOf))],
  concurrency: 1,
  create: ({ client }) => new ClusterRoleAggregator(client),
}

export class ClusterRoleAggregator implements Reconciler<ObjectKey> {
  readonly #client: ApiClient

  constructor(client: ApiClient) {
    this.#client = client
  }

  async reconcile(name: ObjectKey): Promise<Outcome> {
    const role = this.#client.get(clusterRoles, name)
    if (!role?.aggregationRule) return SETTLED
    const rules = aggregatedRules(role, this.#client.list(clusterRoles))
    if (!isSame(rules, role.rules)) await this.#client.update(clusterRoles, { ...role, rules: [...rules] })
    return SETTLED
  }
}

const gatheringRoles = (client: ApiClient) => client.list(clusterRoles).filter(({ aggregationRule }) => aggregationRule !== undefined)
