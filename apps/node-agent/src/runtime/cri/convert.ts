// Pure: what a pod wants to what a CRI runtime is told, as kubelet tells it.
import type { MessageInitShape } from '@bufbuild/protobuf'
import { CPU_PERIOD_US, cpuQuotaUs, cpuShares } from '../cgroups/settings.ts'
import {
  type ContainerConfig,
  type ContainerResources,
  type Mount,
  type PodResources,
  type RegistryLogin,
  RuntimeError,
  type SandboxConfig,
  type SeccompProfile,
} from '../runtime.ts'
import {
  type AuthConfigSchema,
  type ContainerConfigSchema,
  type LinuxContainerResourcesSchema,
  type LinuxContainerSecurityContextSchema,
  MountPropagation,
  type MountSchema,
  NamespaceMode,
  type NamespaceOptionSchema,
  type PodSandboxConfigSchema,
  Protocol,
  SecurityProfile_ProfileType as ProfileType,
  type SecurityProfileSchema,
  Signal,
  SupplementalGroupsPolicy,
} from './grpc/api_pb.js'

/** @see Source: kubernetes pkg/kubelet/types, `KubernetesPodNameLabel` and following; `ours` tells this agent's pods from a kubelet's. */
export const LABEL = {
  podName: 'io.kubernetes.pod.name',
  podNamespace: 'io.kubernetes.pod.namespace',
  podUid: 'io.kubernetes.pod.uid',
  container: 'io.kubernetes.container.name',
  ours: 'bramble.dev/agent',
} as const

/** What a later agent needs again, in JSON: the runtime is the only memory. */
export const ANNOTATION = { sandbox: 'bramble.dev/sandbox', container: 'bramble.dev/container' } as const

/** What `ANNOTATION.container` holds. */
export type ContainerRecord = Pick<ContainerConfig, 'image' | 'imageReference' | 'logPath' | 'annotations'>

/** Files that every container of a pod sees as its own. */
export interface SandboxFiles {
  readonly hosts: string
  readonly hostname: string
  readonly resolvConf: string
}

/** How containers are made on this machine. */
export interface HostTraits {
  readonly oomScoreAdjMin: number
  /** Whether the kernel can limit memory; a Raspberry Pi does not unless it is told to at boot. */
  readonly hasMemoryController: boolean
  /** Whether the runtime knows `strict` groups. */
  readonly hasGroupsPolicy: boolean
}

/** @param cgroupParent Of the pod: a path, or a slice with systemd. */
export function podSandboxConfig(config: SandboxConfig, cgroupParent: string): MessageInitShape<typeof PodSandboxConfigSchema> {
  return {
    metadata: { name: config.name, namespace: config.namespace, uid: config.podUid, attempt: 0 },
    hostname: config.hostNetwork ? '' : config.hostname,
    logDirectory: config.logDirectory,
    portMappings: config.portMappings.map(({ hostPort, containerPort, protocol, hostIp = '' }) => ({
      hostPort,
      containerPort,
      protocol: protocol === 'udp' ? Protocol.UDP : Protocol.TCP,
      hostIp: hostIp === '0.0.0.0' ? '' : hostIp,
    })),
    labels: podLabels(config),
    annotations: { [ANNOTATION.sandbox]: JSON.stringify(config) },
    linux: {
      cgroupParent,
      sysctls: { ...config.sysctls },
      resources: podResources(config.resources),
      securityContext: {
        namespaceOptions: namespaces(config, undefined),
        privileged: config.privileged ?? false,
        seccomp: seccomp({ type: 'runtime-default' }),
      },
    },
  }
}

const podLabels = (config: SandboxConfig): Record<string, string> => ({
  [LABEL.podName]: config.name,
  [LABEL.podNamespace]: config.namespace,
  [LABEL.podUid]: config.podUid,
  [LABEL.ours]: 'true',
})

/** @param targetId Of the container whose processes it sees, if any. */
function namespaces(config: SandboxConfig, targetId: string | undefined): MessageInitShape<typeof NamespaceOptionSchema> {
  const ownOrHost = (isHost: boolean): NamespaceMode => (isHost ? NamespaceMode.NODE : NamespaceMode.POD)
  const pid = config.hostPid ? NamespaceMode.NODE : config.sharedProcesses ? NamespaceMode.POD : NamespaceMode.CONTAINER
  return {
    network: ownOrHost(config.hostNetwork),
    ipc: ownOrHost(config.hostIpc),
    pid: targetId === undefined ? pid : NamespaceMode.TARGET,
    ...(targetId !== undefined && { targetId }),
  }
}

