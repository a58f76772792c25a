import type { Service } from '@bramble/api/types/service'
import { isHeadless, type ServiceSpecRest } from './defaults.ts'

/** Source: Kubernetes pkg/api/service/warnings.go; the last one is our own. */
export function serviceWarnings({ spec }: Service, previous: Service | undefined): readonly string[] {
  const { type, sessionAffinity, externalIPs = [], externalName, loadBalancerIP }: typeof spec & ServiceSpecRest = spec
  const warnings: string[] = []
  if (type === 'ExternalName' && externalIPs.length > 0) warnings.push('spec.externalIPs is ignored when spec.type is "ExternalName"')
  if (type !== 'ExternalName' && externalName) warnings.push('spec.externalName is ignored when spec.type is not "ExternalName"')
  if (isHeadless(spec)) {
    if (loadBalancerIP) warnings.push('spec.loadBalancerIP is ignored for headless services')
    if (externalIPs.length > 0) warnings.push('spec.externalIPs is ignored for headless services')
    if (sessionAffinity !== 'None') warnings.push('spec.SessionAffinity is ignored for headless services')
  }
  if (type === 'LoadBalancer' && previous?.spec.type !== 'LoadBalancer')
    warnings.push('nothing in this cluster gives addresses to Services of type LoadBalancer: this one is reached through its node ports')
  return warnings
}
