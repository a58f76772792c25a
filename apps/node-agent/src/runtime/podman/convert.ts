// Pure: what a pod wants to what Podman is told, what Podman says to what is observed.
import { type ContainerConfig, type ContainerState, type ImageState, RuntimeError } from '../runtime.ts'
import type {
  ContainerSpec,
  InspectedContainer,
  InspectedImage,
  ListedContainer,
  ListedImage,
  ListedState,
  MountSpec,
  NamespaceSpec,
} from './libpod.ts'
import type { ProcessLimits } from './process-limits.ts'
import type { SandboxPlaces, SandboxRecord } from './sandboxes.ts'

export const LABEL = {
  podUid: 'bramble.pod-uid',
  podName: 'bramble.pod-name',
  podNamespace: 'bramble.pod-namespace',
  container: 'bramble.container',
  attempt: 'bramble.attempt',
  imageReference: 'bramble.image-reference',
  logPath: 'bramble.log-path',
  annotations: 'bramble.annotations',
} as const

/** How containers are made on this machine. */
export interface HostTraits {
  readonly limits: ProcessLimits
  /** Of the pod, below which Podman makes the container's own. */
  readonly cgroupParent: string
  /** Cgroup controllers; limits whose controller the kernel does not have cannot be set. */
  readonly controllers: readonly string[]
  readonly logBytesMax: number
}

/** Name of a container: a function of pod, name and attempt, so that creating it twice is noticed. */
export const containerName = (podUid: string, config: Pick<ContainerConfig, 'name' | 'attempt'>): string =>
  `bramble_${config.name}_${podUid}_${config.attempt}`

/** @throws RuntimeError `CreateContainerConfigError` for what cannot be expressed. */
export function containerSpec(sandbox: SandboxRecord, places: SandboxPlaces, config: ContainerConfig, host: HostTraits): ContainerSpec {
  const { security } = config
  if (security.group !== undefined && security.user === undefined)
    throw new RuntimeError('CreateContainerConfigError', 'runAsGroup needs runAsUser')
  return {
    name: containerName(sandbox.podUid, config),
    image: config.image.replace(/^sha256:/, ''),
    ...(config.command.length > 0 && { entrypoint: config.command }),
    ...(config.args.length > 0 && { command: config.args }),
    ...(config.workingDirectory !== undefined && config.workingDirectory !== '' && { work_dir: config.workingDirectory }),
    env: Object.fromEntries([['HOSTNAME', sandbox.hostname], ...config.env.map(({ name, value }) => [name, value])]),
    env_host: false,
    httpproxy: false,
    terminal: config.tty,
    stdin: config.stdin,
    labels: labelsOf(sandbox, config),
    ...namespacesOf(sandbox, places),
    mounts: mountsOf(sandbox, places, config),
    use_image_hosts: true,
    use_image_resolve_conf: true,
    image_volume_mode: 'ignore',
    restart_policy: 'no',
    healthconfig: { Test: ['NONE'] },
    systemd: 'false',
    sdnotifyMode: 'ignore',
    ...(security.user !== undefined && { user: security.group === undefined ? `${security.user}` : `${security.user}:${security.group}` }),
    ...(security.supplementalGroups.length > 0 && { groups: security.supplementalGroups.map(String) }),
    privileged: security.privileged,
    read_only_filesystem: security.readOnlyRoot,
    no_new_privileges: security.noNewPrivileges,
    ...capabilities(security),
    oom_score_adj: Math.max(config.oomScoreAdj, host.limits.oomScoreAdjMin),
    r_limits: [rlimit('nofile', host.limits.openFilesMax), rlimit('nproc', host.limits.processesMax)],
    resource_limits: resourcesOf(config, host),
    cgroup_parent: host.cgroupParent,
    log_configuration: { driver: 'k8s-file', path: config.logPath, size: host.logBytesMax },
  }
}

