import type { KubeObject } from '@bramble/api/object'
import { expired } from '@bramble/api/status-error'
import { prefixOf, storeKey } from '../store/keys.ts'
import { Expired, type Listing, type Page } from '../store/store-types.ts'
import { continueToken, type ListPosition, listPosition, pagingExpired, tooLargeRevision } from './list-position.ts'
import type { Machine } from './machine.ts'
import type { ListRequest, ListResult } from './requests.ts'
import type { ResourceDefinition } from './resource.ts'
import { selector } from './selection.ts'
import { fromStored, storageOf } from './versions.ts'

/** See `Resources.list`. */
export async function listObjects({ store }: Machine, resource: ResourceDefinition, request: ListRequest): Promise<ListResult> {
  const prefix = prefixOf(storageOf(resource), request.namespace)
  const position = listPosition(request, prefix)
  const matches = selector(resource, request)
  await store.barrier()
  if ('revision' in position && position.revision > store.revision) throw tooLargeRevision(position.revision, store.revision)

  const single = onlyName(resource, request)
  if (single !== undefined && (position.type === 'newest' || position.type === 'at-least')) {
    const entry = store.get(storeKey(storageOf(resource), single))
    const found = entry && fromStored(resource, entry.value)
    return { items: found && matches(found) ? [found] : [], resourceVersion: String(store.revision) }
  }

  const read = (page: Omit<Page, 'at'>): Listing => {
    try {
      return store.list(prefix, { ...page, ...(position.type === 'exactly' && { at: position.revision }) })
    } catch (error) {
      throw error instanceof Expired ? expiredList(position) : error
    }
  }
  const after = 'after' in position ? position.after : undefined
  return page(resource, read({ limit: 0, ...(after !== undefined && { after }) }), request, matches)
}

function page(
  resource: ResourceDefinition,
  { entries, revision }: Listing,
  { limit, labels, fields }: ListRequest,
  matches: (object: KubeObject) => boolean,
): ListResult {
  const items: KubeObject[] = []
  for (const [index, entry] of entries.entries()) {
    const object = fromStored(resource, entry.value)
    if (!matches(object)) continue
    items.push(object)
    const remaining = entries.length - index - 1
    if (items.length !== limit || remaining === 0) continue
    return {
      items,
      resourceVersion: String(revision),
      continue: continueToken(revision, entry.key),
      ...(labels.length === 0 && fields.length === 0 && { remainingItemCount: remaining }),
    }
  }
  return { items, resourceVersion: String(revision) }
}

const expiredList = (position: ListPosition): Error =>
  'after' in position && position.after !== undefined ? pagingExpired(position.after) : expired()

/** `metadata.name=x` in one namespace needs no scan; `kubectl wait` and `get -w` ask so. */
function onlyName(resource: ResourceDefinition, { namespace, fields }: ListRequest): string | undefined {
  const name = fields.find((field) => field.path === 'metadata.name' && field.operator === '=')?.value
  if (!name || name.includes('/')) return undefined
  if (resource.scope === 'Cluster') return name
  return namespace ? `${namespace}/${name}` : undefined
}
