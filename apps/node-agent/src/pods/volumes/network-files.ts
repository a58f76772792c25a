import type { Pod } from '@bramble/api/types/pod'
import { podHostname } from '../hostname.ts'

/**
 * /etc/hosts of a pod.
 *
 * @param podIp Empty with host network.
 * @param hostFile The node's own, which pods with host network see.
 * @see Source: kubelet managedHostsFileContent, nodeHostsFileContent, GeneratePodHostNameAndDomain.
 */
export function hostsFile(pod: Pod, podIp: string, hostFile: string, domain: string): string {
  const { hostAliases = [], hostNetwork } = pod.spec
  const aliases = hostAliases.map(({ ip, hostnames = [] }) => `${ip}\t${hostnames.join('\t')}\n`)
  const added = aliases.length === 0 ? '' : `\n# Entries added by HostAliases.\n${aliases.join('')}`
  if (hostNetwork) return `# Kubernetes-managed hosts file (host network).\n${hostFile}${added}`
  const { label, domain: own } = podHostname({ ...pod, spec: { ...pod.spec, setHostnameAsFQDN: false } }, domain, '')
  const names = own === undefined ? label : `${label}.${own}\t${label}`
  return `# Kubernetes-managed hosts file.
127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::0\tip6-localnet
fe00::0\tip6-mcastprefix
fe00::1\tip6-allnodes
fe00::2\tip6-allrouters
${podIp === '' ? '' : `${podIp}\t${names}\n`}${added}`
}
