import { forbiddenField, invalidValue, notSupported, required } from '@bramble/api/field-error'
import type { FieldError } from '@bramble/api/field-error'
import type { NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicySpec } from '@bramble/api/types/networking'
import type { ResourceDefinition } from '../../api/resource.ts'
import { ageColumn, nameColumn, selectorText } from '../columns.ts'
import { isStrictSubset, networkBlock, parseBlock } from '../ip-block.ts'
import { check, portName, portNumber } from '../rules.ts'
import { validateSelector } from '../selector.ts'

export const networkPolicies: ResourceDefinition<NetworkPolicy> = {
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'NetworkPolicy',
  plural: 'networkpolicies',
  shortNames: ['netpol'],
  scope: 'Namespaced',
  durability: 'durable',
  schema: { type: 'ref', ref: 'io.k8s.api.networking.v1.NetworkPolicy' },
  columns: [nameColumn, { name: 'Pod-Selector', type: 'string', value: ({ spec }) => selectorText(spec.podSelector) }, ageColumn],
  applyDefaults: ({ spec }) => {
    spec.podSelector ??= {}
    if (!spec.policyTypes?.length) spec.policyTypes = spec.egress?.length ? ['Ingress', 'Egress'] : ['Ingress']
    for (const { ports = [] } of [...(spec.ingress ?? []), ...(spec.egress ?? [])]) for (const port of ports) port.protocol ??= 'TCP'
  },
  validate: ({ spec }, previous) => validateSpec(spec, new Set(previous ? blocksOf(previous.spec) : [])),
  warnings: () => ['Bramble does not enforce NetworkPolicies: traffic to and from the selected pods is not restricted'],
}

// Source: Kubernetes pkg/apis/networking/validation ValidateNetworkPolicySpec.

const POLICY_TYPES = ['Egress', 'Ingress']

/** @param known CIDRs of the state before: they may stay, whatever is wrong with them. */
function validateSpec({ podSelector, ingress = [], egress = [], policyTypes = [] }: NetworkPolicySpec, known: ReadonlySet<string>) {
  return [
    ...validateSelector(podSelector, 'spec.podSelector'),
    ...ingress.flatMap(({ ports, from = [] }, index) => [
      ...validatePorts(ports, `spec.ingress[${index}].ports`),
      ...from.flatMap((peer, at) => validatePeer(peer, `spec.ingress[${index}].from[${at}]`, known)),
    ]),
    ...egress.flatMap(({ ports, to = [] }, index) => [
      ...validatePorts(ports, `spec.egress[${index}].ports`),
      ...to.flatMap((peer, at) => validatePeer(peer, `spec.egress[${index}].to[${at}]`, known)),
    ]),
    ...(policyTypes.length > POLICY_TYPES.length
      ? [invalidValue('spec.policyTypes', policyTypes, 'may not specify more than two policyTypes')]
      : policyTypes.flatMap((type, index) =>
          POLICY_TYPES.includes(type) ? [] : [notSupported(`spec.policyTypes[${index}]`, type, POLICY_TYPES)],
        )),
  ]
}

const validatePorts = (ports: readonly NetworkPolicyPort[] = [], path: string): readonly FieldError[] =>
  ports.flatMap((port, index) => validatePort(port, `${path}[${index}]`))

const PROTOCOLS = ['SCTP', 'TCP', 'UDP']

function validatePort({ protocol = 'TCP', port, endPort }: NetworkPolicyPort, path: string): readonly FieldError[] {
  const endFault = (fault: string): readonly FieldError[] =>
    endPort === undefined ? [] : [invalidValue(`${path}.endPort`, endPort, fault)]
  return [
    ...(PROTOCOLS.includes(protocol) ? [] : [notSupported(`${path}.protocol`, protocol, PROTOCOLS)]),
    ...(port === undefined ? endFault('may not be specified when `port` is not specified') : []),
    ...(typeof port === 'string'
      ? [...endFault('may not be specified when `port` is non-numeric'), ...check(`${path}.port`, port, portName)]
      : []),
    ...(typeof port === 'number' ? check(`${path}.port`, port, portNumber) : []),
    ...(typeof port === 'number' && endPort !== undefined
      ? [...(endPort < port ? endFault('must be greater than or equal to `port`') : []), ...check(`${path}.endPort`, endPort, portNumber)]
      : []),
  ]
}

function validatePeer(
  { podSelector, namespaceSelector, ipBlock }: NetworkPolicyPeer,
  path: string,
  known: ReadonlySet<string>,
): readonly FieldError[] {
  return [
    ...validateSelector(podSelector, `${path}.podSelector`),
    ...validateSelector(namespaceSelector, `${path}.namespaceSelector`),
    ...(ipBlock ? validateBlock(ipBlock, `${path}.ipBlock`, known) : []),
    ...(podSelector || namespaceSelector || ipBlock ? [] : [required(path, 'must specify a peer')]),
    ...(ipBlock && (podSelector || namespaceSelector) ? [forbiddenField(path, 'may not specify both ipBlock and another peer')] : []),
  ]
}

function validateBlock(
  { cidr, except = [] }: NonNullable<NetworkPolicyPeer['ipBlock']>,
  path: string,
  known: ReadonlySet<string>,
): readonly FieldError[] {
  if (!cidr) return [required(`${path}.cidr`)]
  const whole = parseBlock(cidr)
  const faultsOf = (at: string, text: string): readonly FieldError[] => (known.has(text) ? [] : check(at, text, networkBlock))
  return [
    ...faultsOf(`${path}.cidr`, cidr),
    ...(whole ? except : []).flatMap((text, index) => {
      const at = `${path}.except[${index}]`
      const part = parseBlock(text)
      const isOutside = part !== undefined && !isStrictSubset(part, whole!)
      return [...faultsOf(at, text), ...(isOutside ? [invalidValue(at, text, 'must be a strict subset of `cidr`')] : [])]
    }),
  ]
}

const blocksOf = ({ ingress = [], egress = [] }: NetworkPolicySpec): readonly string[] =>
  [...ingress.flatMap(({ from = [] }) => from), ...egress.flatMap(({ to = [] }) => to)].flatMap(({ ipBlock }) =>
    ipBlock ? [ipBlock.cidr ?? '', ...(ipBlock.except ?? [])] : [],
  )
