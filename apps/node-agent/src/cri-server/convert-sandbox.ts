// Pure: a sandbox as a kubelet asks for it, to what a runtime is told.
import { createHash } from 'node:crypto'
import {
  type DNSConfig,
  type LinuxPodSandboxConfig,
  type NamespaceOption,
  NamespaceMode,
  type PodSandboxConfig,
  Protocol,
} from '../runtime/cri/grpc/api_pb.js'
import type { SandboxConfig } from '../runtime/runtime.ts'
import { podResources } from './convert-resources.ts'
import { invalid } from './problem.ts'

/** Where what is printed is lost: for pods without a folder for logs. */
export const NOWHERE = '/dev/null'

/**
 * A function of what names a sandbox, so that asking twice, with a crash between, is asking for the same. To the runtime it is the pod's
 * uid: attempts of one pod are apart, and no caller decides names of files.
 */
export function sandboxId({ metadata }: PodSandboxConfig): string {
  if (!metadata) throw invalid('sandbox config must include metadata')
  const { name, namespace, uid, attempt } = metadata
  if (name === '') throw invalid('sandbox metadata must have a name')
  return createHash('sha256')
    .update(JSON.stringify([name, namespace, uid, attempt]))
    .digest('hex')
}

/** @throws CriProblem for what is not valid, or cannot be had. */
export function sandboxConfig(id: string, config: PodSandboxConfig, hostName: string): SandboxConfig {
  const { metadata, linux } = config
  const options = linux?.securityContext?.namespaceOptions
  checkUsers(options)
  const hostNetwork = options?.network === NamespaceMode.NODE
  const logDirectory = config.logDirectory || NOWHERE
  if (!logDirectory.startsWith('/')) throw invalid(`log directory ${JSON.stringify(logDirectory)} must be an absolute path`)
  const cgroupParent = linux?.cgroupParent ?? ''
  return {
    podUid: id,
    namespace: metadata!.namespace,
    name: metadata!.name,
    hostname: hostname(config, hostNetwork, hostName),
    hostNetwork,
    hostPid: options?.pid === NamespaceMode.NODE,
    hostIpc: options?.ipc === NamespaceMode.NODE,
    sharedProcesses: (options?.pid ?? NamespaceMode.POD) === NamespaceMode.POD,
    ...(linux?.securityContext?.privileged && { privileged: true }),
    resources: podResources(linux?.resources, cgroupParent),
    ...(cgroupParent !== '' && { cgroupParent: checkedParent(cgroupParent) }),
    portMappings: hostNetwork ? [] : portMappings(config),
    logDirectory,
    sysctls: sysctls(linux),
  }
}

/** A name of a host; a name server asks for no longer ones. */
function hostname({ hostname, metadata }: PodSandboxConfig, hostNetwork: boolean, hostName: string): string {
  const name = hostname || (hostNetwork ? hostName : metadata!.name.replace(/[^A-Za-z0-9-.]/g, '-').slice(0, 63))
  if (!/^[A-Za-z0-9]([A-Za-z0-9-.]{0,62}[A-Za-z0-9])?$/.test(name)) throw invalid(`hostname ${JSON.stringify(name)} is not valid`)
  return name
}

function checkedParent(parent: string): string {
  if (parent.split('/').includes('..')) throw invalid(`cgroup parent ${JSON.stringify(parent)} must not contain ".."`)
  return parent
}

function portMappings({ portMappings }: PodSandboxConfig): SandboxConfig['portMappings'] {
  return portMappings
    .filter(({ hostPort }) => hostPort > 0)
    .map(({ hostPort, containerPort, protocol, hostIp }) => {
      if (protocol !== Protocol.TCP && protocol !== Protocol.UDP) throw invalid(`protocol ${Protocol[protocol]} cannot be mapped`)
      if (hostPort > PORT_MAX || containerPort < 1 || containerPort > PORT_MAX) throw invalid(`port ${hostPort}:${containerPort} is none`)
      return { hostPort, containerPort, protocol: protocol === Protocol.UDP ? 'udp' : 'tcp', ...(hostIp !== '' && { hostIp }) }
    })
}

const PORT_MAX = 65_535

function sysctls(linux: LinuxPodSandboxConfig | undefined): Readonly<Record<string, string>> {
  const given = { ...linux?.sysctls }
  for (const [name, value] of Object.entries(given))
    if (!/^[a-z0-9]([a-z0-9_./-]*[a-z0-9])?$/i.test(name) || /\n/.test(value)) throw invalid(`sysctl ${JSON.stringify(name)} is not valid`)
  return given
}

/** @throws CriProblem for users of its own. */
export function checkUsers(options: NamespaceOption | undefined): void {
  if (options?.usernsOptions && options.usernsOptions.mode !== NamespaceMode.NODE) throw invalid('user namespaces are not supported')
}

/** The file of name servers, as containerd writes it; undefined where nothing is asked for: the pod gets the host's. */
export function resolvConf(dns: DNSConfig | undefined): string | undefined {
  if (!dns || dns.servers.length + dns.searches.length + dns.options.length === 0) return undefined
  const words = [...dns.servers, ...dns.searches, ...dns.options]
  if (words.some((word) => /\s/.test(word))) throw invalid('DNS servers, searches and options must not contain white space')
  return [
    ...(dns.searches.length > 0 ? [`search ${dns.searches.join(' ')}`] : []),
    ...dns.servers.map((server) => `nameserver ${server}`),
    ...(dns.options.length > 0 ? [`options ${dns.options.join(' ')}`] : []),
    '',
  ].join('\n')
}
