import type { Container, Pod, Protocol } from '@bramble/api/types/pod'
import type { Service, ServicePort } from '@bramble/api/types/service'

/** A port of a Service as one pod serves it. */
export interface ResolvedPort {
  readonly name: string
  readonly protocol: Protocol
  readonly port: number
  readonly appProtocol?: string
}

/** The target ports of a Service on a pod; a named port that the pod does not have is left out. */
export const resolvePorts = (service: Service, pod: Pod): readonly ResolvedPort[] =>
  (service.spec.ports ?? []).flatMap((servicePort): ResolvedPort[] => {
    const port = targetPort(servicePort, pod)
    if (port === undefined) return []
    const { name = '', protocol = 'TCP', appProtocol } = servicePort
    return [{ name, protocol, port, ...(appProtocol !== undefined && { appProtocol }) }]
  })

function targetPort({ port, targetPort: target = port, protocol = 'TCP' }: ServicePort, { spec }: Pod): number | undefined {
  if (typeof target === 'number') return target === 0 ? port : target
  if (/^\d+$/.test(target)) return Number(target)
  const sidecars = (spec.initContainers ?? []).filter((container) => container.restartPolicy === 'Always')
  const serving: readonly Container[] = [...spec.containers, ...sidecars]
  return serving
    .flatMap((container) => container.ports ?? [])
    .find((candidate) => candidate.name === target && (candidate.protocol ?? 'TCP') === protocol)?.containerPort
}
