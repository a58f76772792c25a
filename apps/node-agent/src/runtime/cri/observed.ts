// Pure: what a CRI runtime says to what is observed.
import { cpuMillis } from '../cgroups/settings.ts'
import type { ContainerResources, ContainerState, ImageState, SandboxConfig, SandboxState } from '../runtime.ts'
import { ANNOTATION, type ContainerRecord, LABEL } from './convert.ts'
import {
  type Container,
  ContainerState as CriState,
  type ContainerStatus,
  type Image,
  type LinuxContainerResources,
  NamespaceMode,
  type PodSandbox,
  PodSandboxState,
  type PodSandboxStatus,
} from './grpc/api_pb.js'

/** Exit code and reason of a container whose end nobody saw. @see Source: containerd pkg/cri, `unknownExitCode`. */
const UNSEEN = { exitCode: 255, reason: 'Unknown' }
const OOM_KILLED = { exitCode: 137, reason: 'OOMKilled' }

export const podUidOf = ({ labels }: { readonly labels: { readonly [name: string]: string } }): string => labels[LABEL.podUid] ?? ''

/** @param ip As its status said. */
export const sandboxState = (sandbox: PodSandbox, ip: string | undefined, containers: readonly ContainerState[]): SandboxState => ({
  id: sandbox.id,
  podUid: podUidOf(sandbox),
  namespace: sandbox.metadata?.namespace ?? '',
  name: sandbox.metadata?.name ?? '',
  ready: sandbox.state === PodSandboxState.SANDBOX_READY,
  ...(sandbox.state === PodSandboxState.SANDBOX_READY && ip !== undefined && { ip }),
  createdAtMs: toMs(sandbox.createdAt),
  containers,
})

/** Containers whose sandbox is gone. */
export const orphanedState = (container: Container, state: ContainerState): SandboxState => ({
  id: container.podSandboxId,
  podUid: podUidOf(container),
  namespace: container.labels[LABEL.podNamespace] ?? '',
  name: container.labels[LABEL.podName] ?? '',
  ready: false,
  createdAtMs: state.createdAtMs,
  containers: [state],
})

/** undefined with the host's network. */
export const sandboxIp = (status: PodSandboxStatus): string | undefined =>
  status.linux?.namespaces?.options?.network === NamespaceMode.NODE ? undefined : status.network?.ip || undefined

/** What the sandbox was run with; undefined when this agent did not run it. */
export function sandboxConfigOf({ annotations }: Pick<PodSandboxStatus, 'annotations'>): SandboxConfig | undefined {
  const text = annotations[ANNOTATION.sandbox]
  return text === undefined ? undefined : (JSON.parse(text) as SandboxConfig)
}

/** What only its status tells. */
export interface ContainerDetail {
  readonly state: CriState
  readonly startedAtMs?: number
  readonly finishedAtMs?: number
  readonly exitCode?: number
  readonly oomKilled: boolean
  readonly pid?: number
  readonly resources?: ContainerResources
}

/**
 * @param info The runtime's verbose words, JSON where they are containerd's or CRI-O's.
 * @param oomSeen Whether the kernel's count of memory kills was above zero when it died.
 */
export function containerDetail(status: ContainerStatus, info: VerboseInfo | undefined, oomSeen: boolean): ContainerDetail {
  const isRunning = status.state === CriState.CONTAINER_RUNNING
  const hasEnded = status.state === CriState.CONTAINER_EXITED
  const isUnseen = hasEnded && status.exitCode === UNSEEN.exitCode && status.reason === UNSEEN.reason
  const resources = resourcesOf(status.resources?.linux) ?? resourcesOf(specResources(info))
  return {
    state: status.state,
    ...(status.startedAt > 0n && { startedAtMs: toMs(status.startedAt) }),
    ...(hasEnded && !isUnseen && { finishedAtMs: toMs(status.finishedAt), exitCode: status.exitCode }),
    oomKilled: hasEnded && status.exitCode === OOM_KILLED.exitCode && (oomSeen || status.reason === OOM_KILLED.reason),
    ...(isRunning && info?.pid !== undefined && info.pid > 0 && { pid: info.pid }),
    ...(isRunning && resources && { resources }),
  }
}

