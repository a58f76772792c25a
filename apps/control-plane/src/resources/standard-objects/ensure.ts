import type { KubeObject, NewObject } from '@bramble/api/object'
import { keyOf } from '@bramble/api/object'
import { isReason } from '@bramble/api/status-error'
import type { ApiClient } from '../../api/client.ts'
import type { ResourceDefinition } from '../../api/resource.ts'
import { differences } from '../differences.ts'

/** Creates the object, or changes what differs from `wanted`; what `wanted` does not speak of stays as it is. */
export async function ensureAsWanted<T extends KubeObject>(
  client: ApiClient,
  resource: ResourceDefinition<T>,
  wanted: NewObject<T>,
): Promise<void> {
  const key = keyOf(wanted as unknown as T)
  const current = client.get(resource, key)
  if (current === undefined) return await ensurePresent(client, resource, wanted)
  if (!contains(current, wanted)) await client.patch(resource, key, wanted)
}

/** Creates the object unless there is one of that name, whatever it says: an administrator's changes stand. */
export async function ensurePresent<T extends KubeObject>(
  client: ApiClient,
  resource: ResourceDefinition<T>,
  wanted: NewObject<T>,
): Promise<void> {
  if (client.get(resource, keyOf(wanted as unknown as T)) !== undefined) return
  try {
    await client.create(resource, wanted)
  } catch (error) {
    if (!isReason(error, 'AlreadyExists')) throw error // another control plane of this cluster was faster
  }
}

/** Whether all that `part` says holds for `whole`; lists must be equal but for fields that defaults added. */
function contains(whole: unknown, part: unknown): boolean {
  if (Array.isArray(part)) {
    if (!Array.isArray(whole)) return part.length === 0
    return whole.length === part.length && part.every((one, index) => contains(whole[index], one))
  }
  if (typeof part !== 'object' || part === null) return differences(whole, part, '').length === 0
  return Object.entries(part).every(([key, value]) => contains((whole as Record<string, unknown> | undefined)?.[key], value))
}
