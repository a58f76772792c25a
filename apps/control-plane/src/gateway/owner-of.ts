import type { KubeObject, OwnerReference } from '@bramble/api/object'

/** What goes with its owner names it so. */
export const ownerOf = ({ apiVersion = 'v1', kind = '', metadata: { name, uid } }: KubeObject): OwnerReference => ({
  apiVersion,
  kind,
  name,
  uid,
})
