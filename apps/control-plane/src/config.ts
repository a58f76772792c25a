import { ADDRESS_PATTERN, NETWORK_PATTERN, readSettings, type Setting, SettingsError } from '@bramble/reconcile/settings'
import { ipv4Text, isInNetwork, parseNetwork } from './resources/ip-address.ts'

const port = (name: string, value: number, what: string): Setting => ({
  name,
  kind: 'integer',
  value: 'PORT',
  default: value,
  min: 1,
  max: 65535,
  description: `TCP port of ${what}`,
})

/** Everything an operator may set on the control plane. Same names as flags and in the config file. */
export const SERVER_SETTINGS: readonly Setting[] = [
  {
    name: 'data-dir',
    kind: 'text',
    value: 'PATH',
    default: '/var/lib/bramble',
    pattern: /^\//,
    rule: 'must be an absolute path',
    description: 'folder of everything that is kept; the control plane uses PATH/server',
  },
  {
    name: 'listen-address',
    kind: 'text',
    value: 'ADDRESS',
    default: '0.0.0.0',
    pattern: ADDRESS_PATTERN,
    rule: 'must be an IPv4 address',
    description: 'IPv4 address to listen on',
  },
  {
    name: 'advertise-address',
    kind: 'text',
    value: 'ADDRESS',
    pattern: ADDRESS_PATTERN,
    rule: 'must be an IPv4 address',
    description: 'IPv4 address at which nodes and kubectl reach this machine (default: the one of the default route)',
  },
  port('api-port', 6443, 'the Kubernetes API (HTTPS)'),
  port('mqtt-port', 8883, 'the link to the nodes (MQTT over TLS)'),
  port('stream-port', 8444, 'enrolment and streams (gRPC over TLS)'),
  {
    name: 'tls-name',
    kind: 'list',
    value: 'NAME',
    default: [],
    pattern: /^[A-Za-z0-9.-]+$/,
    rule: 'must be a DNS name or an IPv4 address',
    description: 'further name or address of this machine for its certificate; may be repeated',
  },
  {
    name: 'pod-network',
    kind: 'text',
    value: 'NETWORK',
    default: '10.42.0.0/16',
    pattern: NETWORK_PATTERN,
    rule: 'must be an IPv4 network such as 10.42.0.0/16',
    description: 'IPv4 network of all pods',
  },
  {
    name: 'service-network',
    kind: 'text',
    value: 'NETWORK',
    default: '10.43.0.0/16',
    pattern: NETWORK_PATTERN,
    rule: 'must be an IPv4 network such as 10.43.0.0/16',
    description: 'IPv4 network of all cluster IPs',
  },
  {
    name: 'node-prefix',
    kind: 'integer',
    value: 'BITS',
    default: 24,
    min: 16,
    max: 29,
    description: 'prefix length of the block of pod addresses that each node gets, in bits',
  },
  {
    name: 'node-grace',
    kind: 'seconds',
    value: 'SECONDS',
    default: 40,
    min: 5,
    max: 86_400,
    description: 'after how long a silent node counts as gone, in seconds (a broken link counts at once)',
  },
  {
    name: 'release-dir',
    kind: 'text',
    value: 'PATH',
    pattern: /^\//,
    rule: 'must be an absolute path',
    description: 'folder of the releases that nodes are given (default: releases in the data-dir)',
  },
  {
    name: 'log-level',
    kind: 'text',
    value: 'LEVEL',
    default: 'info',
    pattern: /^(debug|info|warn|error|silent)$/,
    rule: 'must be debug, info, warn, error or silent',
    description: 'how much is logged to stderr',
  },
]

export interface ServerConfig {
  readonly dataDirectory: string
  readonly listenAddress: string
  readonly advertiseAddress: string | undefined
  readonly apiPort: number
  readonly mqttPort: number
  readonly streamPort: number
  readonly tlsNames: readonly string[]
  readonly podNetwork: string
  readonly serviceNetwork: string
  readonly nodePrefix: number
  readonly nodeGraceMs: number
  readonly releaseDirectory: string
  readonly logLevel: string
}

/** @throws SettingsError that names every bad value, and values that do not go together. */
export function parseServerConfig(given: Readonly<Record<string, unknown>>): ServerConfig {
  const values = readSettings(SERVER_SETTINGS, given)
  const config: ServerConfig = {
    dataDirectory: values['data-dir'] as string,
    listenAddress: values['listen-address'] as string,
    advertiseAddress: values['advertise-address'] as string | undefined,
    apiPort: values['api-port'] as number,
    mqttPort: values['mqtt-port'] as number,
    streamPort: values['stream-port'] as number,
    tlsNames: values['tls-name'] as readonly string[],
    podNetwork: values['pod-network'] as string,
    serviceNetwork: values['service-network'] as string,
    nodePrefix: values['node-prefix'] as number,
    nodeGraceMs: (values['node-grace'] as number) * 1000,
    releaseDirectory: (values['release-dir'] as string | undefined) ?? `${values['data-dir'] as string}/releases`,
    logLevel: values['log-level'] as string,
  }
  const conflicts = [...portConflicts(config), ...networkConflicts(config)]
  if (conflicts.length > 0) throw new SettingsError(conflicts.join('\n'))
  return config
}

function portConflicts({ apiPort, mqttPort, streamPort }: ServerConfig): readonly string[] {
  if (new Set([apiPort, mqttPort, streamPort]).size === 3) return []
  return [`api-port, mqtt-port and stream-port: must differ, not be ${apiPort}, ${mqttPort} and ${streamPort}`]
}

const SERVICE_PREFIX_MIN = 12
const SERVICE_PREFIX_MAX = 28

function networkConflicts({ podNetwork, serviceNetwork, nodePrefix }: ServerConfig): readonly string[] {
  const [podRange, serviceRange] = [parseNetwork(podNetwork)!, parseNetwork(serviceNetwork)!]
  const conflicts: string[] = []
  for (const [name, text, { base, prefix }] of [
    ['pod-network', podNetwork, podRange],
    ['service-network', serviceNetwork, serviceRange],
  ] as const)
    if (text !== `${ipv4Text(base)}/${prefix}`)
      conflicts.push(`${name}: "${text}" must begin with its first address: ${ipv4Text(base)}/${prefix}`)
  if (serviceRange.prefix < SERVICE_PREFIX_MIN || serviceRange.prefix > SERVICE_PREFIX_MAX)
    conflicts.push(`service-network: its prefix must have ${SERVICE_PREFIX_MIN} to ${SERVICE_PREFIX_MAX} bits, not ${serviceRange.prefix}`)
  if (isInNetwork(podRange, serviceRange.base) || isInNetwork(serviceRange, podRange.base))
    conflicts.push(`service-network: "${serviceNetwork}" must not overlap the pod-network "${podNetwork}"`)
  if (nodePrefix < podRange.prefix)
    conflicts.push(
      `node-prefix: a block of ${nodePrefix} bits is larger than the pod-network "${podNetwork}"; must be ${podRange.prefix} to 29`,
    )
  return conflicts
}
