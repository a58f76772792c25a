import type { Duplex } from 'node:stream'
import type { RemoteProcess, Stdio } from '@bramble/streams/remote-process'

// The runtime seam: CRI, cut to what a pod needs. Implementations: `podman/`, `cri/` (containerd, CRI-O), `fake/`;
// `runtime.contract.ts` binds them.

export interface RuntimeService {
  /** `podman`, `containerd`, `fake`; shown as `podman://4.3.1` in node info and as prefix of container ids. */
  readonly name: string
  /** Never throws: a runtime that is missing or broken is `ready: false` with a reason that says what to do. */
  status(): Promise<{ readonly ready: boolean; readonly reason?: string; readonly version: string }>
  /** The truth; found again by label after an agent restart or a reboot. Of one pod when `podUid` is given. */
  observe(podUid?: string): Promise<readonly SandboxState[]>
  /** "Look again"; may be lost, may come for nothing. Ends when `signal` aborts. */
  hints(signal: AbortSignal): AsyncIterable<{ readonly podUid: string }>
  /** Network and other namespaces of a pod. Running it twice for one pod returns the same sandbox. @returns its id. */
  runSandbox(config: SandboxConfig, signal: AbortSignal): Promise<string>
  /** Creates, does not start. The same name and attempt twice returns the same container. @returns its id. */
  createContainer(sandboxId: string, config: ContainerConfig, signal: AbortSignal): Promise<string>
  /** Started already = success. @throws RuntimeError `RunContainerError` when the command cannot be run. */
  startContainer(id: string): Promise<void>
  /** SIGTERM, after `graceMs` SIGKILL. Absent or stopped = success. Resolves when it has stopped. */
  stopContainer(id: string, graceMs: number): Promise<void>
  /** Absent = success. A running one is killed first. */
  removeContainer(id: string): Promise<void>
  /** Removes what is left of containers, then namespaces and addresses. Absent = success. */
  removeSandbox(id: string): Promise<void>
  /**
   * Changes what a running container may use, without a restart; only what is given. Limits that were not set cannot be removed.
   * @throws RuntimeError `ResizeError` with the runtime's or the kernel's words (say, memory below what is in use).
   */
  updateContainer(id: string, resources: ContainerResources): Promise<void>
  /** The pod-level cgroup follows. A runtime without one does nothing. */
  updateSandbox(id: string, resources: PodResources): Promise<void>
  /**
   * The container's log file was renamed: it writes to a new one of the old name from now on. Absent where a runtime cannot.
   * @throws RuntimeError when the container does not run: it goes on where it was.
   */
  reopenLog?(id: string): Promise<void>
  /** Runs a command inside, for probes and hooks. @returns its exit code and the first 10 KiB of output. Throws RuntimeError on time-out. */
  exec(containerId: string, command: readonly string[], timeoutMs: number): Promise<{ readonly exitCode: number; readonly output: string }>
}

/** Bytes to and from containers. */
export interface StreamService {
  /** Runs a command inside for somebody who watches. @throws RuntimeError `RuntimeUnavailable` when the container does not run. */
  openExec(containerId: string, command: readonly string[], stdio: Stdio, signal: AbortSignal): Promise<RemoteProcess>
  /** To the container's own process, from now on. Its stdin was kept open if `stdin` of its configuration said so. @throws as openExec. */
  openAttach(containerId: string, stdio: Stdio, signal: AbortSignal): Promise<RemoteProcess>
  /** A TCP connection to the port as the pod itself would make it, on its loopback. @throws RuntimeError when nothing listens. */
  openPort(sandboxId: string, port: number, signal: AbortSignal): Promise<Duplex>
}

/** What only the runtime knows of use. All else is read from cgroups, without asking it. */
export interface UsageService {
  /** Folder of the pod's cgroup below the root of each hierarchy, `/bramble/burstable/pod…`; containers' own are its children, named after their ids. */
  cgroupOf(podUid: string): Promise<string | undefined>
  /** Bytes (and inodes where known) of what containers wrote outside volumes. Costs disk reads: ask rarely. */
  writableLayers(): Promise<readonly WritableLayer[]>
  /** Where images are kept, for its disk's fill level. */
  imageFolder(): Promise<string>
}
export interface WritableLayer {
  readonly containerId: string
  readonly usedBytes: number
  readonly inodes?: number
}

