import { isDeepStrictEqual } from 'node:util'
import { keyOf, type ObjectKey, objectKey } from '@bramble/api/object'
import { isReason } from '@bramble/api/status-error'
import { isPodReady, isTerminal, type Pod } from '@bramble/api/types/pod'
import { type EndpointSlice, type Service, SERVICE_NAME_LABEL } from '@bramble/api/types/service'
import { type Outcome, type Reconciler, SETTLED } from '@bramble/reconcile/reconciler'
import type { ApiClient, ClientEvent } from '../../api/client.ts'
import { endpointSlices } from '../../resources/endpoint-slice.ts'
import { endpoints } from '../../resources/endpoints.ts'
import { pods } from '../../resources/pod.ts'
import { services } from '../../resources/service.ts'
import { type ControllerDefinition, type ControllerDeps, wake } from '../controller.ts'
import { ENDPOINTS_MANAGED_BY_LABEL, ENDPOINTS_MANAGER, merged, planEndpoints, saysSame } from './legacy-plan.ts'
import { hasSelector, isSelected, type Member, membersOf } from './members.ts'
import { MANAGED_BY_LABEL, MANAGER, planSlices } from './plan.ts'

/** Keeps the EndpointSlices of each Service with a selector, and the Endpoints object that older clients read. */
export const endpointSliceController: ControllerDefinition = {
  name: 'endpoint-slice',
  primary: services,
  wakes: [
    wake(pods, servicesOf),
    wake(endpointSlices, ({ object: { metadata } }) => {
      const name = metadata.labels?.[SERVICE_NAME_LABEL]
      return name && metadata.labels?.[MANAGED_BY_LABEL] === MANAGER ? [objectKey(metadata.namespace, name)] : []
    }),
    wake(endpoints, ({ object }) => [keyOf(object)]),
  ],
  concurrency: 5,
  create: ({ client }: ControllerDeps) => new EndpointSliceReconciler(client),
}

export class EndpointSliceReconciler implements Reconciler<ObjectKey> {
  readonly #client: ApiClient

  constructor(client: ApiClient) {
    this.#client = client
  }

  async reconcile(key: ObjectKey): Promise<Outcome> {
    const service = this.#client.get(services, key)
    if (!service)
      await this.#removeEndpoints(key) // slices name their owner: the garbage collector takes them
    else if (!service.metadata.deletionTimestamp && hasSelector(service)) {
      const selected = this.#client.list(pods, {
        namespace: service.metadata.namespace!,
        selector: { matchLabels: service.spec.selector! },
      })
      const members = membersOf(service, selected)
      await Promise.all([this.#writeSlices(service, members), this.#writeEndpoints(service, members)])
    }
    return SETTLED
  }

  async #writeSlices(service: Service, members: readonly Member[]): Promise<void> {
    const namespace = service.metadata.namespace!
    const ours = { [SERVICE_NAME_LABEL]: service.metadata.name, [MANAGED_BY_LABEL]: MANAGER }
    const existing = this.#client.list(endpointSlices, { namespace, selector: { matchLabels: ours } })
    const { create, update, remove } = planSlices(
      service,
      members,
      existing.filter((slice) => !slice.metadata.deletionTimestamp),
    )
    for (const slice of create) await this.#client.create(endpointSlices, slice)
    for (const slice of update) await this.#client.update(endpointSlices, slice)
    for (const slice of remove) await this.#removeSlice(slice)
  }

  async #removeSlice(slice: EndpointSlice): Promise<void> {
    try {
      await this.#client.delete(endpointSlices, keyOf(slice), { uid: slice.metadata.uid })
    } catch (error) {
      if (!isReason(error, 'NotFound', 'Conflict')) throw error // gone already
    }
  }

  async #writeEndpoints(service: Service, members: readonly Member[]): Promise<void> {
    const planned = planEndpoints(service, members)
    const stored = this.#client.get(endpoints, keyOf(service))
    if (!stored) await this.#client.create(endpoints, planned)
    else if (!saysSame(stored, planned)) await this.#client.update(endpoints, merged(stored, planned))
  }

  async #removeEndpoints(key: ObjectKey): Promise<void> {
    const left = this.#client.get(endpoints, key)
    if (left?.metadata.labels?.[ENDPOINTS_MANAGED_BY_LABEL] !== ENDPOINTS_MANAGER) return // somebody else's
    try {
      await this.#client.delete(endpoints, key, { uid: left.metadata.uid })
    } catch (error) {
      if (!isReason(error, 'NotFound', 'Conflict')) throw error
    }
  }
}

/** The Services that select a pod now or selected it before, if anything changed that they show. */
function servicesOf({ type, object, previous }: ClientEvent<Pod>, client: ApiClient): readonly ObjectKey[] {
  if (type === 'MODIFIED' && previous && isDeepStrictEqual(shownOf(object), shownOf(previous))) return []
  return client
    .list(services, { namespace: object.metadata.namespace! })
    .filter((service) => hasSelector(service) && (isSelected(service, object) || (previous !== undefined && isSelected(service, previous))))
    .map(keyOf)
}

const shownOf = (pod: Pod) => [
  pod.metadata.uid,
  pod.metadata.labels,
  pod.metadata.deletionTimestamp !== undefined,
  isPodReady(pod),
  isTerminal(pod),
  pod.status?.podIP,
  pod.status?.podIPs,
  pod.spec.nodeName,
  pod.spec.hostname,
  pod.spec.subdomain,
]
