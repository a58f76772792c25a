import type { KubeObject } from '@bramble/api/object'
import type { PersistentVolume, PersistentVolumeClaim } from '@bramble/api/types/volume'

// Annotations that tell controllers, scheduler and provisioners of each other. Source: Kubernetes
// component-helpers storage/volume, pkg/controller/volume/persistentvolume.

/** Of a claim: everything is written, it is bound for good. */
export const BIND_COMPLETED = 'pv.kubernetes.io/bind-completed'
/** Of a claim or a volume: who found the other was the controller, not the user; so it may be let go. */
export const BOUND_BY_CONTROLLER = 'pv.kubernetes.io/bound-by-controller'
/** Of a claim: the node that the scheduler chose for its first pod. */
export const SELECTED_NODE = 'volume.kubernetes.io/selected-node'
/** Of a claim: who is to make a volume for it; by its name of today and that of before. */
export const STORAGE_PROVISIONER = 'volume.kubernetes.io/storage-provisioner'
export const BETA_STORAGE_PROVISIONER = 'volume.beta.kubernetes.io/storage-provisioner'
/** The provisioner of classes whose volumes are made by hand. */
export const NO_PROVISIONER = 'kubernetes.io/no-provisioner'
const BETA_CLASS = 'volume.beta.kubernetes.io/storage-class'

export const annotation = ({ metadata }: KubeObject, name: string): string | undefined => metadata.annotations?.[name]

/** The class that counts: the annotation of before the field was there, else the field; '' is none. */
export const classNameOf = (object: PersistentVolume | PersistentVolumeClaim): string =>
  annotation(object, BETA_CLASS) ?? object.spec.storageClassName ?? ''

/** Whether a claim says which class it wants, be it none. */
export const namesClass = (claim: PersistentVolumeClaim): boolean =>
  annotation(claim, BETA_CLASS) !== undefined || claim.spec.storageClassName !== undefined

/** Nothing is left to be done for the claim. Source: volume/persistentvolume IsPVCFullyBound. */
export const isFullyBound = (claim: PersistentVolumeClaim): boolean =>
  Boolean(claim.spec.volumeName) && annotation(claim, BIND_COMPLETED) !== undefined
