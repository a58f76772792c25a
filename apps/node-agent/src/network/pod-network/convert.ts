// Pure: the pod network as CNI configuration, and what its plugins say. @see Source: CNI Specification 1.0.0.
import type { PodNetworkConfig } from './pod-network.ts'

export const CNI_VERSION = '1.0.0'
export const INTERFACE = 'eth0'
export const NETWORK_NAME = 'bramble'

export type JsonRecord = { readonly [key: string]: unknown }

export interface Conflist {
  readonly cniVersion: string
  readonly name: string
  readonly plugins: readonly (JsonRecord & { readonly type: string; readonly capabilities?: Readonly<Record<string, boolean>> })[]
}

/**
 * Pods routed without a bridge: a pair of interfaces for each pod, its address routed to the host's end. Nothing is masqueraded here:
 * that depends on the whole cluster's addresses. Any runtime that knows CNI can use the same file.
 *
 * @param cidr The node's share of the pod addresses, e.g. `10.42.3.0/24`.
 * @param dataDirectory Addresses in use; on a tmpfs, or a power cut leaks them.
 */
export function conflist(cidr: string, mtu: number, dataDirectory: string): Conflist {
  return {
    cniVersion: CNI_VERSION,
    name: NETWORK_NAME,
    plugins: [
      {
        type: 'ptp',
        ipMasq: false,
        mtu,
        ipam: { type: 'host-local', ranges: [[{ subnet: cidr }]], routes: [{ dst: '0.0.0.0/0' }], dataDir: dataDirectory },
      },
      { type: 'portmap', capabilities: { portMappings: true }, snat: true },
    ],
  }
}

export const renderConflist = (list: Conflist): string => `${JSON.stringify(list, null, 2)}\n`

/** The plugins that have something to do for this pod, in the order of ADD. */
export const pluginsFor = (list: Conflist, portMappings: PodNetworkConfig['portMappings']): Conflist['plugins'] =>
  list.plugins.filter((plugin) => portMappings.length > 0 || plugin.capabilities?.['portMappings'] !== true)

/** What a plugin reads on its standard input. @see Source: CNI Specification, "Deriving execution configuration from plugin configuration". */
export function pluginInput(
  list: Conflist,
  plugin: Conflist['plugins'][number],
  portMappings: PodNetworkConfig['portMappings'],
  prevResult: JsonRecord | undefined,
): string {
  const { capabilities, ...own } = plugin
  return JSON.stringify({
    ...own,
    cniVersion: list.cniVersion,
    name: list.name,
    ...(capabilities?.['portMappings'] && { runtimeConfig: { portMappings: portMappings.map(portMapping) } }),
    ...(prevResult && { prevResult }),
  })
}

const portMapping = ({ hostPort, containerPort, protocol, hostIp }: PodNetworkConfig['portMappings'][number]): JsonRecord => ({
  hostPort,
  containerPort,
  protocol,
  ...(hostIp !== undefined && hostIp !== '' && hostIp !== '0.0.0.0' && { hostIP: hostIp }),
})

/** @see Source: CNI Specification, "Parameters"; host-local, "Supported arguments": IP asks for one address. */
export function pluginEnvironment(
  command: 'ADD' | 'DEL' | 'CHECK',
  pod: Pick<PodNetworkConfig, 'podUid' | 'namespace' | 'name'> & { readonly address?: string },
  netnsPath: string,
  pluginPath: string,
): Readonly<Record<string, string>> {
  return {
    CNI_COMMAND: command,
    CNI_CONTAINERID: pod.podUid,
    CNI_NETNS: netnsPath,
    CNI_IFNAME: INTERFACE,
    CNI_PATH: pluginPath,
    CNI_ARGS: `IgnoreUnknown=1;K8S_POD_NAMESPACE=${pod.namespace};K8S_POD_NAME=${pod.name};K8S_POD_UID=${pod.podUid}${pod.address === undefined ? '' : `;IP=${pod.address}`}`,
  }
}

/** First address of a result, without its prefix length; undefined when there is none. */
export function resultIp(result: JsonRecord): string | undefined {
  const [first] = Array.isArray(result['ips']) ? (result['ips'] as { address?: string }[]) : []
  return first?.address?.split('/')[0]
}

/** A plugin's own words about its failure, which it prints on its standard output. */
export function pluginProblem(stdout: string, stderr: string): string {
  try {
    const { msg, details } = JSON.parse(stdout) as { msg?: string; details?: string }
    const words = [msg, details].filter((part) => part !== undefined && part !== '').join('; ')
    if (words !== '') return words
  } catch {
    // it did not get as far as JSON
  }
  return stderr.trim() || stdout.trim() || 'it said nothing'
}

/** The address before this one. */
export const previousAddress = (address: string): string => toAddress(toNumber(address) - 1)

/** @param cidr e.g. `10.42.3.0/24`. */
export function isInside(cidr: string, address: string): boolean {
  const [base = '', bits = '32'] = cidr.split('/')
  const size = 2 ** (32 - Number(bits))
  return Math.floor(toNumber(base) / size) === Math.floor(toNumber(address) / size)
}

const toNumber = (address: string): number => address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0)
const toAddress = (number: number): string => [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join('.')
