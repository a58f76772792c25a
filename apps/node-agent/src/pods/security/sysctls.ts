import type { Pod } from '@bramble/api/types/pod'

type Namespace = 'ipc' | 'net'

/** Those that cannot hurt other pods. @see Source: kubelet sysctl SafeSysctlAllowlist. */
const SAFE: readonly string[] = [
  'kernel.shm_rmid_forced',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.tcp_syncookies',
  'net.ipv4.ping_group_range',
  'net.ipv4.ip_unprivileged_port_start',
  'net.ipv4.ip_local_reserved_ports',
  'net.ipv4.tcp_keepalive_time',
  'net.ipv4.tcp_fin_timeout',
  'net.ipv4.tcp_keepalive_intvl',
  'net.ipv4.tcp_keepalive_probes',
  'net.ipv4.tcp_rmem',
  'net.ipv4.tcp_wmem',
]

/** Which of a pod's namespaces a setting of the kernel belongs to; undefined: to the whole machine. */
const namespaceOf = (name: string): Namespace | undefined =>
  /^(kernel\.(sem$|shm|msg)|fs\.mqueue\.)/.test(name) ? 'ipc' : name.startsWith('net.') ? 'net' : undefined

/** With dots between its parts, whichever way it was written. @see Source: component-helpers NormalizeName. */
export const sysctlName = (written: string): string => {
  const first = /[./]/.exec(written)?.[0]
  return first === '/' ? written.replace(/[./]/g, (mark) => (mark === '/' ? '.' : '/')) : written
}

/** Whether an operator may allow it: `net.core.somaxconn`, `kernel.msg*`. */
export const isNamespacedSysctl = (pattern: string): boolean => namespaceOf(sysctlName(pattern).replace(/\*$/, '')) !== undefined

/**
 * Why a pod's settings of the kernel are refused; undefined when they are not.
 *
 * @param unsafeAllowed Names and prefixes that end in `*`, as the operator wrote them.
 * @see Source: kubelet sysctl patternAllowlist.Admit.
 */
export function forbiddenSysctl({ spec }: Pod, unsafeAllowed: readonly string[]): string | undefined {
  for (const { name: written } of spec.securityContext?.sysctls ?? []) {
    const name = sysctlName(written)
    const problem = problemOf(name, spec, unsafeAllowed)
    if (problem !== undefined) return `forbidden sysctl: ${problem}`
  }
  return undefined
}

function problemOf(name: string, spec: Pod['spec'], unsafeAllowed: readonly string[]): string | undefined {
  const allowed =
    SAFE.includes(name) ||
    unsafeAllowed.map(sysctlName).some((pattern) => (pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern))
  const namespace = namespaceOf(name)
  if (!allowed || namespace === undefined) return `"${name}" not allowlisted`
  const isShared = namespace === 'ipc' ? spec.hostIPC : spec.hostNetwork
  return isShared ? `"${name}" not allowed with host ${namespace} enabled` : undefined
}
