import type { Pod } from '@bramble/api/types/pod'

/** What a pod calls itself: `hostname` is what its processes ask the kernel for. */
export interface PodHostname {
  readonly hostname: string
  /** The first label of its names in DNS: `hostname` without a domain. */
  readonly label: string
  /** `<subdomain>.<namespace>.svc.<cluster domain>`; absent when the pod has no subdomain. */
  readonly domain?: string
}

/** What the kernel holds. */
const KERNEL_NAME_MAX = 64
/** What one label of a DNS name holds. */
const LABEL_MAX = 63

/**
 * @param clusterDomain e.g. `cluster.local`. @param nodeHostname What pods in the host's network are called.
 * @throws Error when the pod wants its full name as host name and the kernel cannot hold it.
 * @see Source: kubelet GeneratePodHostNameAndDomain, runtime_util GetPodHostName.
 */
export function podHostname(pod: Pod, clusterDomain: string, nodeHostname: string): PodHostname {
  const { hostname, hostnameOverride, subdomain, setHostnameAsFQDN, hostNetwork } = pod.spec
  if (hostnameOverride) return { hostname: hostnameOverride, label: hostnameOverride }
  const label = hostname || shortened(pod.metadata.name)
  const domain = subdomain ? { domain: `${subdomain}.${pod.metadata.namespace}.svc.${clusterDomain}` } : {}
  if (hostNetwork) return { hostname: nodeHostname, label, ...domain }
  if (!setHostnameAsFQDN || domain.domain === undefined) return { hostname: label, label, ...domain }
  const full = `${label}.${domain.domain}`
  if (full.length > KERNEL_NAME_MAX)
    throw new Error(
      `failed to construct FQDN from pod hostname and cluster domain, FQDN ${full} is too long (${KERNEL_NAME_MAX} is the max, ${full.length} characters requested)`,
    )
  return { hostname: full, label, ...domain }
}

const shortened = (name: string): string => name.slice(0, LABEL_MAX).replace(/[-.]+$/, '')