const labelsOf = (sandbox: SandboxRecord, config: ContainerConfig): Record<string, string> => ({
  [LABEL.podUid]: sandbox.podUid,
  [LABEL.podName]: sandbox.name,
  [LABEL.podNamespace]: sandbox.namespace,
  [LABEL.container]: config.name,
  [LABEL.attempt]: String(config.attempt),
  [LABEL.imageReference]: config.imageReference,
  [LABEL.logPath]: config.logPath,
  [LABEL.annotations]: JSON.stringify(config.annotations),
})

function namespacesOf(sandbox: SandboxRecord, places: SandboxPlaces): Pick<ContainerSpec, 'netns' | 'ipcns' | 'utsns' | 'pidns'> {
  const at = (path: string | undefined): NamespaceSpec => (path === undefined ? { nsmode: 'host' } : { nsmode: 'path', value: path })
  return {
    netns: at(sandbox.made?.netnsPath),
    ipcns: at(sandbox.hostIpc ? undefined : places.ipc),
    utsns: at(sandbox.hostNetwork ? undefined : places.uts),
    pidns: { nsmode: sandbox.hostPid ? 'host' : 'private' },
  }
}

/** The pod's shared files come first; a mount of the container's own at the same path takes their place. */
function mountsOf(sandbox: SandboxRecord, places: SandboxPlaces, config: ContainerConfig): MountSpec[] {
  const bind = (source: string, destination: string, ...options: string[]): MountSpec => ({
    type: 'bind',
    source,
    destination,
    options: ['rbind', ...options],
  })
  const shared = [
    bind(places.hosts, '/etc/hosts', 'rw'),
    bind(places.hostname, '/etc/hostname', 'rw'),
    bind(places.resolvConf, '/etc/resolv.conf', 'rw'),
    ...(sandbox.hostIpc ? [] : [bind(places.shm, '/dev/shm', 'rw')]),
  ]
  const own = config.mounts.map((mount) =>
    bind(mount.hostPath, mount.containerPath, mount.readOnly ? 'ro' : 'rw', mount.propagation ?? 'rprivate'),
  )
  const taken = new Set(own.map((mount) => mount.destination))
  return [...shared.filter((mount) => !taken.has(mount.destination)), ...own]
}

/** Kubernetes' usual rights beyond Podman's default. A right that is dropped is not added, 'ALL' drops the default ones. */
const USUAL_RIGHTS = ['AUDIT_WRITE', 'MKNOD', 'NET_RAW']
const bare = (right: string): string => right.toUpperCase().replace(/^CAP_/, '')

function capabilities(security: ContainerConfig['security']): {
  readonly cap_add: readonly string[]
  readonly cap_drop: readonly string[]
} {
  const drop = new Set(security.dropCapabilities.map(bare))
  const usual = drop.has('ALL') ? [] : USUAL_RIGHTS
  const add = new Set([...usual, ...security.addCapabilities.map(bare)].filter((right) => !drop.has(right)))
  return { cap_add: add.has('ALL') ? ['ALL'] : [...add], cap_drop: [...drop] }
}

const rlimit = (type: string, value: number): { type: string; soft: number; hard: number } => ({ type, soft: value, hard: value })

const CPU_PERIOD_US = 100_000
const CPU_QUOTA_US_MIN = 1_000
const CPU_SHARES_MIN = 2

/** @see Source: kubernetes pkg/kubelet/cm, `MilliCPUToShares` and `MilliCPUToQuota`. */
function resourcesOf({ resources }: ContainerConfig, host: HostTraits): ContainerSpec['resource_limits'] {
  const { cpuRequestMillis = 0, cpuLimitMillis, memoryLimitBytes } = resources
  const shares = Math.max(CPU_SHARES_MIN, Math.floor((cpuRequestMillis * 1024) / 1000))
  const quota =
    cpuLimitMillis === undefined
      ? {}
      : { quota: Math.max(CPU_QUOTA_US_MIN, Math.floor((cpuLimitMillis * CPU_PERIOD_US) / 1000)), period: CPU_PERIOD_US }
  return {
    ...(host.controllers.includes('cpu') && { cpu: { shares, ...quota } }),
    ...(memoryLimitBytes !== undefined &&
      host.controllers.includes('memory') && { memory: { limit: memoryLimitBytes, swap: memoryLimitBytes } }),
  }
}

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

