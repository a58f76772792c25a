import type { NewObject } from '@bramble/api/object'
import type { Namespace } from '@bramble/api/types/core'

/** Namespaces that every cluster has. */
export const STANDARD_NAMESPACES: readonly string[] = ['default', 'kube-system', 'kube-public', 'kube-node-lease']

export const standardNamespaces = (): readonly NewObject<Namespace>[] => STANDARD_NAMESPACES.map((name) => ({ metadata: { name } }))
