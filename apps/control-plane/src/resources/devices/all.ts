import type { ResourceDefinition } from '../../api/resource.ts'
import { deviceClasses } from './device-class.ts'
import { resourceClaimTemplates } from './resource-claim-template.ts'
import { resourceClaims } from './resource-claim.ts'
import { resourceSlices } from './resource-slice.ts'

/** resource.k8s.io */
export const deviceResources: readonly ResourceDefinition[] = [deviceClasses, resourceClaims, resourceClaimTemplates, resourceSlices]
