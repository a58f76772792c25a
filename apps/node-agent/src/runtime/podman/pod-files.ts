// Pure: the files that containers of a pod share, and the settings of the kernel that a pod may have.

/** `/etc/hosts` of a pod. */
export function etcHosts(
  hostname: string,
  ip: string | undefined,
  aliases: readonly { readonly ip: string; readonly hostnames: readonly string[] }[],
): string {
  const lines = [
    '127.0.0.1\tlocalhost',
    '::1\tlocalhost ip6-localhost ip6-loopback',
    'fe00::0\tip6-localnet',
    'fe00::0\tip6-mcastprefix',
    'fe00::1\tip6-allnodes',
    'fe00::2\tip6-allrouters',
    ...(ip === undefined ? [] : [`${ip}\t${hostname}`]),
    ...aliases.map((alias) => `${alias.ip}\t${alias.hostnames.join('\t')}`),
  ]
  return `${lines.join('\n')}\n`
}

/**
 * The host's resolv.conf as a pod can use it: a name server on the host's loopback cannot be reached from a pod, so then the
 * upstream file of systemd-resolved is taken.
 */
export const podResolvConf = (host: string, upstream: string | undefined): string =>
  upstream !== undefined && /^nameserver\s+(127\.|::1)/m.test(host) ? upstream : host

/**
 * Whose a setting of the kernel is; undefined: of the whole machine.
 * @see Source: kubernetes pkg/kubelet/sysctl, "namespace.go".
 */
export function namespaceOfSysctl(name: string): 'net' | 'ipc' | undefined {
  const dotted = name.replaceAll('/', '.')
  if (dotted.startsWith('net.')) return 'net'
  return /^kernel\.(sem$|shm|msg)|^fs\.mqueue\./.test(dotted) ? 'ipc' : undefined
}
