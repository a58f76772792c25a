import type { KubeObject } from '@bramble/api/object'
import { deepFreeze } from '../store/frozen.ts'
import type { ResourceDefinition } from './resource.ts'

// Kinds that are served in several versions. Clients see objects in the version that they asked for, everything inside works
// on the stored one. Source: Kubernetes documentation, "Versions in CustomResourceDefinitions".

/** The definition whose objects the store holds; most kinds' own. */
export const storageOf = (resource: ResourceDefinition): ResourceDefinition => resource.storage?.resource ?? resource

/** What checks the objects, in their stored version, that clients of `resource` write. */
export const validatorOf = (resource: ResourceDefinition): ResourceDefinition['validate'] =>
  resource.storage?.validate ?? storageOf(resource).validate

/** A decoded object of any served version as it is stored; defaults of its own version are filled in before. */
export function toStored(resource: ResourceDefinition, object: KubeObject): KubeObject {
  if (!resource.storage) return object
  resource.applyDefaults?.(object)
  return resource.storage.toStored(object)
}

/** A stored object in the version that a client asked for; frozen. */
export function fromStored(resource: ResourceDefinition, object: KubeObject): KubeObject {
  return resource.storage ? deepFreeze(resource.storage.fromStored(object)) : object
}
