import { type LabelSelector, matchesRequirements, requirementsOf } from '@bramble/api/labels'
import { type KubeObject, keyOf, type ObjectKey, objectKey, type OwnerReference } from '@bramble/api/object'
import { controllerOf } from '@bramble/api/owner'
import { isReason } from '@bramble/api/status-error'
import type { ApiClient, ClientEvent } from '../api/client.ts'
import type { ResourceDefinition } from '../api/resource.ts'
import { type Wake, wake } from './controller.ts'

type Selecting = KubeObject & { spec: { selector: LabelSelector } }

export interface Claims<T extends KubeObject> {
  readonly mine: readonly T[]
  /** Orphans that the selector wants. */
  readonly adopt: readonly T[]
  /** Mine once, but their labels were changed: let go, e.g. to look at a sick pod in peace. */
  readonly release: readonly T[]
}

/**
 * Whose is what. An owner that is leaving neither adopts nor releases; what is leaving is not adopted.
 * @see Source: Kubernetes ReplicaSet concepts, "Non-Template Pod acquisitions" and "Isolating Pods from a ReplicaSet".
 */
export function claims<T extends KubeObject>(owner: Selecting, candidates: readonly T[]): Claims<T> {
  const requirements = requirementsOf(owner.spec.selector)
  const mine: T[] = []
  const adopt: T[] = []
  const release: T[] = []
  for (const object of candidates) {
    const controller = controllerOf(object)
    if (controller && controller.uid !== owner.metadata.uid) continue
    const wanted = matchesRequirements(object.metadata.labels, requirements)
    if (controller) (wanted || owner.metadata.deletionTimestamp ? mine : release).push(object)
    else if (wanted && !owner.metadata.deletionTimestamp && !object.metadata.deletionTimestamp) adopt.push(object)
  }
  return { mine, adopt, release }
}

/**
 * Finds, adopts and lets go. @returns what is the owner's afterwards.
 * @throws when adopting failed for another reason than that someone was faster.
 */
export async function claim<T extends KubeObject>(
  client: ApiClient,
  resource: ResourceDefinition<T>,
  owner: Selecting,
  reference: OwnerReference,
  mayAdopt: (object: T) => boolean = () => true,
): Promise<readonly T[]> {
  const found = claims(owner, client.list(resource, { namespace: owner.metadata.namespace! }))
  const adopted = await Promise.all(
    found.adopt
      .filter(mayAdopt)
      .map((object) => withOwners(client, resource, object, [...(object.metadata.ownerReferences ?? []), reference])),
  )
  await Promise.all(
    found.release.map((object) =>
      withOwners(
        client,
        resource,
        object,
        (object.metadata.ownerReferences ?? []).filter(({ uid }) => uid !== owner.metadata.uid),
      ),
    ),
  )
  return [...found.mine, ...adopted.filter((object) => object !== undefined)]
}

async function withOwners<T extends KubeObject>(
  client: ApiClient,
  resource: ResourceDefinition<T>,
  object: T,
  ownerReferences: OwnerReference[],
): Promise<T | undefined> {
  try {
    const { uid, resourceVersion } = object.metadata // as it was seen: nobody else may have adopted it meanwhile
    return await client.patch(resource, keyOf(object), { metadata: { uid, resourceVersion, ownerReferences } })
  } catch (error) {
    if (isReason(error, 'NotFound', 'Conflict')) return undefined // it changed: its event wakes us again
    throw error
  }
}

/** Wakes the owner of `kind`, before and after the change; an orphan wakes every owner whose selector wants it. */
export const wakeOwners = <T extends KubeObject, Owner extends Selecting>(
  resource: ResourceDefinition<T>,
  owners: ResourceDefinition<Owner>,
): Wake => wake(resource, (event, client) => ownerKeys(event, owners, client))

function ownerKeys<T extends KubeObject, Owner extends Selecting>(
  event: ClientEvent<T>,
  owners: ResourceDefinition<Owner>,
  client: ApiClient,
): readonly ObjectKey[] {
  const namespace = event.object.metadata.namespace
  const keys = new Set<ObjectKey>()
  for (const object of [event.object, event.previous]) {
    const controller = object && controllerOf(object)
    if (controller?.kind === owners.kind) keys.add(objectKey(namespace, controller.name))
  }
  if (event.type !== 'DELETED' && !controllerOf(event.object))
    for (const owner of client.list(owners, { namespace: namespace! }))
      if (matchesRequirements(event.object.metadata.labels, requirementsOf(owner.spec.selector))) keys.add(keyOf(owner))
  return [...keys]
}