export interface ImageService {
  /** undefined when the image is not here. */
  imageStatus(reference: string): Promise<ImageState | undefined>
  /**
   * Tries each of `logins` (those that fit the image's registry, most specific first), then none. Layers that arrived before a cut
   * are not fetched again.
   * @throws RuntimeError `ErrImagePull`, with the registry's own words; a login never shows in them.
   */
  pullImage(reference: string, logins: readonly RegistryLogin[], signal: AbortSignal): Promise<ImageState>
  /** Takes in an OCI or Docker archive, as `docker save` writes it. @returns the images in it. @throws RuntimeError `ErrImagePull`. */
  loadImages(archivePath: string, signal: AbortSignal): Promise<readonly ImageState[]>
  listImages(): Promise<readonly ImageState[]>
  removeImage(id: string): Promise<void>
}
export type Runtime = RuntimeService & ImageService & StreamService & UsageService

/** From image pull secrets. */
export interface RegistryLogin {
  /** Host and perhaps port and path, `registry.local:5000/team`. */
  readonly registry: string
  readonly username?: string
  readonly password?: string
  /** Instead of a password. */
  readonly identityToken?: string
}

export interface ImageState {
  /** `sha256:…` of the image configuration. */
  readonly id: string
  readonly names: readonly string[]
  /** `name@sha256:…` where known. */
  readonly digests: readonly string[]
  readonly sizeBytes: number
  /** USER of the image, when it is numeric. */
  readonly userId?: number
  /** USER of the image, when it is a name. */
  readonly userName?: string
  /** `linux/arm64` and the like, where known. */
  readonly platform?: string
  /** The runtime needs it itself: it is never removed. */
  readonly pinned?: boolean
}

export interface SandboxConfig {
  readonly podUid: string
  readonly namespace: string
  readonly name: string
  readonly hostname: string
  readonly hostNetwork: boolean
  readonly hostPid: boolean
  readonly hostIpc: boolean
  /** Containers see each other's processes; one that belongs to no container is the first of them. */
  readonly sharedProcesses: boolean
  /** Some container of it is privileged: runtimes want to know before. */
  readonly privileged?: boolean
  readonly resources: PodResources
  /** The pod's cgroup is made and removed by whoever asks: a path, or a slice with systemd. Absent: the runtime's adapter makes one. */
  readonly cgroupParent?: string
  readonly portMappings: readonly {
    readonly hostPort: number
    readonly containerPort: number
    readonly protocol: 'tcp' | 'udp'
    readonly hostIp?: string
  }[]
  /** Folder of the pod's container logs, absolute. */
  readonly logDirectory: string
  readonly sysctls: Readonly<Record<string, string>>
}

/** The pod as a whole: its cgroup lies below that of its class. */
export interface PodResources {
  readonly qosClass: 'Guaranteed' | 'Burstable' | 'BestEffort'
  /** Sum of what containers request, in thousandths of a core. */
  readonly cpuRequestMillis: number
  /** Absent where a container has no limit. */
  readonly cpuLimitMillis?: number
  readonly memoryLimitBytes?: number
  /** Processes and threads of all its containers together, so that a fork bomb ends there. Absent from a change: as it was. */
  readonly pidsLimit?: number
}

export interface SandboxState {
  readonly id: string
  readonly podUid: string
  readonly namespace: string
  readonly name: string
  /** Namespaces and address are there; false after a reboot: remove it and run another. */
  readonly ready: boolean
  /** Absent with host network. */
  readonly ip?: string
  readonly createdAtMs: number
  readonly containers: readonly ContainerState[]
}

