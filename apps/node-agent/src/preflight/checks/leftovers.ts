import { type Check, type Host, ok } from '../host.ts'

/** Of other orchestrators, by what they leave. */
const FOLDERS: readonly (readonly [path: string, name: string])[] = [
  ['/var/lib/rancher/k3s', 'k3s'],
  // not the folder itself: CSI drivers register below it with us, too
  ['/var/lib/kubelet/pki', 'kubelet'],
  ['/var/snap/microk8s', 'MicroK8s'],
  ['/var/lib/k0s', 'k0s'],
]
const DEVICES = ['flannel.1', 'cilium_host', 'kube-ipvs0', 'weave', 'vxlan.calico']
const OWN_NETWORK_FILE = /bramble/

export const leftovers: Check = {
  name: 'leftovers',
  isCheap: true,
  judge(host) {
    const found = [
      ...FOLDERS.filter(([path]) => host.names(path).length > 0).map(([path, name]) => `${name} (${path})`),
      ...DEVICES.filter((name) => host.names(`/sys/class/net/${name}`).length > 0).map((name) => `network device ${name}`),
      ...foreignNetworks(host).map((name) => `/etc/cni/net.d/${name}`),
    ]
    if (listens(host, 10_250)) found.unshift('a kubelet that runs (port 10250)')
    if (found.length === 0) return ok('nothing of another orchestrator is here')
    return {
      level: 'warn',
      message: `another orchestrator is or was here: ${found.join(', ')}`,
      advice:
        'remove it with its own program (k3s-uninstall.sh, "kubeadm reset") and reboot; two that write rules and networks break each other',
    }
  },
}

/** What a CRI runtime reads first in the order of names decides the network of all pods. */
const foreignNetworks = (host: Host): readonly string[] =>
  host
    .names('/etc/cni/net.d')
    .filter((name) => /\.(conf|conflist|json)$/.test(name) && !OWN_NETWORK_FILE.test(name) && !/podman/.test(name))

export const localPort: Check = {
  name: 'local port',
  isCheap: true,
  judge(host) {
    const { localPort: port } = host.settings
    if (port === 0) return ok('this node has no pages of its own')
    if (!listens(host, port) || agentRuns(host)) return ok(`port ${port} is this agent's`)
    return { level: 'warn', message: `something else listens on port ${port}`, advice: 'choose another with --local-port, or 0 for none' }
  },
}

/** Source: Linux, Documentation/networking/proc_net_tcp.rst; 0A is LISTEN. */
const listens = (host: Host, port: number): boolean => {
  const hex = port.toString(16).toUpperCase().padStart(4, '0')
  return ['/proc/net/tcp', '/proc/net/tcp6'].some((path) =>
    new RegExp(`^\\s*\\d+: [0-9A-F]+:${hex} [0-9A-F]+:0000 0A `, 'm').test(host.text(path) ?? ''),
  )
}

const agentRuns = (host: Host): boolean => (host.text('/proc/net/unix') ?? '').includes('/run/bramble/shutdown.sock')
