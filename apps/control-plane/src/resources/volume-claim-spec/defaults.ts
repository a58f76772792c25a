import type { ClaimSpec, ClaimTemplate } from '@bramble/api/types/volume'

/** Source: Kubernetes pkg/apis/core/v1 SetDefaults_PersistentVolumeClaim. */
export function applyClaimDefaults(claim: Pick<ClaimTemplate, 'spec' | 'status'>): void {
  claim.spec ??= {}
  claim.spec.volumeMode ||= 'Filesystem'
  claim.status ??= {}
  claim.status.phase ||= 'Pending'
}

/**
 * What the volume starts from is said in two fields; who says one means both.
 * @see Source: Kubernetes pkg/api/persistentvolumeclaim NormalizeDataSources.
 */
export function joinDataSources(spec: ClaimSpec): void {
  if (spec.dataSource && !spec.dataSourceRef) spec.dataSourceRef = { ...spec.dataSource }
  else if (spec.dataSourceRef && !spec.dataSource && !spec.dataSourceRef.namespace) spec.dataSource = { ...spec.dataSourceRef }
}
