// The runtime seam: CRI, cut to what a pod needs. Implementations: `podman/`, `fake/`; `runtime.contract.ts` binds them.

export interface RuntimeService {
  /** `podman`, `fake`; shown as `podman://4.3.1` in node info and as prefix of container ids. */
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
  /** Runs a command inside, for probes. @returns its exit code and the first 10 KiB of output. Throws RuntimeError on time-out. */
  exec(containerId: string, command: readonly string[], timeoutMs: number): Promise<{ readonly exitCode: number; readonly output: string }>
}

export interface ImageService {
  /** undefined when the image is not here. */
  imageStatus(reference: string): Promise<ImageState | undefined>
  /** @throws RuntimeError `ErrImagePull`, with the registry's own words. */
  pullImage(reference: string, signal: AbortSignal): Promise<ImageState>
  listImages(): Promise<readonly ImageState[]>
  removeImage(id: string): Promise<void>
}
export type Runtime = RuntimeService & ImageService

export interface ImageState {
  /** `sha256:…` of the image configuration. */
  readonly id: string
  readonly names: readonly string[]
  /** `name@sha256:…` where known. */
  readonly digests: readonly string[]
  readonly sizeBytes: number
  /** USER of the image, when it is numeric. */
  readonly userId?: number
}

export interface SandboxConfig {
  readonly podUid: string
  readonly namespace: string
  readonly name: string
  readonly hostname: string
  readonly hostNetwork: boolean
  readonly hostPid: boolean
  readonly hostIpc: boolean
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
  readonly limits: { readonly cpuMillis?: number; readonly memoryBytes?: number }
  /** Requested CPU in thousandths of a core, for its share under contention. */
  readonly cpuRequestMillis: number
  readonly oomScoreAdj: number
  readonly security: {
    readonly user?: number
    readonly group?: number
    readonly supplementalGroups: readonly number[]
    readonly privileged: boolean
    readonly readOnlyRoot: boolean
    readonly noNewPrivileges: boolean
    readonly addCapabilities: readonly string[]
    readonly dropCapabilities: readonly string[]
  }
  readonly tty: boolean
  readonly stdin: boolean
  /** Container file whose content explains the end; absolute path inside. */
  readonly terminationMessagePath: string
  /** Restart count etc. that an adopting agent needs again; opaque to the runtime, kept as labels or annotations. */
  readonly annotations: Readonly<Record<string, string>>
}

export interface Mount {
  readonly hostPath: string
  readonly containerPath: string
  readonly readOnly: boolean
  readonly propagation?: 'private' | 'rslave' | 'rshared'
}

export interface ContainerState {
  readonly id: string
  readonly name: string
  readonly attempt: number
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
  | 'RuntimeUnavailable'
  | 'ExecTimeout'

export class RuntimeError extends Error {
  readonly reason: RuntimeReason
  constructor(reason: RuntimeReason, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'RuntimeError'
    this.reason = reason
  }
}
