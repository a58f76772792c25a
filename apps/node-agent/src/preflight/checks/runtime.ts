import { OWN_PLUGIN_FOLDER, SYSTEM_PLUGIN_FOLDERS } from '../../network/pod-network/plugin-folders.ts'
import { type Check, type Finding, type Host, ok } from '../host.ts'

const PODMAN_MIN = [4, 3]
const PLUGINS = ['bridge', 'host-local', 'portmap', 'loopback']

export const runtime: Check = {
  name: 'container runtime',
  isCheap: false,
  judge(host) {
    const { runtime: choice } = host.settings
    if (choice === 'fake') return ok('no containers are run here')
    const podman = host.version('podman')
    if (podman !== undefined && (choice === 'auto' || choice === 'podman')) return podmanFinding(host, podman)
    if (choice === 'podman') return { level: 'fail', message: 'Podman is not installed', advice: 'apt install podman' }
    const containerd = host.version('containerd')
    if (containerd !== undefined && (choice === 'auto' || choice === 'containerd')) return containerdFinding(host, containerd)
    if (choice.startsWith('unix://')) return ok(`a runtime at ${choice}`)
    return { level: 'fail', message: 'there is no container runtime', advice: 'apt install podman' }
  },
}

function podmanFinding(host: Host, text: string): Finding {
  const [major = 0, minor = 0] = (/(\d+)\.(\d+)/.exec(text) ?? []).slice(1).map(Number)
  if (major < PODMAN_MIN[0]! || (major === PODMAN_MIN[0] && minor < PODMAN_MIN[1]!))
    return {
      level: 'fail',
      message: `Podman ${major}.${minor} is too old`,
      advice: `Podman ${PODMAN_MIN.join('.')} or newer is needed: upgrade to Debian 12 or newer`,
    }
  if (host.version('crun') === undefined && host.version('runc') === undefined)
    return { level: 'fail', message: 'Podman is here, but neither crun nor runc', advice: 'apt install crun' }
  if (host.version('conmon') === undefined)
    return { level: 'fail', message: 'Podman is here, but not conmon', advice: 'apt install conmon' }
  return ok(`Podman ${major}.${minor}`)
}

function containerdFinding(host: Host, text: string): Finding {
  const settings = host.text('/etc/containerd/config.toml') ?? ''
  if (/^\s*disabled_plugins\s*=\s*\[[^\]]*\b(cri|io\.containerd\.grpc\.v1\.cri)\b/m.test(settings))
    return {
      level: 'fail',
      message: 'containerd is here, but /etc/containerd/config.toml turns off what agents talk to (CRI)',
      advice: 'take "cri" out of disabled_plugins, then systemctl restart containerd',
    }
  return ok(/(\d+\.\d+\.\d+)/.exec(text)?.[1] === undefined ? 'containerd' : `containerd ${/(\d+\.\d+\.\d+)/.exec(text)![1]}`)
}

export const networkPlugins: Check = {
  name: 'CNI plugins',
  isCheap: true,
  judge(host) {
    if (host.settings.runtime === 'fake') return ok('no pods have a network here')
    // containerd runs plugins itself, and knows nothing of ours
    const isPodman = /^(auto|podman)$/.test(host.settings.runtime) && host.version('podman') !== undefined
    const folders = isPodman ? [...SYSTEM_PLUGIN_FOLDERS, OWN_PLUGIN_FOLDER] : SYSTEM_PLUGIN_FOLDERS
    const found = new Set(folders.flatMap((folder) => host.names(folder)))
    const missing = PLUGINS.filter((name) => !found.has(name))
    return missing.length === 0
      ? ok('the plugins of the pod network are there')
      : {
          level: 'fail',
          message: `plugins of the pod network are missing: ${missing.join(', ')}`,
          advice: 'apt install containernetworking-plugins',
        }
  },
}
