import { readSettings, type Setting } from '@bramble/reconcile/settings'

const NETWORK = /^(\d{1,3}\.){3}\d{1,3}\/\d{1,2}$/
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
    pattern: /^[\d.]+$/,
    rule: 'must be an IPv4 address',
    description: 'IPv4 address to listen on',
  },
  {
    name: 'advertise-address',
    kind: 'text',
    value: 'ADDRESS',
    pattern: /^[\d.]+$/,
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
    pattern: NETWORK,
    rule: 'must be an IPv4 network such as 10.42.0.0/16',
    description: 'IPv4 network of all pods',
  },
  {
    name: 'service-network',
    kind: 'text',
    value: 'NETWORK',
    default: '10.43.0.0/16',
    pattern: NETWORK,
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
  readonly logLevel: string
}

/** @throws SettingsError that names every bad value. */
export function parseServerConfig(given: Readonly<Record<string, unknown>>): ServerConfig {
  const values = readSettings(SERVER_SETTINGS, given)
  return {
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
    logLevel: values['log-level'] as string,
  }
}
