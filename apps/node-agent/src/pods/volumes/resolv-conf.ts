import type { Pod } from '@bramble/api/types/pod'
import type { Warn } from '../environment.ts'

/** How pods find names. */
export interface DnsSettings {
  /** Address of the cluster's name server; absent: pods ask whom the host asks. */
  readonly serverIp?: string
  /** e.g. `cluster.local`. */
  readonly domain: string
}

/** The node's own files; absent ones are undefined. */
export interface HostDns {
  /** /etc/resolv.conf */
  readonly resolvConf?: string
  /** Of systemd-resolved: whom it asks itself. */
  readonly upstream?: string
}

interface Dns {
  readonly servers: readonly string[]
  readonly searches: readonly string[]
  readonly options: readonly string[]
}

const SERVERS_MAX = 3
const SEARCHES_MAX = 32
const SEARCH_CHARACTERS_MAX = 2048
const DOMAIN_CHARACTERS_MAX = 253
const CLUSTER_OPTIONS = ['ndots:5']

/**
 * /etc/resolv.conf of a pod, within the limits that resolvers have; what does not fit is told in a `DNSConfigForming` warning.
 *
 * A node without a cluster name server gives `ClusterFirst` pods what `Default` ones get. A name server on the node's loopback cannot
 * be reached from a pod: its upstream servers are given instead.
 *
 * @see Source: kubelet network/dns GetPodDNS; Kubernetes "DNS for Services and Pods".
 */
export function resolvConf(pod: Pod, dns: DnsSettings, host: HostDns, warn?: Warn): string {
  const ofHost = parseResolvConf(readable(pod, host))
  const { servers, searches, options } = withOwn(base(pod, dns, ofHost), pod)
  const kept = servers.slice(0, SERVERS_MAX)
  if (kept.length < servers.length)
    warn?.(
      'DNSConfigForming',
      `Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: ${kept.join(' ')}`,
    )
  const fitting = fittingSearches(searches)
  if (fitting.length < searches.length)
    warn?.(
      'DNSConfigForming',
      `Search Line limits were exceeded, some search paths have been omitted, the applied search line is: ${fitting.join(' ')}`,
    )
  const lines = [
    ...(fitting.length > 0 ? [`search ${fitting.join(' ')}`] : []),
    ...kept.map((server) => `nameserver ${server}`),
    ...(options.length > 0 ? [`options ${options.join(' ')}`] : []),
  ]
  return lines.map((line) => `${line}\n`).join('')
}

/** Lines that cannot be understood are left out; the last `search` counts. */
export function parseResolvConf(text: string): Dns {
  const lines = text
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([first]) => first !== undefined && !/^[#;]/.test(first))
  const last = (keyword: string): readonly string[] => lines.findLast(([first]) => first === keyword)?.slice(1) ?? []
  return {
    servers: lines.filter(([first, server]) => first === 'nameserver' && server).map(([, server]) => server!),
    searches: last('search').map((domain) => (domain === '.' ? domain : domain.replace(/\.$/, ''))),
    options: last('options'),
  }
}

const readable = ({ spec }: Pod, { resolvConf: text = '', upstream }: HostDns): string =>
  upstream !== undefined && !spec.hostNetwork && /^nameserver\s+(127\.|::1)/m.test(text) ? upstream : text

function base(pod: Pod, { serverIp, domain }: DnsSettings, ofHost: Dns): Dns {
  const { dnsPolicy = 'ClusterFirst', hostNetwork } = pod.spec
  if (dnsPolicy === 'None') return { servers: [], searches: [], options: [] }
  const ofCluster = dnsPolicy === 'ClusterFirstWithHostNet' || (dnsPolicy === 'ClusterFirst' && !hostNetwork)
  if (!ofCluster || serverIp === undefined) return ofHost
  const searches = [`${pod.metadata.namespace}.svc.${domain}`, `svc.${domain}`, domain, ...ofHost.searches]
  return { servers: [serverIp], searches: [...new Set(searches)], options: CLUSTER_OPTIONS }
}

function withOwn({ servers, searches, options }: Dns, { spec }: Pod): Dns {
  const own = spec.dnsConfig
  if (!own) return { servers, searches, options }
  const values = new Map(options.map((option) => splitOnce(option)))
  for (const { name = '', value = '' } of own.options ?? []) values.set(name, value)
  return {
    servers: [...new Set([...servers, ...(own.nameservers ?? [])])],
    searches: [...new Set([...searches, ...(own.searches ?? [])])],
    options: [...values].map(([name, value]) => (value === '' ? name : `${name}:${value}`)),
  }
}

const splitOnce = (option: string): readonly [string, string] => {
  const [name = '', ...rest] = option.split(':')
  return [name, rest.join(':')]
}

/** Cut at the end, and too long domains left out: some resolvers break off at one. */
function fittingSearches(searches: readonly string[]): readonly string[] {
  const fitting = searches.slice(0, SEARCHES_MAX).filter((domain) => domain.length <= DOMAIN_CHARACTERS_MAX)
  while (fitting.join(' ').length > SEARCH_CHARACTERS_MAX) fitting.pop()
  return fitting
}