const STATE: Record<ListedState, ContainerState['state']> = {
  configured: 'created',
  created: 'created',
  initialized: 'created',
  running: 'running',
  paused: 'running',
  stopping: 'running',
  stopped: 'exited',
  exited: 'exited',
  removing: 'exited',
  unknown: 'exited',
}

/** What only an inspection tells, or the host does. */
export interface ContainerDetail {
  readonly status: ListedState
  readonly startedAtMs?: number
  readonly finishedAtMs?: number
  readonly exitCode?: number
  readonly oomKilled: boolean
  /** Its watcher; without it nobody learns of the container's end. */
  readonly conmonPid?: number
}

/**
 * @param conmonLives Whether the process that watches a running container is there. Without it the container counts as ended with
 * an unknown code: nobody would ever notice its real end.
 */
export function containerState(listed: ListedContainer, detail: ContainerDetail, conmonLives: boolean): ContainerState {
  const labels = listed.Labels ?? {}
  // After a power cut Podman says "created" of a container that had been started.
  const lostAtReboot = STATE[detail.status] === 'created' && detail.startedAtMs !== undefined
  const lost = lostAtReboot || (STATE[detail.status] === 'running' && !conmonLives)
  const state = lost ? 'exited' : STATE[detail.status]
  return {
    id: listed.Id,
    name: labels[LABEL.container] ?? '',
    attempt: Number(labels[LABEL.attempt] ?? 0),
    state,
    image: imageId(listed.ImageID),
    imageReference: labels[LABEL.imageReference] ?? '',
    createdAtMs: Date.parse(listed.Created),
    ...(state !== 'created' && detail.startedAtMs !== undefined && { startedAtMs: detail.startedAtMs }),
    ...(state === 'exited' && !lost && { finishedAtMs: detail.finishedAtMs, exitCode: detail.exitCode }),
    ...(state === 'exited' && !lost && detail.oomKilled && { oomKilled: true }),
    logPath: labels[LABEL.logPath] ?? '',
    annotations: JSON.parse(labels[LABEL.annotations] ?? '{}') as Record<string, string>,
  }
}

/** @param oomSeen Whether the kernel's count of memory kills was above zero when the container died. */
export function containerDetail({ State }: InspectedContainer, oomSeen: boolean): ContainerDetail {
  return {
    status: State.Status,
    startedAtMs: happenedAt(State.StartedAt),
    finishedAtMs: happenedAt(State.FinishedAt),
    exitCode: State.ExitCode,
    oomKilled: State.ExitCode === SIGKILLED && (State.OOMKilled || oomSeen),
    ...(State.ConmonPid ? { conmonPid: State.ConmonPid } : {}),
  }
}

const SIGKILLED = 137
/** Go's zero time means never. */
const happenedAt = (time: string): number | undefined => (time.startsWith('0001-') ? undefined : Date.parse(time))
const imageId = (id: string): string => (id.startsWith('sha256:') ? id : `sha256:${id}`)

export function imageState(image: ListedImage & Partial<InspectedImage>): ImageState {
  const user = /^\d+(?=:|$)/.exec(image.Config?.User ?? image.User ?? '')?.[0]
  return {
    id: imageId(image.Id),
    names: image.RepoTags ?? [],
    digests: image.RepoDigests ?? [],
    sizeBytes: image.Size,
    ...(user !== undefined && { userId: Number(user) }),
  }
}

/**
 * Exit code of a command in a container: 126 or 127, as a shell says it, when there was nothing to run, which runc and crun tell in
 * words alone; undefined when they failed themselves.
 */
export function execExitCode(exitCode: number, output: string): number | undefined {
  if (exitCode !== OWN_FAILURE) return exitCode
  if (/executable file .*not found in \$PATH|exec failed: .* exec: .*no such file or directory/.test(output)) return 127
  if (/^open executable: |exec failed: .* exec: .*permission denied/.test(output)) return 126
  return /exec failed: unable to start container process/.test(output) ? undefined : exitCode
}

const OWN_FAILURE = 255
