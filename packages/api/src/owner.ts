import type { KubeObject, OwnerReference } from './object.ts'

/** The owner that manages this object, if one does. At most one reference has `controller: true`. */
export const controllerOf = (object: KubeObject): OwnerReference | undefined =>
  object.metadata.ownerReferences?.find((reference) => reference.controller === true)

/** The reference a controller puts on what it creates. */
export const controllerReference = (apiVersion: string, kind: string, owner: KubeObject): OwnerReference => ({
  apiVersion,
  kind,
  name: owner.metadata.name,
  uid: owner.metadata.uid,
  controller: true,
  blockOwnerDeletion: true,
})
