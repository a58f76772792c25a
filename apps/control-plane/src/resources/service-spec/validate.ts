import { duplicate, forbiddenField, invalidValue, notSupported, required } from '@bramble/api/field-error'
import type { FieldError } from '@bramble/api/field-error'
import type { Service, ServicePort, ServiceSpec } from '@bramble/api/types/service'
import { validateLabels } from '../../api/metadata.ts'
import { ipAddress, reachableAddress } from '../ip-address.ts'
import { check, dnsLabel, dnsSubdomain, oneOf, portNumber, portNumberOrName, qualifiedName } from '../rules.ts'
import { hasNodePorts, isHeadless } from './defaults.ts'

/** Source: Kubernetes pkg/apis/core/validation ValidateService, ValidateServiceUpdate. Whether addresses are free is admission's question. */
export function validateService({ spec }: Service, previous: Service | undefined): readonly FieldError[] {
  const ports = spec.ports ?? []
  return [
    ...(ports.length === 0 && !isHeadless(spec) && spec.type !== 'ExternalName' ? [required('spec.ports')] : []),
    ...validateType(spec),
    ...validatePorts(spec, ports),
    ...validateLabels(spec.selector, 'spec.selector'),
    ...validateAffinity(spec),
    ...validateClusterIps(spec),
    ...validateFamilies(spec),
    ...(spec.externalIPs ?? []).flatMap((address, index) => check(`spec.externalIPs[${index}]`, address, reachableAddress)),
    ...validateTrafficPolicies(spec),
    ...validateUpdate(spec, previous?.spec),
  ]
}

