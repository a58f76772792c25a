import { timestamp } from '@bramble/api/duration'
import { keyOf, type KubeObject, type ObjectKey } from '@bramble/api/object'
import { isReason } from '@bramble/api/status-error'
import type { Namespace } from '@bramble/api/types/core'
import { type Outcome, type Reconciler, SETTLED } from '@bramble/reconcile/reconciler'
import type { ResourceDefinition } from '../../api/resource.ts'
import { namespaces } from '../../resources/namespace.ts'
import { type ControllerDefinition, type ControllerDeps, wake } from '../controller.ts'
import { inBatches } from '../in-batches.ts'
import { textOf } from '../text-of.ts'
import { NAMESPACE_FINALIZER, type Remaining, remainingConditions, withoutFinalizer } from './plan.ts'

/** Empties namespaces that are being deleted, and lets them go. */
export const namespaceController: ControllerDefinition = {
  name: 'namespace',
  primary: namespaces,
  wakes: [],
  wakeOf: (resource) =>
    isContent(resource)
      ? wake(
          resource,
          (
            {
              object: {
                metadata: { namespace },
              },
            },
            client,
          ) => (namespace !== undefined && client.get(namespaces, namespace)?.metadata.deletionTimestamp ? [namespace] : []),
        )
      : undefined,
  concurrency: 2,
  create: (deps) => new NamespaceReconciler(deps),
}

/** What lives in namespaces and can be deleted. */
const isContent = ({ scope, verbs }: ResourceDefinition): boolean =>
  scope === 'Namespaced' && (verbs === undefined || (verbs.includes('list') && verbs.includes('delete')))

export class NamespaceReconciler implements Reconciler<ObjectKey> {
  readonly #deps: ControllerDeps

  constructor(deps: ControllerDeps) {
    this.#deps = deps
  }

  async reconcile(name: ObjectKey): Promise<Outcome> {
    const { client, kinds } = this.#deps
    const namespace = client.get(namespaces, name)
    if (!namespace?.metadata.deletionTimestamp || !namespace.spec?.finalizers?.includes(NAMESPACE_FINALIZER)) return SETTLED

    const failures = await this.#empty(name)
    const remaining = kinds
      .stored()
      .filter(isContent)
      .map((resource): Remaining => ({ resource: nameOf(resource), objects: client.list(resource, { namespace: name }) }))
    if (remaining.some(({ objects }) => objects.length > 0)) await this.#report(namespace, remaining, failures[0])
    else if (failures.length === 0) await ignoringGone(() => client.finalize(namespaces, withoutFinalizer(namespace)))
    if (failures.length > 0) throw failures[0]
    return SETTLED // what is left wakes us when it goes
  }

  async #empty(namespace: string): Promise<readonly unknown[]> {
    const { client, kinds } = this.#deps
    const doomed = kinds
      .stored()
      .filter(isContent)
      .flatMap((resource) =>
        client
          .list(resource, { namespace })
          .filter((object) => !object.metadata.deletionTimestamp)
          .map((object) => ({ resource, object })),
      )
    return inBatches(doomed.length, (index) => this.#remove(doomed[index]!.resource, doomed[index]!.object))
  }

  #remove(resource: ResourceDefinition, object: KubeObject): Promise<void> {
    const { uid } = object.metadata
    return ignoringGone(() => this.#deps.client.delete(resource, keyOf(object), { uid, propagationPolicy: 'Background' }))
  }

  async #report(namespace: Namespace, remaining: readonly Remaining[], failure: unknown): Promise<void> {
    const { client, env } = this.#deps
    const why = failure === undefined ? undefined : textOf(failure)
    const conditions = remainingConditions(namespace, remaining, why, timestamp(env.clock.nowMs()))
    if (conditions === namespace.status?.conditions) return
    await ignoringGone(() => client.patch(namespaces, keyOf(namespace), { status: { conditions } }, 'status'))
  }
}

const nameOf = ({ group, plural }: ResourceDefinition): string => (group === '' ? plural : `${plural}.${group}`)

async function ignoringGone(act: () => Promise<unknown>): Promise<void> {
  try {
    await act()
  } catch (error) {
    if (!isReason(error, 'NotFound')) throw error
  }
}
