import type { ResourceDefinition } from '../../api/resource.ts'
import { ingressClasses } from './ingress-class.ts'
import { ingresses } from './ingress.ts'
import { ipAddresses } from './ip-address-object.ts'
import { networkPolicies } from './network-policy.ts'
import { serviceCidrs } from './service-cidr.ts'

/** networking.k8s.io */
export const networkingResources: readonly ResourceDefinition[] = [ingressClasses, ingresses, ipAddresses, networkPolicies, serviceCidrs]