export interface ContainerParts {
  readonly sandbox: SandboxConfig
  readonly config: ContainerConfig
  readonly files: SandboxFiles
  readonly host: HostTraits
  /** Container that `processesOf` names. */
  readonly targetId?: string
  /** USER of the image when it is numeric. */
  readonly imageUserId?: number
}

/** @throws RuntimeError `CreateContainerConfigError` for what cannot be expressed. */
export function containerConfig(parts: ContainerParts): MessageInitShape<typeof ContainerConfigSchema> {
  const { sandbox, config, host } = parts
  const { image, imageReference, logPath, annotations } = config
  const record: ContainerRecord = { image, imageReference, logPath, annotations }
  return {
    metadata: { name: config.name, attempt: config.attempt },
    image: { image, userSpecifiedImage: imageReference },
    command: [...config.command],
    args: [...config.args],
    workingDir: config.workingDirectory ?? '',
    envs: config.env.map(({ name, value }) => ({ key: name, value: new TextEncoder().encode(value) })),
    mounts: mounts(parts),
    devices: config.devices.map((device) => ({ ...device })),
    labels: { ...podLabels(sandbox), [LABEL.container]: config.name },
    annotations: {
      'io.kubernetes.container.restartCount': String(config.attempt),
      'io.kubernetes.container.terminationMessagePath': config.terminationMessagePath,
      [ANNOTATION.container]: JSON.stringify(record),
    },
    logPath: relativeLogPath(sandbox, logPath),
    stdin: config.stdin,
    stdinOnce: config.stdinOnce,
    tty: config.tty,
    ...(config.stopSignal !== undefined && { stopSignal: criSignal(config.stopSignal) }),
    linux: {
      resources: {
        ...containerResources({ cpuRequestMillis: 0, ...config.resources }, host),
        oomScoreAdj: BigInt(Math.max(config.oomScoreAdj, host.oomScoreAdjMin)),
      },
      securityContext: securityContext(parts),
    },
  }
}

/** Names as in Kubernetes but for `SIGRTMIN+3`, which is `SIGRTMINPLUS3`. */
const criSignal = (name: string): Signal =>
  (Signal as unknown as Readonly<Record<string, Signal>>)[name.replace('+', 'PLUS').replace('-', 'MINUS')] ?? Signal.RUNTIME_DEFAULT

/** What a container may use, or what shall change: only what is given. Source: kubelet, `calculateLinuxResources`. */
export function containerResources(
  { cpuRequestMillis, cpuLimitMillis, memoryLimitBytes }: ContainerResources,
  { hasMemoryController }: Pick<HostTraits, 'hasMemoryController'>,
): MessageInitShape<typeof LinuxContainerResourcesSchema> {
  return {
    ...(cpuRequestMillis !== undefined && { cpuShares: BigInt(cpuShares(cpuRequestMillis)) }),
    ...(cpuLimitMillis !== undefined && { cpuPeriod: BigInt(CPU_PERIOD_US), cpuQuota: BigInt(cpuQuotaUs(cpuLimitMillis)) }),
    ...(memoryLimitBytes !== undefined && hasMemoryController && { memoryLimitInBytes: BigInt(memoryLimitBytes) }),
  }
}

const podResources = ({ qosClass, cpuRequestMillis, ...limits }: PodResources): MessageInitShape<typeof LinuxContainerResourcesSchema> =>
  containerResources({ ...limits, cpuRequestMillis: qosClass === 'BestEffort' ? 0 : cpuRequestMillis }, { hasMemoryController: true })

/** The pod's shared files come first; a mount of the container's own at the same path takes their place. */
function mounts({ config, files }: ContainerParts): MessageInitShape<typeof MountSchema>[] {
  const shared: readonly Mount[] = [
    { hostPath: files.hosts, containerPath: '/etc/hosts', readOnly: false },
    { hostPath: files.hostname, containerPath: '/etc/hostname', readOnly: false },
    { hostPath: files.resolvConf, containerPath: '/etc/resolv.conf', readOnly: false },
  ]
  const taken = new Set(config.mounts.map(({ containerPath }) => containerPath.replace(/\/+$/, '')))
  return [...shared.filter(({ containerPath }) => !taken.has(containerPath)), ...config.mounts].map(
    ({ hostPath, containerPath, readOnly, propagation = 'private', recursiveReadOnly = false }) => ({
      hostPath,
      containerPath,
      readonly: readOnly,
      propagation: PROPAGATION[propagation],
      recursiveReadOnly,
    }),
  )
}

