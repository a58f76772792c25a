import type { Container, Pod } from '@bramble/api/types/pod'
import { type ContainerConfig, type Device, type ImageState, type Mount, RuntimeError, type SandboxConfig } from '../runtime/runtime.ts'
import { IMAGE_DIGEST_ANNOTATION } from './container-status.ts'
import { type EnvEntry, expand } from './environment.ts'
import { podHostname } from './hostname.ts'
import { containerResources, podResources } from './resources.ts'
import { oomScoreAdj } from './security/oom-score.ts'
import { type SecuritySettings, securityOf } from './security/security-context.ts'
import { sysctlName } from './security/sysctls.ts'

export const TERMINATION_MESSAGE_PATH = '/dev/termination-log'

/** Folder of a pod's logs, as log collectors know it. @see Source: kubelet BuildPodLogsDirectory. */
export const podLogFolder = (root: string, { metadata }: Pick<Pod, 'metadata'>): string =>
  `${root}/${metadata.namespace}_${metadata.name}_${metadata.uid}`

export const containerLogPath = (root: string, pod: Pick<Pod, 'metadata'>, container: string, attempt: number): string =>
  `${podLogFolder(root, pod)}/${container}/${attempt}.log`

/**
 * The namespaces that a pod's containers share.
 * @param pidsLimit Processes and threads of all its containers together.
 * @throws Error when the pod wants a host name that it cannot have, or users of its own.
 */
export function sandboxConfig(
  pod: Pod,
  logRoot: string,
  hostname: string,
  clusterDomain = 'cluster.local',
  pidsLimit?: number,
): SandboxConfig {
  if (pod.spec.hostUsers === false)
    throw new RuntimeError('CreatePodSandboxError', "can't set `spec.hostUsers: false`, runtime does not support user namespaces")
  const containers = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])]
  return {
    podUid: pod.metadata.uid,
    namespace: pod.metadata.namespace ?? '',
    name: pod.metadata.name,
    hostname: podHostname(pod, clusterDomain, hostname).hostname,
    hostNetwork: pod.spec.hostNetwork ?? false,
    hostPid: pod.spec.hostPID ?? false,
    hostIpc: pod.spec.hostIPC ?? false,
    sharedProcesses: pod.spec.shareProcessNamespace ?? false,
    ...(containers.some(({ securityContext }) => securityContext?.privileged) && { privileged: true }),
    resources: { ...podResources(pod), ...(pidsLimit !== undefined && { pidsLimit }) },
    portMappings: pod.spec.hostNetwork
      ? []
      : containers
          .flatMap(({ ports = [] }) => ports)
          .filter(({ hostPort, protocol }) => hostPort && protocol !== 'SCTP')
          .map(({ hostPort, hostIP, containerPort, protocol = 'TCP' }) => ({
            hostPort: hostPort!,
            containerPort,
            protocol: protocol === 'UDP' ? ('udp' as const) : ('tcp' as const),
            ...(hostIP && { hostIp: hostIP }),
          })),
    logDirectory: podLogFolder(logRoot, pod),
    sysctls: Object.fromEntries((pod.spec.securityContext?.sysctls ?? []).map(({ name, value }) => [sysctlName(name), value])),
  }
}

/** Devices of the node that a container was given. */
export interface GrantedDevices {
  readonly devices: readonly Device[]
  /** That may open them, where they are not for everybody. */
  readonly groups: readonly number[]
  /** What an agent that starts anew has to find again. */
  readonly annotations: Readonly<Record<string, string>>
}

export interface ContainerParts {
  readonly pod: Pod
  readonly container: Container
  readonly attempt: number
  readonly image: ImageState
  readonly env: readonly EnvEntry[]
  readonly mounts: readonly Mount[]
  readonly devices?: readonly Device[]
  /** What the pod asked for by name. */
  readonly granted?: GrantedDevices
  readonly security?: SecuritySettings
  readonly logRoot: string
  readonly nodeMemoryBytes: number
}

/** @throws RuntimeError `CreateContainerConfigError` when the pod forbids what its image wants. */
export function containerConfig({
  pod,
  container,
  attempt,
  image,
  env,
  mounts,
  devices = [],
  granted,
  security,
  logRoot,
  nodeMemoryBytes,
}: ContainerParts): ContainerConfig {
  const values = new Map(env.map(({ name, value }) => [name, value]))
  const expanded = (text: string): string => expand(text, (name) => values.get(name))
  return {
    name: container.name,
    attempt,
    image: image.id,
    imageReference: container.image,
    command: (container.command ?? []).map(expanded),
    args: (container.args ?? []).map(expanded),
    ...(container.workingDir && { workingDirectory: container.workingDir }),
    env,
    mounts,
    logPath: containerLogPath(logRoot, pod, container.name, attempt),
    resources: containerResources(container),
    devices: [...devices, ...(granted?.devices ?? [])],
    oomScoreAdj: oomScoreAdj(pod, container, nodeMemoryBytes),
    security: securityOf(pod, container, image, security, granted?.groups),
    tty: container.tty ?? false,
    stdin: container.stdin ?? false,
    stdinOnce: container.stdinOnce ?? false,
    terminationMessagePath: container.terminationMessagePath ?? TERMINATION_MESSAGE_PATH,
    annotations: { [IMAGE_DIGEST_ANNOTATION]: image.digests[0] ?? image.id, ...granted?.annotations },
  }
}
