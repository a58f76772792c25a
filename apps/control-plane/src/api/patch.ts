import type { JsonValue, KubeObject, ObjectKey } from '@bramble/api/object'
import type { Machine } from './machine.ts'
import { applyPatchTo } from './patch/apply-patch.ts'
import type { PatchType, WriteContext } from './requests.ts'
import type { ResourceDefinition } from './resource.ts'
import { changeObject, checkNames } from './update.ts'

/** See `Resources.patch`. The patch is applied anew to the newest state until it is stored. */
export function patchObject(
  machine: Machine,
  resource: ResourceDefinition,
  key: ObjectKey,
  type: PatchType,
  body: JsonValue,
  context: WriteContext,
  subresource?: 'status',
): Promise<KubeObject> {
  return changeObject(machine, resource, key, context, {
    ...(subresource && { subresource, takes: 'status' }),
    propose: (previous, attempt) => {
      const patched = applyPatchTo(resource, previous, type, body, attempt === 0 ? context : silently(context))
      checkNames(resource, patched, key)
      return patched
    },
  })
}

/** A warning is given once, however often a patch is tried. */
const silently = (context: WriteContext): WriteContext => ({ ...context, warn: () => {} })
