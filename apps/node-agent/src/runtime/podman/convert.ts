// Pure: what a pod wants to what Podman is told, what Podman says to what is observed.
import { type CgroupVersion, ociResources } from '../cgroups/settings.ts'
import { type ContainerConfig, type ContainerResources, type ContainerState, type ImageState, RuntimeError } from '../runtime.ts'
import { signalNumber } from '../signals.ts'
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
  resources: 'bramble.resources',
  stdinOnce: 'bramble.stdin-once',
  owner: 'bramble.owner',
} as const

/** How containers are made on this machine. */
export interface HostTraits {
  readonly limits: ProcessLimits
  /** Of the pod, below which Podman makes the container's own. */
  readonly cgroupParent: string
  /** Cgroup controllers; limits whose controller the kernel does not have cannot be set. */
  readonly controllers: readonly string[]
  readonly cgroupVersion: CgroupVersion
  readonly logBytesMax: number
  /** Whose pods these are; absent: the agent's. */
  readonly owner?: string
}

/** What is known of other containers when one is made. */
export interface ContainerContext {
  /** Process on the host whose process namespace it joins. */
  readonly processesOf?: number
}

/** Name of a container: a function of pod, name and attempt, so that creating it twice is noticed. */
export const containerName = (podUid: string, config: Pick<ContainerConfig, 'name' | 'attempt'>): string =>
  `bramble_${config.name}_${podUid}_${config.attempt}`

/** @throws RuntimeError `CreateContainerConfigError` for what cannot be expressed. */
export function containerSpec(
  sandbox: SandboxRecord,
  places: SandboxPlaces,
  config: ContainerConfig,
  host: HostTraits,
  context: ContainerContext = {},
): ContainerSpec {
  const { security } = config
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
    ...(config.stopSignal !== undefined && { stop_signal: signalNumber(config.stopSignal) ?? SIGTERM }),
    labels: labelsOf(sandbox, config, host.owner),
    ...namespacesOf(sandbox, places),
    pidns: processesOf(sandbox, places, context),
    mounts: mountsOf(sandbox, places, config),
    use_image_hosts: true,
    use_image_resolve_conf: true,
    image_volume_mode: 'ignore',
    restart_policy: 'no',
    healthconfig: { Test: ['NONE'] },
    systemd: 'false',
    sdnotifyMode: 'ignore',
    ...userOf(security),
    ...(security.supplementalGroups.length > 0 && { groups: security.supplementalGroups.map(String) }),
    privileged: security.privileged,
    read_only_filesystem: security.readOnlyRoot,
    no_new_privileges: security.noNewPrivileges,
    ...capabilities(security),
    ...(security.seccomp.type === 'unconfined' && { seccomp_profile_path: 'unconfined' }),
    ...(security.seccomp.type === 'localhost' && { seccomp_profile_path: security.seccomp.path }),
    ...(security.appArmorProfile !== undefined && { apparmor_profile: security.appArmorProfile }),
    ...(security.procMount === 'unmasked' && { unmask: ['ALL'] }),
    ...(config.devices.length > 0 && {
      devices: config.devices.map(({ hostPath, containerPath, permissions }) => ({ path: `${hostPath}:${containerPath}:${permissions}` })),
    }),
    oom_score_adj: Math.max(config.oomScoreAdj, host.limits.oomScoreAdjMin),
    r_limits: [rlimit('nofile', host.limits.openFilesMax), rlimit('nproc', host.limits.processesMax)],
    resource_limits: resourcesOf(config, host),
    cgroup_parent: host.cgroupParent,
    // as the kubelet has it: when memory runs out for one process, the whole container ends
    ...(host.cgroupVersion === 2 && host.controllers.includes('memory') && { unified: { 'memory.oom.group': '1' } }),
    log_configuration: { driver: 'k8s-file', path: config.logPath, size: host.logBytesMax },
  }
}

