import type { JsonObject, KubeObject } from '@bramble/api/object'
import { compare } from './managed-fields/compare.ts'
import { recursiveDifference, union } from './managed-fields/field-set.ts'
import { merge } from './managed-fields/merge.ts'
import { without } from './managed-fields/reset-fields.ts'
import type { Filter } from './managed-fields/updater.ts'
import type { ResourceDefinition } from './resource.ts'
import { topLevel } from './top-level.ts'
import { asServed } from './tracking.ts'
import type { Change } from './update.ts'
import { toStored } from './versions.ts'

/**
 * What an apply to a part of an object can own: not what the part leaves as it was, whatever the configuration says of it.
 * @param read Decodes what was merged.
 */
export function takenFilter(
  resource: ResourceDefinition,
  live: JsonObject,
  config: JsonObject,
  previous: KubeObject,
  takes: Exclude<Change['takes'], string | undefined>,
  read: (merged: JsonObject) => KubeObject,
): Filter {
  const schema = topLevel(resource.schema)
  const wanted = read(merge(schema, live, config))
  const taken = asServed(resource, takes(toStored(resource, wanted), previous))
  const { added, modified, removed } = compare(schema, wanted as unknown as JsonObject, taken)
  const refused = union(union(added, modified), removed)
  const noMetadata = without(['f:metadata'])
  return (set) => noMetadata(recursiveDifference(set, refused))
}
