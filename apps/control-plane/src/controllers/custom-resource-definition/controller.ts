import { isDeepStrictEqual } from 'node:util'
import { timestamp } from '@bramble/api/duration'
import { type Condition, isConditionTrue, withCondition } from '@bramble/api/conditions'
import { type KubeObject, keyOf, mutableCopy, type ObjectKey } from '@bramble/api/object'
import { isReason } from '@bramble/api/status-error'
import type { CustomResourceDefinition } from '@bramble/api/types/custom-resource-definition'
import { type Outcome, type Reconciler, SETTLED } from '@bramble/reconcile/reconciler'
import { cleanupDefinition } from '../../api/custom/definition.ts'
import type { ResourceDefinition } from '../../api/resource.ts'
import { CLEANUP_FINALIZER, customResourceDefinitions } from '../../resources/custom-resource-definition.ts'
import { type ControllerDefinition, type ControllerDeps, wake } from '../controller.ts'
import { inBatches } from '../in-batches.ts'
import { textOf } from '../text-of.ts'
import { definitionStatus, says, type TakenNames } from './status.ts'

/** Settles the names of custom kinds, says that they are served, and empties those that are deleted. */
export const customResourceDefinitionController: ControllerDefinition = {
  name: 'custom-resource-definition',
  primary: customResourceDefinitions,
  wakes: [
    wake(customResourceDefinitions, ({ object }, client) =>
      client
        .list(customResourceDefinitions)
        .filter((crd) => crd.spec.group === object.spec.group && !isConditionTrue(crd.status?.conditions, 'NamesAccepted'))
        .map(keyOf),
    ),
  ],
  wakeOf: (resource) =>
    resource.custom &&
    wake(resource, (_event, client) => {
      const key = `${resource.plural}.${resource.group}`
      return client.get(customResourceDefinitions, key)?.metadata.deletionTimestamp ? [key] : []
    }),
  concurrency: 2,
  create: (deps) => new CustomResourceDefinitionReconciler(deps),
}

export class CustomResourceDefinitionReconciler implements Reconciler<ObjectKey> {
  readonly #deps: ControllerDeps

  constructor(deps: ControllerDeps) {
    this.#deps = deps
  }

  async reconcile(key: ObjectKey): Promise<Outcome> {
    const crd = this.#deps.client.get(customResourceDefinitions, key)
    if (!crd) return SETTLED
    if (crd.metadata.deletionTimestamp === undefined) await this.#settle(crd)
    else if (crd.metadata.finalizers?.includes(CLEANUP_FINALIZER)) await this.#empty(crd)
    return SETTLED
  }

  async #settle(crd: CustomResourceDefinition): Promise<void> {
    const { client, env } = this.#deps
    const status = definitionStatus(crd, this.#takenNames(crd), timestamp(env.clock.nowMs()))
    if (!isDeepStrictEqual(status, crd.status)) await client.updateStatus(customResourceDefinitions, { ...mutableCopy(crd), status })
  }

  #takenNames(crd: CustomResourceDefinition): TakenNames {
    const { client, kinds } = this.#deps
    const isOfGroup = ({ group }: { readonly group: string }): boolean => group === crd.spec.group
    const builtIn = kinds.stored().filter((kind) => isOfGroup(kind) && !kind.custom)
    const others = client
      .list(customResourceDefinitions)
      .filter((other) => isOfGroup(other.spec) && other.metadata.uid !== crd.metadata.uid)
      .flatMap(({ status }) => (status?.acceptedNames ? [status.acceptedNames] : []))
    const named = [...builtIn.map((kind) => ({ ...kind, singular: kind.singular ?? kind.kind.toLowerCase() })), ...others]
    const all = (names: readonly (string | undefined)[]): ReadonlySet<string> =>
      new Set(names.filter((name): name is string => name !== undefined && name !== ''))
    return {
      resources: all(named.flatMap(({ plural, singular, shortNames = [] }) => [plural, singular, ...shortNames])),
      kinds: all(named.flatMap(({ kind, listKind }) => [kind, listKind])),
    }
  }

  /** Deletes what there is of the kind; the definition goes when the last object has gone. */
  async #empty(crd: CustomResourceDefinition): Promise<void> {
    const { client } = this.#deps
    const resource = cleanupDefinition(crd)
    const doomed = client.list(resource).filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    const failures = await inBatches(doomed.length, (index) => this.#remove(resource, doomed[index]!))
    const left = client.list(resource).length
    if (failures.length > 0)
      await this.#report(crd, says('Terminating', true, 'InstanceDeletionFailed', `could not issue all deletes: ${textOf(failures[0])}`))
    else if (left > 0)
      await this.#report(crd, says('Terminating', true, 'InstanceDeletionInProgress', 'CustomResource deletion is in progress'))
    else await this.#release(crd)
    if (failures.length > 0) throw failures[0]
  }

  #remove(resource: ResourceDefinition, object: KubeObject): Promise<void> {
    return ignoringGone(() =>
      this.#deps.client.delete(resource, keyOf(object), { uid: object.metadata.uid, propagationPolicy: 'Background' }),
    )
  }

  async #report(crd: CustomResourceDefinition, condition: Condition): Promise<void> {
    const { client, env } = this.#deps
    const conditions = withCondition<Condition>(crd.status?.conditions, condition, timestamp(env.clock.nowMs()))
    if (conditions === crd.status?.conditions) return
    await ignoringGone(() => client.patch(customResourceDefinitions, keyOf(crd), { status: { conditions } }, 'status'))
  }

  async #release(crd: CustomResourceDefinition): Promise<void> {
    const { resourceVersion, finalizers = [] } = crd.metadata
    const left = finalizers.filter((finalizer) => finalizer !== CLEANUP_FINALIZER)
    await ignoringGone(() =>
      this.#deps.client.patch(customResourceDefinitions, keyOf(crd), { metadata: { resourceVersion, finalizers: left } }),
    )
  }
}

async function ignoringGone(act: () => Promise<unknown>): Promise<void> {
  try {
    await act()
  } catch (error) {
    if (!isReason(error, 'NotFound')) throw error
  }
}
