import { isIP } from 'node:net'
import { invalidValue, notSupported, required } from '@bramble/api/field-error'
import type { FieldError } from '@bramble/api/field-error'
import type { Ingress, IngressBackend, IngressPath, IngressRule } from '@bramble/api/types/networking'
import { hostName, referencedName } from '../name-rules.ts'
import { check, dnsLabel, dnsSubdomain, portName, portNumber } from '../rules.ts'
import { validateLoadBalancer } from './validate-load-balancer.ts'

export const INGRESS_CLASS_ANNOTATION = 'kubernetes.io/ingress.class'

/** Source: Kubernetes pkg/apis/networking/validation ValidateIngressCreate, ValidateIngressUpdate, ValidateIngressStatusUpdate. */
export const validateIngress = (ingress: Ingress, previous: Ingress | undefined): readonly FieldError[] => [
  ...validateSpec(ingress.spec),
  ...(previous ? validateLoadBalancer(ingress, previous) : validateClassAnnotation(ingress)),
]

function validateSpec({ defaultBackend, rules = [], tls = [], ingressClassName }: Ingress['spec']): readonly FieldError[] {
  return [
    ...(rules.length === 0 && !defaultBackend ? [invalidValue('spec', rules, 'either `defaultBackend` or `rules` must be specified')] : []),
    ...(defaultBackend ? validateBackend(defaultBackend, 'spec.defaultBackend') : []),
    ...rules.flatMap((rule, index) => validateRule(rule, `spec.rules[${index}]`)),
    ...tls.flatMap(({ hosts = [], secretName }, index) => [
      ...hosts.flatMap((host, at) => check(`spec.tls[${index}].hosts[${at}]`, host, hostName)),
      ...(secretName ? check(`spec.tls[${index}].secretName`, secretName, dnsSubdomain) : []),
    ]),
    ...(ingressClassName === undefined ? [] : check('spec.ingressClassName', ingressClassName, dnsSubdomain)),
  ]
}

function validateClassAnnotation({ metadata, spec }: Ingress): readonly FieldError[] {
  const annotation = metadata.annotations?.[INGRESS_CLASS_ANNOTATION]
  if (annotation === undefined || spec.ingressClassName === undefined || annotation === spec.ingressClassName) return []
  return [invalidValue(`annotations.${INGRESS_CLASS_ANNOTATION}`, annotation, 'must match `ingressClassName` when both are specified')]
}

function validateRule({ host, http }: IngressRule, path: string): readonly FieldError[] {
  const paths = http?.paths ?? []
  return [
    ...(host ? validateHost(host, `${path}.host`) : []),
    ...(http && paths.length === 0 ? [required(`${path}.http.paths`)] : []),
    ...paths.flatMap((one, index) => validatePath(one, `${path}.http.paths[${index}]`)),
  ]
}

const validateHost = (host: string, path: string): readonly FieldError[] => [
  ...(isIP(host) ? [invalidValue(path, host, 'must be a DNS name, not an IP address')] : []),
  ...check(path, host, hostName),
]

const PATH_TYPES = ['Exact', 'ImplementationSpecific', 'Prefix']
const FORBIDDEN_PARTS = ['//', '/./', '/../', '%2f', '%2F']
const FORBIDDEN_ENDS = ['/..', '/.']

function validatePath({ path: value = '', pathType, backend = {} }: IngressPath, path: string): readonly FieldError[] {
  if (pathType === undefined) return [required(`${path}.pathType`, 'pathType must be specified')]
  const wrong = (fault: string): FieldError => invalidValue(`${path}.path`, value, fault)
  const isStrict = pathType === 'Exact' || pathType === 'Prefix'
  const isKnown = PATH_TYPES.includes(pathType)
  return [
    ...(isKnown && !value.startsWith('/') && (isStrict || value !== '') ? [wrong('must be an absolute path')] : []),
    ...(isStrict ? FORBIDDEN_PARTS.filter((part) => value.includes(part)).map((part) => wrong(`must not contain '${part}'`)) : []),
    ...(isStrict ? FORBIDDEN_ENDS.filter((end) => value.endsWith(end)).map((end) => wrong(`cannot end with '${end}'`)) : []),
    ...(isKnown ? [] : [notSupported(`${path}.pathType`, pathType, PATH_TYPES)]),
    ...validateBackend(backend, `${path}.backend`),
  ]
}

function validateBackend({ service, resource }: IngressBackend, path: string): readonly FieldError[] {
  if (service && resource) return [invalidValue(path, '', 'cannot set both resource and service backends')]
  if (resource)
    return [
      ...(resource.apiGroup === undefined ? [] : check(`${path}.resource.apiGroup`, resource.apiGroup, dnsSubdomain)),
      ...referencedName(`${path}.resource.kind`, resource.kind),
      ...referencedName(`${path}.resource.name`, resource.name),
    ]
  if (!service) return [invalidValue(path, '', 'resource or service backend is required')]
  return [
    ...(service.name ? check(`${path}.service.name`, service.name, dnsLabel) : [required(`${path}.service.name`)]),
    ...validateServicePort(service.port ?? {}, path),
  ]
}

function validateServicePort({ name, number }: { name?: string; number?: number }, path: string): readonly FieldError[] {
  if (name && number) return [invalidValue(path, '', 'cannot set both port name & port number')]
  if (name) return check(`${path}.service.port.name`, name, portName)
  return number ? check(`${path}.service.port.number`, number, portNumber) : [required(path, 'port name or number is required')]
}
