// Pure: what CRI wants to know again of a container, as text that the runtime keeps with it.
import { create, fromJson, type JsonValue, toJson } from '@bufbuild/protobuf'
import { type ContainerConfig, ContainerConfigSchema, type PodSandboxConfig, PodSandboxConfigSchema } from '../runtime/cri/grpc/api_pb.js'

export interface ContainerRecord {
  /** Without what only its start needs: command, environment, devices, rights. */
  readonly config: ContainerConfig
  /** Names, labels and annotations of its pod, and where logs are: all that is left of the pod after a reboot. */
  readonly pod: PodSandboxConfig
}

export function recordText(config: ContainerConfig, pod: PodSandboxConfig): string {
  const { metadata, image, labels, annotations, mounts, logPath, stopSignal, tty, linux } = config
  const kept = create(ContainerConfigSchema, {
    ...(metadata && { metadata }),
    ...(image && { image }),
    labels,
    annotations,
    mounts,
    logPath,
    stopSignal,
    tty,
    ...(linux?.resources && { linux: { resources: { oomScoreAdj: linux.resources.oomScoreAdj } } }),
  })
  const keptPod = create(PodSandboxConfigSchema, {
    ...(pod.metadata && { metadata: pod.metadata }),
    labels: pod.labels,
    annotations: pod.annotations,
    logDirectory: pod.logDirectory,
  })
  return JSON.stringify({ config: toJson(ContainerConfigSchema, kept), pod: toJson(PodSandboxConfigSchema, keptPod) })
}

/** undefined for the container of somebody else. */
export function readRecord(text: string | undefined): ContainerRecord | undefined {
  if (text === undefined) return undefined
  try {
    const { config, pod } = JSON.parse(text) as { readonly config: JsonValue; readonly pod: JsonValue }
    const options = { ignoreUnknownFields: true }
    return { config: fromJson(ContainerConfigSchema, config, options), pod: fromJson(PodSandboxConfigSchema, pod, options) }
  } catch {
    return undefined
  }
}
