import { type Check, type Host, ok } from '../host.ts'

/** What pods cannot do without, and how to see that it is there although it has no module. */
const NEEDED: readonly { readonly name: string; readonly seen: (host: Host) => boolean }[] = [
  { name: 'overlay', seen: (host) => /\boverlay$/m.test(host.text('/proc/filesystems') ?? '') },
  { name: 'br_netfilter', seen: (host) => host.names('/proc/sys/net/bridge').length > 0 },
  { name: 'nf_conntrack', seen: (host) => host.text('/proc/sys/net/netfilter/nf_conntrack_max') !== undefined },
]
/** Loaded by iptables when they are used: they only have to be there. */
const ON_DEMAND = ['xt_comment', 'xt_conntrack', 'xt_mark', 'xt_statistic', 'xt_MASQUERADE', 'xt_addrtype', 'veth']

export const kernelModules: Check = {
  name: 'kernel modules',
  isCheap: true,
  judge(host) {
    const files = moduleFiles(host)
    const missing = NEEDED.filter(({ name, seen }) => !isLoaded(host, name) && !seen(host)).map(({ name }) => name)
    const absent = files === undefined ? [] : [...missing, ...ON_DEMAND].filter((name) => !isLoaded(host, name) && !files.has(name))
    if (absent.length > 0)
      return {
        level: 'fail',
        message: `the kernel has no ${absent.join(', ')}: pods and Services have no network, or images cannot be mounted`,
        advice: 'install the kernel of your distribution with all its modules, and reboot when it was updated',
      }
    if (missing.length === 0) return ok('everything that pods need of the kernel is there')
    return {
      level: 'warn',
      message: `kernel modules are not loaded: ${missing.join(', ')}`,
      advice: `modprobe ${missing.join(' ')}, and name them in /etc/modules-load.d/bramble.conf`,
      fix: { type: 'modules', names: missing },
    }
  },
}

const isLoaded = (host: Host, name: string): boolean => host.names(`/sys/module/${name}`).length > 0

/** Names of all modules that this kernel has; undefined where nothing tells. */
function moduleFiles(host: Host): ReadonlySet<string> | undefined {
  const release = host.text('/proc/sys/kernel/osrelease')?.trim()
  const folder = `/lib/modules/${release}`
  const [listed, builtIn] = [host.text(`${folder}/modules.dep`), host.text(`${folder}/modules.builtin`)]
  if (listed === undefined) return undefined
  return new Set(
    [...listed.matchAll(/^[^:\n]*?([^/:\n]+?)\.ko[^:\n]*:/gm), ...(builtIn ?? '').matchAll(/([^/\n]+)\.ko$/gm)].map(([, name]) =>
      name!.replaceAll('-', '_'),
    ),
  )
}
