import { isIP } from 'node:net'
import { invalidValue } from '@bramble/api/field-error'
import type { FieldError } from '@bramble/api/field-error'
import type { Ingress } from '@bramble/api/types/networking'
import { isSame } from '../differences.ts'
import { ipAddress } from '../ip-address.ts'
import { check, dnsSubdomain } from '../rules.ts'

/** What was there before may stay. Source: Kubernetes pkg/apis/networking/validation ValidateIngressLoadBalancerStatus. */
export function validateLoadBalancer({ status }: Ingress, { status: before }: Ingress): readonly FieldError[] {
  if (isSame(status, before)) return []
  const known = new Set((before?.loadBalancer?.ingress ?? []).map(({ ip }) => ip))
  return (status?.loadBalancer?.ingress ?? []).flatMap(({ ip, hostname }, index) => {
    const path = `status.loadBalancer.ingress[${index}]`
    return [
      ...(ip && !known.has(ip) ? check(`${path}.ip`, ip, ipAddress) : []),
      ...(hostname ? check(`${path}.hostname`, hostname, dnsSubdomain) : []),
      ...(hostname && isIP(hostname) ? [invalidValue(`${path}.hostname`, hostname, 'must be a DNS name, not an IP address')] : []),
    ]
  })
}