const PROPAGATION: Record<NonNullable<Mount['propagation']>, MountPropagation> = {
  private: MountPropagation.PROPAGATION_PRIVATE,
  rslave: MountPropagation.PROPAGATION_HOST_TO_CONTAINER,
  rshared: MountPropagation.PROPAGATION_BIDIRECTIONAL,
}

/** Runtimes put it below the pod's log folder. */
function relativeLogPath({ logDirectory }: SandboxConfig, logPath: string): string {
  if (!logPath.startsWith(`${logDirectory}/`))
    throw new RuntimeError('CreateContainerConfigError', `log path ${logPath} is not below ${logDirectory}`)
  return logPath.slice(logDirectory.length + 1)
}

function securityContext(parts: ContainerParts): MessageInitShape<typeof LinuxContainerSecurityContextSchema> {
  const { sandbox, config, host, targetId, imageUserId = 0 } = parts
  const { security } = config
  const { user, userName, group, supplementalGroupsPolicy, appArmorProfile } = security
  if (supplementalGroupsPolicy === 'strict' && !host.hasGroupsPolicy)
    throw new RuntimeError('CreateContainerConfigError', 'SupplementalGroupsPolicy=Strict is not supported in this node')
  // A group needs a user beside it: then it is the image's, as when there is no group.
  const userId = user ?? (group !== undefined && userName === undefined ? imageUserId : undefined)
  const isMasked = !security.privileged && security.procMount === 'default'
  return {
    privileged: security.privileged,
    namespaceOptions: namespaces(sandbox, targetId),
    ...(userId !== undefined && { runAsUser: { value: BigInt(userId) } }),
    ...(userId === undefined && userName !== undefined && { runAsUsername: userName }),
    ...(group !== undefined && { runAsGroup: { value: BigInt(group) } }),
    supplementalGroups: security.supplementalGroups.map(BigInt),
    ...(supplementalGroupsPolicy === 'strict' && { supplementalGroupsPolicy: SupplementalGroupsPolicy.Strict }),
    readonlyRootfs: security.readOnlyRoot,
    noNewPrivs: security.noNewPrivileges,
    capabilities: { addCapabilities: security.addCapabilities.map(bare), dropCapabilities: security.dropCapabilities.map(bare) },
    seccomp: seccomp(security.seccomp),
    ...(appArmorProfile !== undefined && { apparmor: appArmor(appArmorProfile) }),
    maskedPaths: isMasked ? MASKED_PATHS : [],
    readonlyPaths: isMasked ? READ_ONLY_PATHS : [],
  }
}

const bare = (right: string): string => right.toUpperCase().replace(/^CAP_/, '')

/** @see Source: kubernetes pkg/securitycontext, `defaultMaskedPaths` and `defaultReadonlyPaths`. */
const MASKED_PATHS = [
  '/proc/asound',
  '/proc/acpi',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/sys/firmware',
  '/sys/devices/virtual/powercap',
]
const READ_ONLY_PATHS = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger']

function seccomp(profile: SeccompProfile): MessageInitShape<typeof SecurityProfileSchema> {
  switch (profile.type) {
    case 'runtime-default':
      return { profileType: ProfileType.RuntimeDefault }
    case 'unconfined':
      return { profileType: ProfileType.Unconfined }
    case 'localhost':
      return { profileType: ProfileType.Localhost, localhostRef: profile.path }
  }
}

const appArmor = (profile: string): MessageInitShape<typeof SecurityProfileSchema> =>
  profile === 'unconfined' ? { profileType: ProfileType.Unconfined } : { profileType: ProfileType.Localhost, localhostRef: profile }

/** Runtimes leave a login out whose `server_address` is not the image's registry; `login.registry` may have a path, which they do not know. */
export const authConfig = ({ username, password, identityToken }: RegistryLogin): MessageInitShape<typeof AuthConfigSchema> => ({
  ...(username !== undefined && { username }),
  ...(password !== undefined && { password }),
  ...(identityToken !== undefined && { identityToken }),
})