const labelsOf = (sandbox: SandboxRecord, config: ContainerConfig, owner: string | undefined): Record<string, string> => ({
  [LABEL.podUid]: sandbox.podUid,
  [LABEL.podName]: sandbox.name,
  [LABEL.podNamespace]: sandbox.namespace,
  [LABEL.container]: config.name,
  [LABEL.attempt]: String(config.attempt),
  [LABEL.imageReference]: config.imageReference,
  [LABEL.logPath]: config.logPath,
  [LABEL.annotations]: JSON.stringify(config.annotations),
  [LABEL.resources]: JSON.stringify(config.resources),
  ...(config.stdinOnce && { [LABEL.stdinOnce]: 'true' }),
  ...(owner && { [LABEL.owner]: owner }),
})

/**
 * With a group Podman looks into no /etc/group of the image, without one it does.
 * @throws RuntimeError as the runtime interface of Kubernetes wants it for a group alone.
 */
function userOf({ user, userName, group, supplementalGroupsPolicy }: ContainerConfig['security']): Pick<ContainerSpec, 'user'> {
  const name = user ?? userName
  if (supplementalGroupsPolicy === 'strict' && group === undefined)
    throw new RuntimeError(
      'CreateContainerConfigError',
      'supplementalGroupsPolicy Strict needs runAsGroup with Podman, which else adds groups of the image',
    )
  if (group !== undefined && name === undefined) throw new RuntimeError('CreateContainerConfigError', 'runAsGroup needs runAsUser')
  return name === undefined ? {} : { user: group === undefined ? String(name) : `${name}:${group}` }
}

const at = (path: string | undefined): NamespaceSpec => (path === undefined ? { nsmode: 'host' } : { nsmode: 'path', value: path })

function namespacesOf(sandbox: SandboxRecord, places: SandboxPlaces): Pick<ContainerSpec, 'netns' | 'ipcns' | 'utsns'> {
  return {
    netns: at(sandbox.made?.netnsPath),
    ipcns: at(sandbox.hostIpc ? undefined : places.ipc),
    utsns: at(sandbox.hostNetwork ? undefined : places.uts),
  }
}

function processesOf(sandbox: SandboxRecord, places: SandboxPlaces, { processesOf }: ContainerContext): NamespaceSpec {
  if (sandbox.hostPid) return { nsmode: 'host' }
  if (sandbox.sharedProcesses) return at(places.pid)
  return processesOf === undefined ? { nsmode: 'private' } : at(`/proc/${processesOf}/ns/pid`)
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
  const own = config.mounts.map((mount, index) =>
    bind(
      mount.readOnly && mount.recursiveReadOnly ? readOnlyCopy(places, config.name, index) : mount.hostPath,
      mount.containerPath,
      mount.readOnly ? 'ro' : 'rw',
      mount.propagation ?? 'rprivate',
    ),
  )
  const taken = new Set(own.map((mount) => mount.destination))
  return [...shared.filter((mount) => !taken.has(mount.destination)), ...own]
}

/** Where a mount is shown read-only with all that is mounted below it: Podman has no option for that. */
export const readOnlyCopy = (places: SandboxPlaces, container: string, index: number): string => `${places.mounts}/${container}-${index}`

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

/** What the kernel cannot limit is left out. */
function resourcesOf({ resources }: ContainerConfig, { controllers }: HostTraits): ContainerSpec['resource_limits'] {
  const { cpu, memory } = ociResources({ ...resources, cpuRequestMillis: resources.cpuRequestMillis ?? 0 })
  return { ...(controllers.includes('cpu') && { cpu }), ...(memory && controllers.includes('memory') && { memory }) }
}

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
  /** While it runs. */
  readonly pid?: number
  /** Its watcher; without it nobody learns of the container's end. */
  readonly conmonPid?: number
  /** Folder of what it writes outside volumes. */
  readonly writableLayer?: string
}

/**
 * @param conmonLives Whether the process that watches a running container is there. Without it the container counts as ended with
 * an unknown code: nobody would ever notice its real end.
 */
