import { objectKey, type ObjectKey } from '@bramble/api/object'
import { type Reconciler, SETTLED } from '@bramble/reconcile/reconciler'
import { endpointSlices } from '../../resources/endpoint-slice.ts'
import { endpoints } from '../../resources/endpoints.ts'
import { services } from '../../resources/service.ts'
import { ensureApiService } from '../../resources/standard-objects/api-service.ts'
import type { StandardSettings } from '../../resources/standard-objects/standard-settings.ts'
import { type ControllerDefinition, wake } from '../controller.ts'

const KEY: ObjectKey = objectKey('default', 'kubernetes')

/**
 * Keeps the Service `kubernetes` and what it leads to: pods find the API by it, so what was deleted or bent comes back.
 * @see Source: Kubernetes pkg/controlplane/controller/kubernetesservice.
 */
export const kubernetesServiceController = (settings: StandardSettings): ControllerDefinition => ({
  name: 'kubernetes-service',
  primary: services,
  wakes: [wake(endpointSlices, itself), wake(endpoints, itself)],
  concurrency: 1,
  create: ({ client }): Reconciler<ObjectKey> => ({
    reconcile: async (key) => {
      if (key === KEY) await ensureApiService(client, settings)
      return SETTLED
    },
  }),
})

function itself({
  object: { metadata },
}: {
  readonly object: { readonly metadata: { name: string; namespace?: string } }
}): readonly ObjectKey[] {
  const key = objectKey(metadata.namespace, metadata.name)
  return key === KEY ? [key] : []
}
