import type { JsonValue, KubeObject, ObjectKey } from '@bramble/api/object'
import type { Machine } from './machine.ts'
import { applyPatchTo } from './patch/apply-patch.ts'
import type { PatchType, WriteContext } from './requests.ts'
import type { ResourceDefinition } from './resource.ts'
import { changeObject, checkNames, partOf } from './update.ts'
import { fromStored, toStored } from './versions.ts'

/** See `Resources.patch`. The patch is applied anew to the newest state until it is stored. */
export function patchObject(
  machine: Machine,
  resource: ResourceDefinition,
  key: ObjectKey,
  type: PatchType,
  body: JsonValue,
  context: WriteContext,
  subresource?: string,
): Promise<KubeObject> {
  return changeObject(machine, resource, key, context, {
    ...partOf(resource, subresource),
    propose: (previous, attempt) => {
      const patched = applyPatchTo(resource, fromStored(resource, previous), type, body, attempt === 0 ? context : silently(context))
      checkNames(resource, patched, key)
      return toStored(resource, patched)
    },
  })
}

/** A warning is given once, however often a patch is tried. */
const silently = (context: WriteContext): WriteContext => ({ ...context, warn: () => {} })
