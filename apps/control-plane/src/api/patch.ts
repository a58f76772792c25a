import type { JsonObject, JsonValue, KubeObject, ObjectKey } from '@bramble/api/object'
import { applyObject, checkUid, withoutManaged } from './apply.ts'
import type { Machine } from './machine.ts'
import { applyPatchTo, namesManagedFields } from './patch/apply-patch.ts'
import type { PatchType, WriteContext } from './requests.ts'
import type { ResourceDefinition } from './resource.ts'
import { changeObject, checkNames, partOf } from './update.ts'
import { fromStored, toStored } from './versions.ts'

/** See `Resources.patch`. The patch is applied anew to the newest state until it is stored. */
export async function patchObject(
  machine: Machine,
  resource: ResourceDefinition,
  key: ObjectKey,
  type: PatchType,
  body: JsonValue,
  context: WriteContext,
  subresource?: string,
): Promise<KubeObject> {
  if (type === 'apply') return (await applyObject(machine, resource, key, body, context, subresource)).object
  const isWhole = namesManagedFields(type, body)
  return changeObject(machine, resource, key, context, {
    ...partOf(resource, subresource),
    propose: (previous, attempt) => {
      const served = fromStored(resource, previous)
      const target = isWhole ? served : (withoutManaged(served as unknown as JsonObject) as unknown as KubeObject)
      const patched = applyPatchTo(resource, target, type, body, attempt === 0 ? context : silently(context))
      checkUid(resource, patched, previous)
      checkNames(resource, patched, key)
      return toStored(resource, patched)
    },
  })
}

/** A warning is given once, however often a patch is tried. */
const silently = (context: WriteContext): WriteContext => ({ ...context, warn: () => {} })
