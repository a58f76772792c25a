// Pure: what there is, as CRI tells it.
import type { MessageInitShape } from '@bufbuild/protobuf'
import {
  type ContainerFilter,
  type ContainerSchema,
  ContainerState as CriState,
  type ContainerStatusSchema,
  NamespaceMode,
  type PodSandboxFilter,
  type PodSandboxSchema,
  type PodSandboxStatusSchema,
} from '../runtime/cri/grpc/api_pb.js'
import type { ContainerState } from '../runtime/runtime.ts'
import { NOWHERE } from './convert-sandbox.ts'
import { linuxResources } from './convert-resources.ts'
import { logPath } from './convert-container.ts'
import { type ContainerSeen, type PodSeen, stateOf } from './pods-seen.ts'

type Labels = { readonly [name: string]: string }

export const nanoseconds = (ms: number): bigint => BigInt(Math.round(ms)) * 1_000_000n

export const hasLabels = (labels: Labels, wanted: Labels): boolean =>
  Object.entries(wanted).every(([name, value]) => labels[name] === value)

/** @param filter Its id is a whole one by now. */
export const isWantedSandbox = (pod: PodSeen, filter: PodSandboxFilter | undefined): boolean =>
  !filter ||
  ((filter.id === '' || filter.id === pod.record.id) &&
    (!filter.state || filter.state.state === stateOf(pod)) &&
    hasLabels(pod.record.config.labels, filter.labelSelector))

/** @param filter Its ids are whole ones by now. */
export const isWantedContainer = (
  { state, sandboxId, record }: ContainerSeen,
  filter: (Pick<ContainerFilter, 'id' | 'podSandboxId' | 'labelSelector'> & Partial<Pick<ContainerFilter, 'state'>>) | undefined,
): boolean =>
  !filter ||
  ((filter.id === '' || filter.id === state.id) &&
    (filter.podSandboxId === '' || filter.podSandboxId === sandboxId) &&
    (!filter.state || filter.state.state === STATE[state.state]) &&
    hasLabels(record.config.labels, filter.labelSelector))

const STATE: Readonly<Record<ContainerState['state'], CriState>> = {
  created: CriState.CONTAINER_CREATED,
  running: CriState.CONTAINER_RUNNING,
  exited: CriState.CONTAINER_EXITED,
}

export const listedSandbox = (pod: PodSeen): MessageInitShape<typeof PodSandboxSchema> => sandboxFields(pod)

function sandboxFields(pod: PodSeen) {
  const { id, createdAtMs, config } = pod.record
  const { metadata, labels, annotations } = config
  return { id, ...(metadata && { metadata }), state: stateOf(pod), createdAt: nanoseconds(createdAtMs), labels, annotations }
}

export function sandboxStatus(pod: PodSeen): MessageInitShape<typeof PodSandboxStatusSchema> {
  const options = pod.record.config.linux?.securityContext?.namespaceOptions
  const { network = NamespaceMode.POD, pid = NamespaceMode.POD, ipc = NamespaceMode.POD } = options ?? {}
  return {
    ...sandboxFields(pod),
    network: { ip: pod.isReady ? (pod.state?.ip ?? '') : '' },
    linux: { namespaces: { options: { network, pid, ipc } } },
  }
}

export const listedContainer = (container: ContainerSeen): MessageInitShape<typeof ContainerSchema> => ({
  ...containerFields(container),
  podSandboxId: container.sandboxId,
})

function containerFields({ state, record }: ContainerSeen) {
  const { metadata, image, labels, annotations } = record.config
  return {
    id: state.id,
    metadata: metadata ?? { name: state.name, attempt: state.attempt },
    image: image ?? { image: state.imageReference },
    imageRef: state.image,
    imageId: state.image,
    state: STATE[state.state],
    createdAt: nanoseconds(state.createdAtMs),
    labels,
    annotations,
  }
}

export function containerStatus(container: ContainerSeen): MessageInitShape<typeof ContainerStatusSchema> {
  const { state, record, startError } = container
  const { mounts, logPath: path, stopSignal, linux } = record.config
  const whole = logPath(path, record.pod.logDirectory)
  return {
    ...containerFields(container),
    startedAt: nanoseconds(state.startedAtMs ?? 0),
    ...(state.state === 'exited' && endOf(state)),
    ...(startError !== undefined && { reason: 'StartError', message: startError }),
    mounts,
    logPath: whole === NOWHERE ? '' : whole,
    stopSignal,
    resources: { linux: linuxResources(state.resources ?? {}, Number(linux?.resources?.oomScoreAdj ?? 0n)) },
  }
}

/** Of an end that nobody saw. @see Source: containerd pkg/cri, `unknownExitCode`. */
const UNSEEN = { exitCode: 255, reason: 'Unknown' }

function endOf({ exitCode, oomKilled, finishedAtMs, startedAtMs, createdAtMs }: ContainerState) {
  const finishedAt = nanoseconds(finishedAtMs ?? startedAtMs ?? createdAtMs)
  if (exitCode === undefined) return { ...UNSEEN, finishedAt }
  return { exitCode, finishedAt, reason: oomKilled ? 'OOMKilled' : exitCode === 0 ? 'Completed' : 'Error' }
}
