import { parseTaint } from '@bramble/api/node-words'
import type { Taint } from '@bramble/api/types/node'
import { ADDRESS_PATTERN, readSettings, type Setting } from '@bramble/reconcile/settings'
import { SHUTDOWN_SETTINGS, type ShutdownPeriods, shutdownPeriods } from './shutdown-config.ts'
import { MEANS_SETTINGS, type MeansConfig, meansConfig } from './means-config.ts'
import { PRESSURE_SETTINGS, type PressureConfig, pressureConfig } from './pressure/settings.ts'

/** Everything an operator may set on a node. Same names as flags and in the config file. */
export const AGENT_SETTINGS: readonly Setting[] = [
  {
    name: 'data-dir',
    kind: 'text',
    value: 'PATH',
    default: '/var/lib/bramble',
    pattern: /^\//,
    rule: 'must be an absolute path',
    description: 'folder of everything that is kept; the agent uses PATH/agent',
  },
  {
    name: 'server',
    kind: 'text',
    value: 'URL',
    pattern: /^https:\/\/[A-Za-z0-9.-]+(:\d+)?\/?$/,
    rule: 'must be the address of the control plane, such as https://192.168.1.10:6443',
    description: 'address of the control plane; kept after the first start',
  },
  { name: 'token', kind: 'text', value: 'TOKEN', secret: true, description: 'join token that "bramble token create" printed; needed once' },
  {
    name: 'token-file',
    kind: 'text',
    value: 'FILE',
    pattern: /^\//,
    rule: 'must be an absolute path',
    description: 'file that holds the join token; removed after the node has joined',
  },
  {
    name: 'stream-port',
    kind: 'integer',
    value: 'PORT',
    default: 8444,
    min: 1,
    max: 65535,
    description: 'TCP port of enrolment on the control plane',
  },
  {
    name: 'node-name',
    kind: 'text',
    value: 'NAME',
    pattern: /^[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?$/,
    rule: 'must be at most 63 lower case letters, digits, "-" or "."',
    description: 'name of this node (default: the host name, or bramble-SERIAL where the system still has the name that it came with)',
  },
  {
    name: 'node-ip',
    kind: 'text',
    value: 'ADDRESS',
    pattern: ADDRESS_PATTERN,
    rule: 'must be an IPv4 address',
    description: 'IPv4 address at which other nodes reach this one (default: the one of the default route)',
  },
  {
    name: 'label',
    kind: 'list',
    value: 'KEY=VALUE',
    default: [],
    pattern: /^([a-z0-9.-]+\/)?[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?=([A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?)?$/,
    rule: 'must be a label such as disktype=ssd',
    description: 'label of this node; may be repeated',
  },
  {
    name: 'taint',
    kind: 'list',
    value: 'KEY=VALUE:EFFECT',
    default: [],
    pattern:
      /^([a-z0-9.-]+\/)?[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?(=([A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?)?)?:(NoSchedule|PreferNoSchedule|NoExecute)$/,
    rule: 'must be key=value:Effect with the effect NoSchedule, PreferNoSchedule or NoExecute, such as dedicated=camera:NoSchedule',
    description: 'taint that this node has from the moment it joins; later ones are put on with kubectl taint; may be repeated',
  },
  {
    name: 'metered',
    kind: 'flag',
    default: false,
    description: 'every byte costs: the node is labelled bramble.dev/metered=true, and the link is probed every 4 minutes only',
  },
  {
    name: 'runtime',
    kind: 'text',
    value: 'NAME',
    default: 'auto',
    pattern: /^(auto|podman|containerd|fake|unix:\/\/\/\S+)$/,
    rule: 'must be auto, podman, containerd, the socket of a runtime that speaks CRI such as unix:///run/crio/crio.sock, or fake for a hollow node',
    description:
      'container runtime: podman, containerd, or the socket of one that speaks CRI, unix:///…; auto takes the first that is there',
  },
  {
    name: 'static-pod-dir',
    kind: 'text',
    value: 'PATH',
    default: '/etc/bramble/manifests',
    pattern: /^\//,
    rule: 'must be an absolute path',
    description: 'folder of manifests of pods that this node runs of its own accord; need not exist',
  },
  {
    name: 'plugin-dir',
    kind: 'text',
    value: 'PATH',
    default: '/var/lib/kubelet/plugins_registry',
    pattern: /^\//,
    rule: 'must be an absolute path',
    description: 'folder of sockets by which CSI drivers register, where their node-driver-registrar puts them',
  },
  {
    name: 'card-dir',
    kind: 'text',
    value: 'PATH',
    pattern: /^\//,
    rule: 'must be an absolute path',
    description: 'folder on the boot partition where the first boot is told (default: what "bramble flash" made, if it is there)',
  },
  {
    name: 'pod-log-dir',
    kind: 'text',
    value: 'PATH',
    default: '/var/log/pods',
    pattern: /^\//,
    rule: 'must be an absolute path',
    description: 'folder of container logs, in CRI format',
  },
  {
    name: 'local-port',
    kind: 'integer',
    value: 'PORT',
    default: 10255,
    min: 0,
    max: 65535,
    description: "TCP port on 127.0.0.1 of this node's own pages, such as /metrics; 0 for none",
  },
  ...MEANS_SETTINGS,
  ...SHUTDOWN_SETTINGS,
  ...PRESSURE_SETTINGS,
  {
    name: 'keepalive',
    kind: 'seconds',
    value: 'SECONDS',
    default: 10,
    min: 5,
    max: 3600,
    description: 'longest silence on the link, in seconds; a node that is silent for one and a half times as long counts as lost',
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

export interface AgentConfig {
  readonly dataDirectory: string
  readonly server: string | undefined
  readonly token: string | undefined
  readonly tokenFile: string | undefined
  readonly streamPort: number
  readonly nodeName: string | undefined
  readonly nodeIp: string | undefined
  readonly labels: Readonly<Record<string, string>>
  /** Of a node that joins. */
  readonly taints: readonly Taint[]
  readonly runtime: string
  readonly staticPodDirectory: string
  readonly pluginDirectory: string
  readonly podLogDirectory: string
  readonly cardDirectory: string | undefined
  readonly localPort: number
  readonly means: MeansConfig
  readonly pressure: PressureConfig
  readonly shutdown: ShutdownPeriods
  readonly keepaliveSeconds: number
  readonly logLevel: string
}

const METERED_LABEL = { 'bramble.dev/metered': 'true' }
/** Networks of phones forget a silent connection after five minutes. */
const METERED_KEEPALIVE_SECONDS = 240

/** @throws SettingsError that names every bad value. */
export function parseAgentConfig(given: Readonly<Record<string, unknown>>): AgentConfig {
  const values = readSettings(AGENT_SETTINGS, given)
  return {
    dataDirectory: values['data-dir'] as string,
    server: values['server'] as string | undefined,
    token: values['token'] as string | undefined,
    tokenFile: values['token-file'] as string | undefined,
    streamPort: values['stream-port'] as number,
    nodeName: values['node-name'] as string | undefined,
    nodeIp: values['node-ip'] as string | undefined,
    labels: {
      ...(values['metered'] === true && METERED_LABEL),
      ...Object.fromEntries((values['label'] as readonly string[]).map((label) => label.split('=', 2) as [string, string])),
    },
    taints: (values['taint'] as readonly string[]).map(parseTaint),
    runtime: values['runtime'] as string,
    staticPodDirectory: values['static-pod-dir'] as string,
    pluginDirectory: values['plugin-dir'] as string,
    podLogDirectory: values['pod-log-dir'] as string,
    cardDirectory: values['card-dir'] as string | undefined,
    localPort: values['local-port'] as number,
    means: meansConfig(values),
    pressure: pressureConfig(values),
    shutdown: shutdownPeriods(values),
    keepaliveSeconds:
      values['metered'] === true && given['keepalive'] === undefined ? METERED_KEEPALIVE_SECONDS : (values['keepalive'] as number),
    logLevel: values['log-level'] as string,
  }
}

export { defaultNodeName } from './node/node-name.ts'
export { SHUTDOWN_SOCKET } from './shutdown-config.ts'
