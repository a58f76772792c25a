import type { Service, ServicePort } from '@bramble/api/types/service'

/**
 * Variables that tell a pod where services are: `WEB_SERVICE_HOST`, `WEB_SERVICE_PORT`, and the older link variables. Of the pod's own
 * namespace when `linked`; `default/kubernetes` always.
 *
 * @see Source: kubelet envvars FromServices; Kubernetes "Accessing the Service", environment variables.
 */
export function serviceVariables(services: readonly Service[], namespace: string, linked: boolean): ReadonlyMap<string, string> {
  const shown = new Map<string, Service>()
  for (const service of services) {
    const { name, namespace: from } = service.metadata
    if (!hasAddress(service)) continue
    if (from === 'default' && name === 'kubernetes') shown.set(name, shown.get(name) ?? service)
    else if (linked && from === namespace) shown.set(name, service)
  }
  const variables = new Map<string, string>()
  for (const [name, { spec }] of shown) addService(variables, variableName(name), spec.clusterIP!, spec.ports ?? [])
  return variables
}

const hasAddress = ({ spec }: Service): boolean =>
  Boolean(spec.clusterIP) && spec.clusterIP !== 'None' && spec.type !== 'ExternalName' && (spec.ports ?? []).length > 0

function addService(variables: Map<string, string>, prefix: string, ip: string, ports: readonly ServicePort[]): void {
  variables.set(`${prefix}_SERVICE_HOST`, ip)
  variables.set(`${prefix}_SERVICE_PORT`, String(ports[0]!.port))
  for (const port of ports) if (port.name) variables.set(`${prefix}_SERVICE_PORT_${variableName(port.name)}`, String(port.port))
  ports.forEach(({ port, protocol = 'TCP' }, index) => {
    const url = `${protocol.toLowerCase()}://${ip.includes(':') ? `[${ip}]` : ip}:${port}`
    const link = `${prefix}_PORT_${port}_${protocol}`
    if (index === 0) variables.set(`${prefix}_PORT`, url)
    variables.set(link, url)
    variables.set(`${link}_PROTO`, protocol.toLowerCase())
    variables.set(`${link}_PORT`, String(port))
    variables.set(`${link}_ADDR`, ip)
  })
}

const variableName = (name: string): string => name.toUpperCase().replaceAll('-', '_')
