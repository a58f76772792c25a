import type { JsonValue, KubeObject, ObjectKey } from '@bramble/api/object'
import { copyOfObject } from './clean-copy.ts'
import { decodeObject } from './decode.ts'
import type { AnyObject, Machine } from './machine.ts'
import type { WriteContext } from './requests.ts'
import type { ResourceDefinition } from './resource.ts'
import { changeObject, checkNames } from './update.ts'

/**
 * Takes `spec.finalizers` of a namespace, nothing else; with the last one gone, so is a namespace that is being deleted.
 * @see Source: pkg/registry/core/namespace FinalizeREST.
 */
export function finalizeNamespace(
  machine: Machine,
  resource: ResourceDefinition,
  key: ObjectKey,
  body: JsonValue,
  context: WriteContext,
): Promise<KubeObject> {
  const decoded: AnyObject = decodeObject(resource, body, context)
  checkNames(resource, decoded, key)
  return changeObject(machine, resource, key, context, {
    subresource: 'finalize',
    takes: 'everything',
    propose: (previous) => {
      const draft: AnyObject = copyOfObject(previous)
      draft.metadata.uid = decoded.metadata.uid
      draft.metadata.resourceVersion = decoded.metadata.resourceVersion
      draft.spec = { ...draft.spec, finalizers: decoded.spec?.['finalizers'] }
      return draft
    },
  })
}