export interface ContainerConfig {
  readonly name: string
  /** 0 for the first, then one more for each restart. */
  readonly attempt: number
  /** Image id. */
  readonly image: string
  /** What the pod asked for, for people. */
  readonly imageReference: string
  /** Empty: the image's own. */
  readonly command: readonly string[]
  readonly args: readonly string[]
  readonly workingDirectory?: string
  readonly env: readonly { readonly name: string; readonly value: string }[]
  readonly mounts: readonly Mount[]
  /** Absolute; CRI log format. */
  readonly logPath: string
  readonly resources: ContainerResources
  readonly oomScoreAdj: number
  /** Devices of the host that it may use, without privilege. */
  readonly devices: readonly Device[]
  /** Id of the container of the same pod whose processes it sees, for ephemeral containers. It runs when this one is created. */
  readonly processesOf?: string
  /** Ends it instead of the image's own signal, e.g. `SIGUSR1` or `SIGRTMIN+3`. Source: core/v1 Lifecycle.stopSignal. */
  readonly stopSignal?: string
  readonly security: {
    readonly user?: number
    /** USER of the image by name, when the pod says nothing. */
    readonly userName?: string
    readonly group?: number
    readonly supplementalGroups: readonly number[]
    /** `strict`: no groups from the image's own /etc/group. @throws by createContainer, in words, where that cannot be had. */
    readonly supplementalGroupsPolicy?: 'merge' | 'strict'
    /** A profile that the kernel has loaded, or `unconfined`; absent: the runtime's default. */
    readonly appArmorProfile?: string
    readonly privileged: boolean
    readonly readOnlyRoot: boolean
    readonly noNewPrivileges: boolean
    readonly addCapabilities: readonly string[]
    readonly dropCapabilities: readonly string[]
    readonly seccomp: SeccompProfile
    /** `unmasked`: /proc as it is, nothing hidden or read-only. */
    readonly procMount: 'default' | 'unmasked'
  }
  readonly tty: boolean
  readonly stdin: boolean
  /** The first who attaches closes it for good. */
  readonly stdinOnce: boolean
  /** Container file whose content explains the end; absolute path inside. */
  readonly terminationMessagePath: string
  /** Restart count etc. that an adopting agent needs again; opaque to the runtime, kept as labels or annotations. */
  readonly annotations: Readonly<Record<string, string>>
}

export interface ContainerResources {
  /** Requested CPU in thousandths of a core, for its share under contention. */
  readonly cpuRequestMillis?: number
  readonly cpuLimitMillis?: number
  readonly memoryLimitBytes?: number
}

export interface Device {
  readonly hostPath: string
  readonly containerPath: string
  /** Of `r`, `w`, `m`. */
  readonly permissions: string
}

/** `localhost`: a profile in OCI form, absolute path on the node. */
export type SeccompProfile = { readonly type: 'runtime-default' | 'unconfined' } | { readonly type: 'localhost'; readonly path: string }

export interface Mount {
  readonly hostPath: string
  readonly containerPath: string
  readonly readOnly: boolean
  readonly propagation?: 'private' | 'rslave' | 'rshared'
  /** Submounts are read-only as well. */
  readonly recursiveReadOnly?: boolean
}

export interface ContainerState {
  readonly id: string
  readonly name: string
  readonly attempt: number
  /** Process id on the host, while it runs and where known. */
  readonly pid?: number
  /** What applies to it now, where the runtime tells. */
  readonly resources?: ContainerResources
  readonly state: 'created' | 'running' | 'exited'
  readonly image: string
  readonly imageReference: string
  readonly createdAtMs: number
  readonly startedAtMs?: number
  readonly finishedAtMs?: number
  /** 128 + signal when it was killed; 137 with `oomKilled` when memory ran out. Absent when it is not known (power cut). */
  readonly exitCode?: number
  readonly oomKilled?: boolean
  readonly logPath: string
  readonly annotations: Readonly<Record<string, string>>
}

/** Kubernetes' own reasons, as a pod status shows them. */
export type RuntimeReason =
  | 'CreatePodSandboxError'
  | 'CreateContainerError'
  | 'CreateContainerConfigError'
  | 'RunContainerError'
  | 'ErrImagePull'
  | 'ErrImageNeverPull'
  | 'InvalidImageName'
  | 'ImageInspectError'
  | 'RegistryUnavailable'
  | 'SignatureValidationFailed'
  | 'RuntimeUnavailable'
  | 'ResizeError'
  | 'ExecTimeout'
  /** A device that the pod asked for is not free. */
  | 'UnexpectedAdmissionError'

export class RuntimeError extends Error {
  readonly reason: RuntimeReason
  constructor(reason: RuntimeReason, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'RuntimeError'
    this.reason = reason
  }
}
