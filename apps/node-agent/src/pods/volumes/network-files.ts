import type { Pod } from '@bramble/api/types/pod'

/** How pods find names. */
export interface DnsSettings {
  /** Address of the cluster's name server; absent: pods ask whom the host asks. */
  readonly serverIp?: string
  /** e.g. `cluster.local`. */
  readonly domain: string
}

/**
 * /etc/hosts; undefined when what every runtime gives (the pod's name at its address, the host's file with host network) will do.
 * @see Source: kubelet managedHostsFileContent.
 */
export function hostsFile(pod: Pod, podIp: string, hostFile: string, domain: string): string | undefined {
  if (!pod.spec.hostAliases?.length && !pod.spec.subdomain) return undefined
  const aliases = (pod.spec.hostAliases ?? []).map(({ ip, hostnames = [] }) => `${ip}\t${hostnames.join('\t')}`)
  const added = aliases.length === 0 ? [] : ['', '# Entries added by HostAliases.', ...aliases]
  if (pod.spec.hostNetwork) return `${[hostFile.trimEnd(), ...added].join('\n')}\n`
  const hostname = pod.spec.hostname ?? pod.metadata.name
  const full = pod.spec.subdomain ? [`${hostname}.${pod.spec.subdomain}.${pod.metadata.namespace}.svc.${domain}`] : []
  return `${[
    '# Kubernetes-managed hosts file.',
    '127.0.0.1\tlocalhost',
    '::1\tlocalhost ip6-localhost ip6-loopback',
    'fe00::0\tip6-localnet',
    'fe00::0\tip6-mcastprefix',
    'fe00::1\tip6-allnodes',
    'fe00::2\tip6-allrouters',
    ...(podIp === '' ? [] : [[podIp, ...full, hostname].join('\t')]),
    ...added,
  ].join('\n')}\n`
}

/**
 * /etc/resolv.conf; undefined when the host's own will do.
 * @see Source: Kubernetes "DNS for Services and Pods", pod's DNS policy.
 */
export function resolvFile(pod: Pod, dns: DnsSettings, hostFile: string): string | undefined {
  const policy = pod.spec.dnsPolicy ?? 'ClusterFirst'
  const ofCluster = policy === 'ClusterFirstWithHostNet' || (policy === 'ClusterFirst' && !pod.spec.hostNetwork)
  if (!ofCluster || !dns.serverIp) return undefined
  const search = hostFile
    .split('\n')
    .filter((line) => line.startsWith('search '))
    .flatMap((line) => line.split(/\s+/).slice(1))
  const domains = [`${pod.metadata.namespace}.svc.${dns.domain}`, `svc.${dns.domain}`, dns.domain, ...search]
  return `search ${domains.join(' ')}\nnameserver ${dns.serverIp}\noptions ndots:5\n`
}
