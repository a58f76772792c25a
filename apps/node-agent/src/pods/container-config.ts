import type { Container, Pod } from '@bramble/api/types/pod'
import { type ContainerConfig, type Device, type ImageState, type Mount, RuntimeError, type SandboxConfig } from '../runtime/runtime.ts'
import { IMAGE_DIGEST_ANNOTATION } from './container-status.ts'
import { type EnvEntry, expand } from './environment.ts'
import { podHostname } from './hostname.ts'
import { containerResources, oomScoreAdj, podResources } from './resources.ts'

export const TERMINATION_MESSAGE_PATH = '/dev/termination-log'

/** Folder of a pod's logs, as log collectors know it. @see Source: kubelet BuildPodLogsDirectory. */
export const podLogFolder = (root: string, { metadata }: Pick<Pod, 'metadata'>): string =>
  `${root}/${metadata.namespace}_${metadata.name}_${metadata.uid}`

export const containerLogPath = (root: string, pod: Pick<Pod, 'metadata'>, container: string, attempt: number): string =>
  `${podLogFolder(root, pod)}/${container}/${attempt}.log`

/** The namespaces that a pod's containers share. @throws Error when the pod wants a host name that it cannot have. */
export function sandboxConfig(pod: Pod, logRoot: string, hostname: string, clusterDomain = 'cluster.local'): SandboxConfig {
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
    resources: podResources(pod),
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
    sysctls: Object.fromEntries((pod.spec.securityContext?.sysctls ?? []).map(({ name, value }) => [name, value])),
  }
}

export interface ContainerParts {
  readonly pod: Pod
  readonly container: Container
  readonly attempt: number
  readonly image: ImageState
  readonly env: readonly EnvEntry[]
  readonly mounts: readonly Mount[]
  readonly devices?: readonly Device[]
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
    devices,
    oomScoreAdj: oomScoreAdj(pod, container, nodeMemoryBytes),
    security: securityOf(pod, container, image),
    tty: container.tty ?? false,
    stdin: container.stdin ?? false,
    stdinOnce: container.stdinOnce ?? false,
    terminationMessagePath: container.terminationMessagePath ?? TERMINATION_MESSAGE_PATH,
    annotations: { [IMAGE_DIGEST_ANNOTATION]: image.digests[0] ?? image.id },
  }
}

function securityOf(pod: Pod, container: Container, image: ImageState): ContainerConfig['security'] {
  const ofPod = pod.spec.securityContext ?? {}
  const own = container.securityContext ?? {}
  const user = own.runAsUser ?? ofPod.runAsUser
  const group = own.runAsGroup ?? ofPod.runAsGroup
  if ((own.runAsNonRoot ?? ofPod.runAsNonRoot) && (user ?? image.userId ?? 0) === 0)
    throw new RuntimeError(
      'CreateContainerConfigError',
      user === 0
        ? `container's runAsUser breaks non-root policy (pod: "${pod.metadata.name}_${pod.metadata.namespace}(${pod.metadata.uid})", container: ${container.name})`
        : `container has runAsNonRoot and image will run as root (pod: "${pod.metadata.name}_${pod.metadata.namespace}(${pod.metadata.uid})", container: ${container.name})`,
    )
  return {
    ...(user !== undefined && { user }),
    ...(group !== undefined && { group }),
    supplementalGroups: [...(ofPod.supplementalGroups ?? []), ...(ofPod.fsGroup === undefined ? [] : [ofPod.fsGroup])],
    privileged: own.privileged ?? false,
    readOnlyRoot: own.readOnlyRootFilesystem ?? false,
    noNewPrivileges: own.allowPrivilegeEscalation === false,
    addCapabilities: own.capabilities?.add ?? [],
    dropCapabilities: own.capabilities?.drop ?? [],
    seccomp: { type: 'runtime-default' },
    procMount: own.procMount === 'Unmasked' ? 'unmasked' : 'default',
  }
}
