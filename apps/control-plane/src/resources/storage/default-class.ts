import type { KubeObject } from '@bramble/api/object'

/** Source: Kubernetes pkg/apis/storage/util; the second is older and still counts. */
export const DEFAULT_STORAGE_CLASS = 'storageclass.kubernetes.io/is-default-class'
const BETA_DEFAULT_STORAGE_CLASS = 'storageclass.beta.kubernetes.io/is-default-class'

export const isDefaultStorageClass = ({ metadata: { annotations = {} } }: KubeObject): boolean =>
  annotations[DEFAULT_STORAGE_CLASS] === 'true' || annotations[BETA_DEFAULT_STORAGE_CLASS] === 'true'

/** Of several defaults the newest counts; of those made in one second, the first by name. */
export const newestFirst = <T extends KubeObject>(classes: readonly T[]): readonly T[] =>
  [...classes].sort(({ metadata: a }, { metadata: b }) => compare(b.creationTimestamp, a.creationTimestamp) || compare(a.name, b.name))

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
