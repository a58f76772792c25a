import { NETWORK_PATTERN, readSettings, type Setting } from '@bramble/reconcile/settings'

/** Everything an operator may set of `bramble cri`. */
export const CRI_SETTINGS: readonly Setting[] = [
  {
    name: 'listen',
    kind: 'text',
    value: 'SOCKET',
    default: 'unix:///run/bramble/cri.sock',
    pattern: /^unix:\/\/\/[^\0]{1,90}$/,
    rule: 'must be a unix socket such as unix:///run/bramble/cri.sock',
    description: 'where CRI is served, for root alone',
  },
  {
    name: 'pod-cidr',
    kind: 'text',
    value: 'NETWORK',
    pattern: NETWORK_PATTERN,
    rule: 'must be an IPv4 network such as 10.42.3.0/24',
    description: 'addresses of pods on this machine (default: what the kubelet tells, or the first file in /etc/cni/net.d)',
  },
  {
    name: 'stream-address',
    kind: 'text',
    value: 'ADDRESS',
    default: '127.0.0.1:0',
    pattern: /^127(\.\d{1,3}){3}:\d{1,5}$/,
    rule: 'must be an address of the loopback and a port, such as 127.0.0.1:0',
    description: 'where exec, attach and port-forward are carried; port 0 takes a free one',
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

export interface CriConfig {
  readonly socketPath: string
  readonly podCidr: string | undefined
  readonly streamHost: string
  readonly streamPort: number
  readonly logLevel: string
}

/** @throws SettingsError that names every bad value. */
export function parseCriConfig(given: Readonly<Record<string, unknown>>): CriConfig {
  const values = readSettings(CRI_SETTINGS, given)
  const [streamHost = '', port = '0'] = (values['stream-address'] as string).split(':')
  return {
    socketPath: (values['listen'] as string).slice('unix://'.length),
    podCidr: values['pod-cidr'] as string | undefined,
    streamHost,
    streamPort: Number(port),
    logLevel: values['log-level'] as string,
  }
}
