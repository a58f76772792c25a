import { csi } from './csi/csi.ts'
import { emptyDir } from './types/empty-dir.ts'
import { hostPath } from './types/host-path.ts'
import { local } from './types/local.ts'
import { nfs } from './types/nfs.ts'
import { configMap, downwardApi, projected, secret } from './types/written.ts'
import type { VolumeType } from './volume-type.ts'

/** Every kind of volume that this node can give to a pod. Claims come to one of these: `claims.ts`. */
export const VOLUME_TYPES: readonly VolumeType[] = [emptyDir, hostPath, configMap, secret, downwardApi, projected, local, nfs, csi]