function validateType(spec: ServiceSpec): readonly FieldError[] {
  switch (spec.type) {
    case 'ClusterIP':
      return []
    case 'NodePort':
    case 'LoadBalancer':
      return isHeadless(spec) ? [invalidValue('spec.clusterIPs[0]', 'None', `may not be set to 'None' for ${spec.type} services`)] : []
    case 'ExternalName': {
      const target = (spec.externalName ?? '').replace(/\.$/, '')
      const fields = (['clusterIPs', 'ipFamilies', 'ipFamilyPolicy'] as const).filter((field) => spec[field]?.length)
      return [
        ...fields.map((field) => forbiddenField(`spec.${field}`, 'may not be set for ExternalName services')),
        ...(target === '' ? [required('spec.externalName')] : check('spec.externalName', target, dnsSubdomain)),
      ]
    }
    default:
      return [notSupported('spec.type', spec.type, ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'])]
  }
}

function validatePorts(spec: ServiceSpec, ports: readonly ServicePort[]): readonly FieldError[] {
  return ports.flatMap((port, index) => {
    const path = `spec.ports[${index}]`
    const earlier = ports.slice(0, index)
    return [
      ...validateName(port, earlier, ports.length > 1, `${path}.name`),
      ...check(`${path}.port`, port.port ?? 0, portNumber),
      ...oneOf(`${path}.protocol`, port.protocol, ['SCTP', 'TCP', 'UDP']),
      ...portNumberOrName(`${path}.targetPort`, port.targetPort ?? 0),
      ...(port.appProtocol === undefined ? [] : check(`${path}.appProtocol`, port.appProtocol, qualifiedName)),
      ...(earlier.some((one) => isSamePort(one, port)) ? [duplicate(path, { protocol: port.protocol, port: port.port })] : []),
      ...validateNodePort(spec, port, earlier, `${path}.nodePort`),
    ]
  })
}

const isSamePort = (a: ServicePort, b: ServicePort): boolean => a.port === b.port && a.protocol === b.protocol

function validateName({ name }: ServicePort, earlier: readonly ServicePort[], isNeeded: boolean, path: string): readonly FieldError[] {
  if (!name) return isNeeded ? [required(path)] : []
  return [...check(path, name, dnsLabel), ...(earlier.some((one) => one.name === name) ? [duplicate(path, name)] : [])]
}

function validateNodePort(
  spec: ServiceSpec,
  { nodePort, protocol }: ServicePort,
  earlier: readonly ServicePort[],
  path: string,
): readonly FieldError[] {
  if (!nodePort) return []
  if (!hasNodePorts(spec)) return [forbiddenField(path, `may not be used when \`type\` is '${spec.type}'`)]
  return [
    ...check(path, nodePort, portNumber),
    ...(earlier.some((one) => one.nodePort === nodePort && one.protocol === protocol) ? [duplicate(path, nodePort)] : []),
  ]
}

const AFFINITY_SECONDS_MAX = 24 * 60 * 60

function validateAffinity({ sessionAffinity, sessionAffinityConfig }: ServiceSpec): readonly FieldError[] {
  const path = 'spec.sessionAffinityConfig'
  if (sessionAffinity === 'None')
    return sessionAffinityConfig ? [forbiddenField(path, 'must not be set when session affinity is None')] : []
  if (sessionAffinity !== 'ClientIP') return oneOf('spec.sessionAffinity', sessionAffinity, ['ClientIP', 'None'])
  const seconds = sessionAffinityConfig?.clientIP?.timeoutSeconds
  if (seconds === undefined) return [required(`${path}.clientIP`, 'when session affinity type is ClientIP')]
  return seconds > 0 && seconds <= AFFINITY_SECONDS_MAX
    ? []
    : [invalidValue(`${path}.clientIP.timeoutSeconds`, seconds, `must be greater than 0 and less than ${AFFINITY_SECONDS_MAX}`)]
}

function validateClusterIps({ clusterIP, clusterIPs = [], type }: ServiceSpec): readonly FieldError[] {
  if (clusterIPs.length === 0 || type === 'ExternalName') return []
  if (clusterIP !== clusterIPs[0]) return [invalidValue('spec.clusterIPs', clusterIPs, 'first value must match `clusterIP`')]
  if (clusterIPs.length > 1)
    return [invalidValue('spec.clusterIPs', clusterIPs, 'may only hold one value: this cluster is not configured for dual-stack services')]
  return clusterIPs[0] === 'None' || ipAddress(clusterIPs[0]!).length === 0
    ? []
    : [invalidValue('spec.clusterIPs[0]', clusterIP, "must be empty, 'None', or a valid IP address")]
}

function validateFamilies({ ipFamilies = [], ipFamilyPolicy, type }: ServiceSpec): readonly FieldError[] {
  if (type === 'ExternalName') return []
  return [
    ...ipFamilies.flatMap((family, index) => validateFamily(family, `spec.ipFamilies[${index}]`)),
    ...(ipFamilies.filter((family) => family === 'IPv4').length > 1 ? [duplicate('spec.ipFamilies[1]', 'IPv4')] : []),
    ...(ipFamilyPolicy === 'RequireDualStack'
      ? [invalidValue('spec.ipFamilyPolicy', ipFamilyPolicy, 'this cluster is not configured for dual-stack services')]
      : oneOf('spec.ipFamilyPolicy', ipFamilyPolicy, ['PreferDualStack', 'RequireDualStack', 'SingleStack'])),
  ]
}

function validateFamily(family: string, path: string): readonly FieldError[] {
  if (family === 'IPv4') return []
  return [family === 'IPv6' ? invalidValue(path, family, 'not configured on this cluster') : notSupported(path, family, ['IPv4', 'IPv6'])]
}

function validateTrafficPolicies(spec: ServiceSpec): readonly FieldError[] {
  const { externalTrafficPolicy, internalTrafficPolicy, type } = spec
  const errors: FieldError[] = []
  if (externalTrafficPolicy && !hasNodePorts(spec) && !spec.externalIPs?.length)
    errors.push(invalidValue('spec.externalTrafficPolicy', externalTrafficPolicy, 'may only be set for externally-accessible services'))
  else if (externalTrafficPolicy) errors.push(...oneOf('spec.externalTrafficPolicy', externalTrafficPolicy, ['Cluster', 'Local']))
  if (internalTrafficPolicy || type !== 'ExternalName')
    errors.push(...oneOf('spec.internalTrafficPolicy', internalTrafficPolicy, ['Cluster', 'Local']))
  return errors
}

/** A cluster IP is for the life of a Service; turning it into an ExternalName is the only way to give it back. */
function validateUpdate(spec: ServiceSpec, before: ServiceSpec | undefined): readonly FieldError[] {
  if (!before?.clusterIP || spec.type === 'ExternalName' || before.type === 'ExternalName') return []
  return spec.clusterIP === before.clusterIP ? [] : [invalidValue('spec.clusterIPs[0]', spec.clusterIPs ?? [], 'may not change once set')]
}
