import { timestamp } from '@bramble/api/duration'
import { apiVersionOf, type JsonObject, type KubeObject } from '@bramble/api/object'
import { cleanCopy } from './clean-copy.ts'
import type { Machine } from './machine.ts'
import { identityOf, type ManagedFieldsEntry } from './managed-fields/managers.ts'
import { everything, without } from './managed-fields/reset-fields.ts'
import { type Author, managedAfterUpdate } from './managed-fields/track.ts'
import type { Filter, Versions } from './managed-fields/updater.ts'
import { zeroObject } from './managed-fields/zero-object.ts'
import type { WriteContext } from './requests.ts'
import type { ResourceDefinition } from './resource.ts'
import { topLevel } from './top-level.ts'
import { isNamespace } from './server-fields.ts'
import { statusFilter } from './status-part.ts'
import { storageOf } from './versions.ts'

// Who owns which field, told to `managed-fields/`. Sets are computed in the version that the request named, as its entry says;
// what others own in other versions is compared in theirs.

type Entries = readonly unknown[] | undefined

export function authorOf(
  { registry, env }: Machine,
  resource: ResourceDefinition,
  { fieldManager }: Pick<WriteContext, 'fieldManager'>,
  subresource?: string,
  filter: Filter = filterOf(storageOf(resource), subresource),
): Author {
  return {
    versions: versionsOf(registry, resource),
    apiVersion: apiVersionOf(resource.group, resource.version),
    manager: fieldManager || 'unknown',
    ...(subresource !== undefined && { subresource }),
    filter,
    now: timestamp(env.clock.nowMs()),
  }
}

/** The managed fields of a new object. @param draft In the stored version, with its defaults. */
export function managedOfNew(
  machine: Machine,
  resource: ResourceDefinition,
  draft: KubeObject,
  written: Entries,
  context: WriteContext,
): Entries {
  if (context.startsTracking === false && !written?.length) return undefined
  const startsTracking = context.startsTracking ?? true
  const after = asServed(resource, draft)
  return managedAfterUpdate(authorOf(machine, resource, context), {
    before: zeroObject(resource),
    after,
    live: undefined,
    written,
    startsTracking,
  })
}

/**
 * The managed fields of a changed object. Of one of whose fields nobody is known to own any they stay unknown, until the first apply.
 * @param written As the client wrote them; those of the object itself when it did not.
 */
export function managedOfChanged(
  machine: Machine,
  resource: ResourceDefinition,
  { draft, previous, written, subresource }: { draft: KubeObject; previous: KubeObject; written: Entries; subresource: string | undefined },
  context: WriteContext,
): Entries {
  const live = previous.metadata.managedFields
  if (!live?.length && !written?.length) return undefined
  return managedAfterUpdate(authorOf(machine, resource, context, subresource), {
    before: asServed(resource, previous),
    after: asServed(resource, draft),
    live,
    ...(subresource === undefined && { written }),
    startsTracking: false,
  })
}

/** Source: the registries' strategies, GetResetFields. */
function filterOf(resource: ResourceDefinition, subresource: string | undefined): Filter {
  if (subresource === 'status') return statusFilter(resource)
  if (subresource !== undefined) return everything
  return without(...(resource.subresources?.status ? [['f:status']] : []), ...(isNamespace(resource) ? [['f:spec', 'f:finalizers']] : []))
}

function versionsOf(registry: Machine['registry'], resource: ResourceDefinition): Versions {
  const own = apiVersionOf(resource.group, resource.version)
  const definitionOf = (apiVersion: string): ResourceDefinition | undefined => {
    if (apiVersion === own) return resource
    const found = registry.findApiVersionKind(apiVersion, resource.kind)
    return found && isSameKind(storageOf(found), storageOf(resource)) ? found : undefined
  }
  return {
    mayChange: resource.custom !== undefined,
    schema: (apiVersion) => {
      const found = definitionOf(apiVersion)
      return found && topLevel(found.schema)
    },
    convert: (object, apiVersion) => {
      const [from, to] = [definitionOf(String(object['apiVersion'])), definitionOf(apiVersion)]
      if (!from || !to || from === to) return object
      const copy = cleanCopy(object) as unknown as KubeObject
      return asServed(to, from.storage ? from.storage.toStored(copy) : copy)
    },
  }
}

/** Whether two definitions are those of one and the same kind in the store. */
const isSameKind = (a: ResourceDefinition, b: ResourceDefinition): boolean =>
  a === b || (a.group === b.group && a.plural === b.plural && a.version === b.version)

/** A stored object in the version of a request. Not to be changed. */
export const asServed = (resource: ResourceDefinition, object: KubeObject): JsonObject =>
  (resource.storage ? resource.storage.fromStored(object) : object) as unknown as JsonObject

/** Whether nothing but the times of managed fields tells two lists apart. */
export function differInTimesOnly(a: Entries, b: Entries): boolean {
  if (!a || !b || a.length !== b.length) return false
  const before = new Map((b as readonly ManagedFieldsEntry[]).map((entry) => [identityOf(entry), entry]))
  return (a as readonly ManagedFieldsEntry[]).every((entry) => {
    const other = before.get(identityOf(entry))
    return other !== undefined && other.apiVersion === entry.apiVersion && sameFields(other.fieldsV1, entry.fieldsV1)
  })
}

const sameFields = (a: unknown, b: unknown): boolean => a === b || JSON.stringify(a) === JSON.stringify(b)
