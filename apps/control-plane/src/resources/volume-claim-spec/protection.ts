/** Finalizers that hold what is in use. Source: Kubernetes pkg/volume/util PVCProtectionFinalizer, PVProtectionFinalizer. */
export const CLAIM_PROTECTION = 'kubernetes.io/pvc-protection'
export const VOLUME_PROTECTION = 'kubernetes.io/pv-protection'
