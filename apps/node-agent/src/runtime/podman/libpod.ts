import type { OciResources } from '../cgroups/settings.ts'

// The part of Podman's remote API (libpod REST, version 4.0.0) that Bramble uses. Seen with podman 4.3.1 (Debian 12).

/** An element of `GET containers/json`. */
export interface ListedContainer {
  readonly Id: string
  readonly State: ListedState
  readonly Created: string
  /** Unix seconds; Go's zero time, -62135596800, until it started. */
  readonly StartedAt: number
  readonly ImageID: string
  /** On the host; 0 while it does not run. */
  readonly Pid: number
  readonly Labels: Readonly<Record<string, string>> | null
}
export type ListedState =
  | 'created'
  | 'initialized'
  | 'running'
  | 'paused'
  | 'stopping'
  | 'stopped'
  | 'exited'
  | 'removing'
  | 'unknown'
  | 'configured'

/** `GET containers/ID/json`. */
export interface InspectedContainer {
  readonly Id: string
  readonly State: {
    readonly Status: ListedState
    readonly Pid: number
    readonly ConmonPid?: number
    readonly ExitCode: number
    readonly OOMKilled: boolean
    /** RFC 3339; Go's zero time, year 1, until it happened. */
    readonly StartedAt: string
    readonly FinishedAt: string
  }
  readonly Config: {
    readonly Labels: Readonly<Record<string, string>> | null
    readonly Tty?: boolean
    readonly OpenStdin?: boolean
  }
  readonly HostConfig?: {
    readonly CpuShares?: number
    readonly CpuPeriod?: number
    readonly CpuQuota?: number
    readonly Memory?: number
  }
  readonly GraphDriver?: { readonly Data: { readonly UpperDir?: string } | null }
}

/** `GET exec/ID/json`. */
export interface InspectedExec {
  readonly Running: boolean
  /** On the host; 0 while it does not run. */
  readonly Pid: number
  readonly ExitCode: number
  /** It has ended. */
  readonly CanRemove: boolean
}

/** `GET images/NAME/json`. */
export interface InspectedImage {
  readonly Id: string
  readonly RepoTags: readonly string[] | null
  readonly RepoDigests: readonly string[] | null
  readonly Size: number
  readonly User?: string
  readonly Config?: { readonly User?: string } | null
  readonly Os?: string
  readonly Architecture?: string
}

/** An element of `GET images/json`. */
export interface ListedImage {
  readonly Id: string
  readonly RepoTags: readonly string[] | null
  readonly RepoDigests: readonly string[] | null
  readonly Size: number
}

/** `GET info`. */
export interface PodmanInfo {
  readonly host: {
    readonly cgroupManager: 'systemd' | 'cgroupfs'
    readonly cgroupControllers: readonly string[] | null
  }
  readonly version: { readonly Version: string }
  readonly store: { readonly graphRoot: string }
}

/** Body of `POST containers/create` (libpod's SpecGenerator). */
export interface ContainerSpec {
  readonly name: string
  readonly image: string
  readonly entrypoint?: readonly string[]
  readonly command?: readonly string[]
  readonly work_dir?: string
  readonly env: Readonly<Record<string, string>>
  readonly env_host: false
  readonly httpproxy: false
  readonly terminal: boolean
  readonly stdin: boolean
  /** Its number. */
  readonly stop_signal?: number
  readonly labels: Readonly<Record<string, string>>
  readonly netns: NamespaceSpec
  readonly ipcns: NamespaceSpec
  readonly utsns: NamespaceSpec
  readonly pidns: NamespaceSpec
  readonly mounts: readonly MountSpec[]
  readonly use_image_hosts: true
  readonly use_image_resolve_conf: true
  readonly image_volume_mode: 'ignore'
  readonly restart_policy: 'no'
  readonly healthconfig: { readonly Test: readonly ['NONE'] }
  readonly systemd: 'false'
  readonly sdnotifyMode: 'ignore'
  readonly user?: string
  readonly groups?: readonly string[]
  readonly privileged: boolean
  readonly read_only_filesystem: boolean
  readonly no_new_privileges: boolean
  readonly cap_add: readonly string[]
  readonly cap_drop: readonly string[]
  readonly oom_score_adj: number
  readonly r_limits: readonly { readonly type: string; readonly soft: number; readonly hard: number }[]
  readonly resource_limits: OciResources
  readonly cgroup_parent: string
  /** Files of cgroup v2 and their content. */
  readonly unified?: Readonly<Record<string, string>>
  /** Path of a profile, or `unconfined`. */
  readonly seccomp_profile_path?: string
  readonly apparmor_profile?: string
  readonly unmask?: readonly string[]
  /** `path` is `host:container:permissions`. */
  readonly devices?: readonly { readonly path: string }[]
  readonly log_configuration: { readonly driver: 'k8s-file'; readonly path: string; readonly size: number }
}
export type NamespaceSpec = { readonly nsmode: 'host' | 'private' } | { readonly nsmode: 'path'; readonly value: string }
export interface MountSpec {
  readonly destination: string
  readonly type: 'bind'
  readonly source: string
  readonly options: readonly string[]
}