export function containerState(
  listed: ListedContainer,
  detail: ContainerDetail,
  conmonLives: boolean,
  resources: ContainerResources | undefined = undefined,
): ContainerState {
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
    ...(state === 'running' && detail.pid !== undefined && { pid: detail.pid }),
    ...resourcesIn(labels, resources),
    image: imageId(listed.ImageID),
    imageReference: labels[LABEL.imageReference] ?? '',
    createdAtMs: Date.parse(listed.Created),
    ...(state !== 'created' && detail.startedAtMs !== undefined && { startedAtMs: detail.startedAtMs }),
    ...(state === 'exited' && !lost && ended(detail)),
    ...(state === 'exited' && !lost && detail.oomKilled && { oomKilled: true }),
    logPath: labels[LABEL.logPath] ?? '',
    annotations: JSON.parse(labels[LABEL.annotations] ?? '{}') as Record<string, string>,
  }
}

const ended = ({ finishedAtMs, exitCode }: ContainerDetail): Pick<ContainerState, 'finishedAtMs' | 'exitCode'> => ({
  ...(finishedAtMs !== undefined && { finishedAtMs }),
  ...(exitCode !== undefined && { exitCode }),
})

/** @param changed Since it was made. */
function resourcesIn(labels: Readonly<Record<string, string>>, changed: ContainerResources | undefined): Pick<ContainerState, 'resources'> {
  const text = labels[LABEL.resources]
  return text === undefined ? {} : { resources: { ...(JSON.parse(text) as ContainerResources), ...changed } }
}

/** @param oomSeen Whether the kernel's count of memory kills was above zero when the container died. */
export function containerDetail({ State, GraphDriver }: InspectedContainer, oomSeen: boolean): ContainerDetail {
  const writableLayer = GraphDriver?.Data?.UpperDir
  return {
    status: State.Status,
    startedAtMs: happenedAt(State.StartedAt),
    finishedAtMs: happenedAt(State.FinishedAt),
    exitCode: State.ExitCode,
    oomKilled: State.ExitCode === SIGKILLED && (State.OOMKilled || oomSeen),
    ...(State.Pid > 0 && { pid: State.Pid }),
    ...(State.ConmonPid ? { conmonPid: State.ConmonPid } : {}),
    ...(writableLayer !== undefined && { writableLayer }),
  }
}

/** What the list tells of a container that cannot be inspected. How it ended is not believed: it is broken. */
export function listedDetail({ State, Pid, StartedAt }: ListedContainer): ContainerDetail {
  return {
    status: State,
    ...(StartedAt > 0 && { startedAtMs: StartedAt * 1000 }),
    oomKilled: false,
    ...(Pid > 0 && { pid: Pid }),
  }
}

const SIGKILLED = 137
/** Go's zero time means never. */
const happenedAt = (time: string): number | undefined => (time.startsWith('0001-') ? undefined : Date.parse(time))
const imageId = (id: string): string => (id.startsWith('sha256:') ? id : `sha256:${id}`)

export function imageState(image: ListedImage & Partial<InspectedImage>): ImageState {
  const user = (image.Config?.User ?? image.User ?? '').split(':')[0]!
  const isNumber = /^\d+$/.test(user)
  return {
    id: imageId(image.Id),
    names: image.RepoTags ?? [],
    digests: image.RepoDigests ?? [],
    sizeBytes: image.Size,
    ...(isNumber && { userId: Number(user) }),
    ...(!isNumber && user !== '' && { userName: user }),
    ...(image.Os && image.Architecture && { platform: `${image.Os}/${image.Architecture}` }),
  }
}

/**
 * Exit code of a command in a container: 126 or 127, as a shell says it, when there was nothing to run, which runc and crun tell in
 * words alone; undefined when they failed themselves.
 */
export function execExitCode(exitCode: number, output: string): number | undefined {
  if (exitCode !== OWN_FAILURE) return exitCode
  if (/executable file .*not found in \$PATH|exec failed: .* exec: .*no such file or directory/.test(output)) return 127
  if (/cannot exec (in )?a (container that has )?stopped|container .* is not running|container does not exist/.test(output))
    return undefined
  if (/^open executable: |exec failed: .* exec: .*permission denied/.test(output)) return 126
  return /exec failed: unable to start container process/.test(output) ? undefined : exitCode
}

const OWN_FAILURE = 255

const SIGTERM = 15
