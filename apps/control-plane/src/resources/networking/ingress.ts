import type { Ingress } from '@bramble/api/types/networking'
import type { ResourceDefinition } from '../../api/resource.ts'
import { ageColumn, nameColumn } from '../columns.ts'
import { INGRESS_CLASS_ANNOTATION, validateIngress } from './validate-ingress.ts'

export const ingresses: ResourceDefinition<Ingress> = {
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'Ingress',
  plural: 'ingresses',
  shortNames: ['ing'],
  scope: 'Namespaced',
  durability: 'durable',
  schema: { type: 'ref', ref: 'io.k8s.api.networking.v1.Ingress' },
  columns: [
    nameColumn,
    { name: 'Class', type: 'string', value: ({ spec }) => spec.ingressClassName ?? '<none>' },
    { name: 'Hosts', type: 'string', value: hostsText },
    { name: 'Address', type: 'string', value: addressText },
    { name: 'Ports', type: 'string', value: ({ spec }) => ((spec.tls ?? []).length > 0 ? '80, 443' : '80') },
    ageColumn,
  ],
  subresources: { status: true },
  validate: validateIngress,
  warnings: ({ metadata }, previous) =>
    previous
      ? []
      : [
          ...(metadata.annotations?.[INGRESS_CLASS_ANNOTATION] === undefined
            ? []
            : [`annotation "${INGRESS_CLASS_ANNOTATION}" is deprecated, please use 'spec.ingressClassName' instead`]),
          'Bramble has no ingress controller of its own: an Ingress takes effect when one that serves its class runs in the cluster',
        ],
}

const HOSTS_MAX = 3

/** Rules without a host are for every host. */
function hostsText({ spec: { rules = [] } }: Ingress): string {
  const shown = rules.flatMap(({ host }, index) => (host ? [{ host, index }] : [])).slice(0, HOSTS_MAX)
  if (shown.length === 0) return '*'
  const text = shown.map(({ host }) => host).join(',')
  const isAll = shown.length < HOSTS_MAX || shown.at(-1)!.index === rules.length - 1
  return isAll ? text : `${text} + ${rules.length - HOSTS_MAX} more...`
}

function addressText({ status }: Ingress): string {
  const addresses = (status?.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip || hostname || '').filter((one) => one !== '')
  return [...new Set(addresses)].sort().join(',')
}