export function containerState(listed: Container, detail: ContainerDetail): ContainerState {
  const record = JSON.parse(listed.annotations[ANNOTATION.container] ?? '{}') as Partial<ContainerRecord>
  return {
    id: listed.id,
    name: listed.metadata?.name ?? '',
    attempt: listed.metadata?.attempt ?? 0,
    ...(detail.pid !== undefined && { pid: detail.pid }),
    ...(detail.resources && { resources: detail.resources }),
    state: STATE[detail.state],
    image: record.image ?? listed.imageRef,
    imageReference: record.imageReference ?? listed.image?.image ?? '',
    createdAtMs: toMs(listed.createdAt),
    ...(detail.startedAtMs !== undefined && { startedAtMs: detail.startedAtMs }),
    ...(detail.finishedAtMs !== undefined && { finishedAtMs: detail.finishedAtMs }),
    ...(detail.exitCode !== undefined && { exitCode: detail.exitCode }),
    ...(detail.oomKilled && { oomKilled: true }),
    logPath: record.logPath ?? '',
    annotations: record.annotations ?? {},
  }
}

const STATE: Record<CriState, ContainerState['state']> = {
  [CriState.CONTAINER_CREATED]: 'created',
  [CriState.CONTAINER_RUNNING]: 'running',
  [CriState.CONTAINER_EXITED]: 'exited',
  [CriState.CONTAINER_UNKNOWN]: 'exited',
}

/** What runtimes tell when they are asked to say more; not part of the interface. */
export interface VerboseInfo {
  readonly pid?: number
  readonly runtimeSpec?: {
    readonly linux?: {
      readonly namespaces?: readonly { readonly type: string; readonly path?: string }[]
      readonly resources?: {
        readonly cpu?: { readonly shares?: number; readonly quota?: number; readonly period?: number }
        readonly memory?: { readonly limit?: number }
      }
    }
  }
  /** Of an image. */
  readonly imageSpec?: { readonly os?: string; readonly architecture?: string; readonly variant?: string }
}

/** undefined when there is nothing that can be read. */
export function verboseInfo(info: { readonly [name: string]: string }): VerboseInfo | undefined {
  try {
    return JSON.parse(info['info'] ?? '') as VerboseInfo
  } catch {
    return undefined
  }
}

/** Path of a pod's network, by which it can be entered. @param info Of its sandbox. */
export function networkNamespace(info: VerboseInfo | undefined): string | undefined {
  const path = info?.runtimeSpec?.linux?.namespaces?.find(({ type }) => type === 'network')?.path
  return path || (info?.pid ? `/proc/${info.pid}/ns/net` : undefined)
}

interface PlainResources {
  readonly cpuShares?: number | bigint
  readonly cpuQuota?: number | bigint
  readonly cpuPeriod?: number | bigint
  readonly memoryLimitInBytes?: number | bigint
}

function specResources(info: VerboseInfo | undefined): PlainResources | undefined {
  const { cpu, memory } = info?.runtimeSpec?.linux?.resources ?? {}
  if (!cpu && !memory) return undefined
  return { cpuShares: cpu?.shares ?? 0, cpuQuota: cpu?.quota ?? 0, cpuPeriod: cpu?.period ?? 0, memoryLimitInBytes: memory?.limit ?? 0 }
}

/** The smallest share is what those get that ask for nothing. */
const SHARES_OF_NOTHING = 2

function resourcesOf(linux: PlainResources | LinuxContainerResources | undefined): ContainerResources | undefined {
  if (!linux) return undefined
  const [shares, quota, period, limit] = [linux.cpuShares, linux.cpuQuota, linux.cpuPeriod, linux.memoryLimitInBytes].map(Number)
  return {
    ...(shares! > 0 && { cpuRequestMillis: shares! <= SHARES_OF_NOTHING ? 0 : cpuMillis(shares!) }),
    ...(quota! > 0 && period! > 0 && { cpuLimitMillis: Math.round((quota! * 1000) / period!) }),
    ...(limit! > 0 && { memoryLimitBytes: limit! }),
  }
}

/** @param info Verbose words of its status. */
export function imageState(image: Image, info?: VerboseInfo): ImageState {
  const { os, architecture, variant } = info?.imageSpec ?? {}
  return {
    id: image.id,
    names: image.repoTags,
    digests: image.repoDigests,
    sizeBytes: Number(image.size),
    ...(image.uid && { userId: Number(image.uid.value) }),
    ...(image.username !== '' && { userName: image.username }),
    ...(os && architecture && { platform: [os, architecture, ...(variant ? [variant] : [])].join('/') }),
    ...(image.pinned && { pinned: true }),
  }
}

const NANOSECONDS_PER_MILLISECOND = 1_000_000n
const toMs = (nanoseconds: bigint): number => Number(nanoseconds / NANOSECONDS_PER_MILLISECOND)
