import { keyOf } from '@bramble/api/object'
import { internalError, invalid } from '@bramble/api/status-error'
import type { Service, ServiceSpec } from '@bramble/api/types/service'
import type { ApiClient } from '../../api/client.ts'
import type { AdmissionRequest, AdmissionStep } from '../../api/requests.ts'
import { services } from '../../resources/service.ts'
import { planAddresses } from './plan.ts'
import type { Taken } from './plan.ts'
import type { ServiceRanges } from './ranges.ts'

/**
 * Gives Services their cluster IP and node ports.
 *
 * Invariant: what is taken is what the stored Services have, plus what was given to writes that are not stored yet. There
 * is no other memory, so nothing can leak: a Service that goes away, or a crash, gives its addresses back by itself. A
 * reservation lives from `admit` until the Service is seen stored with it, or until `abandon`.
 */
export class ServiceAddresses implements AdmissionStep {
  readonly name = 'ServiceAddresses'
  readonly #reads: Pick<ApiClient, 'get' | 'list'>
  readonly #ranges: ServiceRanges
  readonly #random: () => number
  readonly #reserved = new Map<AdmissionRequest, Service>()

  constructor(reads: Pick<ApiClient, 'get' | 'list'>, ranges: ServiceRanges, random: () => number) {
    this.#reads = reads
    this.#ranges = ranges
    this.#random = random
  }

  /** Synchronous, so that no two requests can see the same address free. */
  admit(request: AdmissionRequest): void {
    const { operation, resource, subresource } = request
    if (resource.group !== '' || resource.kind !== 'Service' || subresource !== undefined) return
    this.#forgetStored()
    if (operation === 'delete') return
    const service = request.object as Service
    const plan = planAddresses({
      spec: service.spec,
      before: (request.previous as Service | undefined)?.spec,
      taken: this.#takenByOthers(service),
      ranges: this.#ranges,
      isApiService: keyOf(service) === 'default/kubernetes',
      random: this.#random,
    })
    if (plan.type === 'refused') throw invalid('', 'Service', service.metadata.name, plan.errors)
    if (plan.type === 'full') throw internalError(plan.what)

    if (plan.clusterIp !== undefined) {
      service.spec.clusterIP = plan.clusterIp
      service.spec.clusterIPs = [plan.clusterIp]
    }
    for (const [index, nodePort] of plan.nodePorts.entries()) if (nodePort !== undefined) service.spec.ports![index]!.nodePort = nodePort
    this.#reserved.set(request, structuredClone(service))
  }

  abandon(request: AdmissionRequest): void {
    this.#reserved.delete(request)
  }

  #forgetStored(): void {
    for (const [request, { metadata, spec }] of this.#reserved) {
      const stored = this.#reads.get(services, keyOf({ metadata }))
      if (stored?.metadata.uid === metadata.uid && claims(spec).every((claim) => claims(stored.spec).includes(claim)))
        this.#reserved.delete(request)
    }
  }

  #takenByOthers({ metadata: { uid } }: Service): Taken {
    const others = [...this.#reads.list(services), ...this.#reserved.values()].filter((service) => service.metadata.uid !== uid)
    return {
      clusterIps: new Set(others.map(({ spec }) => spec.clusterIP ?? '')),
      nodePorts: new Set(others.flatMap(({ spec }) => nodePortsOf(spec))),
    }
  }
}

const claims = (spec: ServiceSpec): readonly (string | number)[] => [...(spec.clusterIP ? [spec.clusterIP] : []), ...nodePortsOf(spec)]

const nodePortsOf = ({ ports = [] }: ServiceSpec): readonly number[] => ports.flatMap(({ nodePort }) => (nodePort ? [nodePort] : []))
