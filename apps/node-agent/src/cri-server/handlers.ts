import type { Clock, Log } from '@bramble/reconcile/env'
import type { Stdio } from '@bramble/streams/remote-process'
import type { CgroupManager } from '../runtime/cgroups/paths.ts'
import {
  type AttachRequest,
  CgroupDriver,
  type ContainerStatsFilter,
  type ExecRequest,
  type ImageService,
  type RuntimeService,
  type StatusResponseSchema,
} from '../runtime/cri/grpc/api_pb.js'
import type { Runtime } from '../runtime/runtime.ts'
import type { MessageInitShape } from '@bufbuild/protobuf'
import { ContainerEvents } from './container-events.ts'
import { Containers } from './containers.ts'
import {
  containerStatus,
  hasLabels,
  isWantedContainer,
  isWantedSandbox,
  listedContainer,
  listedSandbox,
  sandboxStatus,
  nanoseconds,
} from './convert-status.ts'
import { CriImages, criImage, imageInfo } from './cri-images.ts'
import type { Handlers } from './grpc-binding.ts'
import { type ContainerSeen, type PodSeen, PodsSeen } from './pods-seen.ts'
import { CriProblem, invalid } from './problem.ts'
import { SandboxRecords } from './sandbox-records.ts'
import { given, Sandboxes } from './sandboxes.ts'
import type { ServerNetwork } from './server-network.ts'
import { Stats } from './stats.ts'
import type { StreamingServer } from './streaming-server.ts'

export interface HandlerParts {
  readonly runtime: Runtime
  readonly network: ServerNetwork
  readonly streaming: Pick<StreamingServer, 'urlOf' | 'address'>
  readonly clock: Clock
  readonly log: Log
  /** How cgroups are managed on this machine. */
  readonly cgroupManager: () => Promise<CgroupManager>
  /** Of records of sandboxes; on a tmpfs, so that a reboot empties it. */
  readonly recordDirectory: string
}

export interface CriHandlers {
  readonly runtime: Handlers<typeof RuntimeService>
  readonly image: Handlers<typeof ImageService>
}

/** What each call of CRI does, for any runtime behind it. */
export function criHandlers(parts: HandlerParts): CriHandlers {
  const { runtime, network, clock, log } = parts
  const records = new SandboxRecords(parts.recordDirectory, log)
  const pods = new PodsSeen(runtime, records)
  const events = new ContainerEvents(runtime, pods, clock, log)
  const images = new CriImages(runtime, clock)
  const sandboxes = new Sandboxes({ runtime, network, records, pods, events, clock, log })
  const containers = new Containers({ runtime, pods, records, sandboxes, images, events, clock })
  const all: Everything = { ...parts, pods, events, images, sandboxes, containers, stats: new Stats(runtime, clock) }
  return {
    runtime: {
      ...machineCalls(all),
      ...sandboxCalls(all),
      ...containerCalls(all),
      ...streamCalls(all),
      ...statsCalls(all),
      getContainerEvents: (_request, signal) => events.listen(signal),
    },
    image: imageCalls(all),
  }
}

interface Everything extends HandlerParts {
  readonly pods: PodsSeen
  readonly events: ContainerEvents
  readonly images: CriImages
  readonly sandboxes: Sandboxes
  readonly containers: Containers
  readonly stats: Stats
}
type RuntimeHandlers = Handlers<typeof RuntimeService>

const API_VERSION = 'v1'
/** Of the kubelet's interface. Source: cri-api, VersionResponse; containerd pkg/cri, `kubeAPIVersion`. */
const KUBE_API_VERSION = '0.1.0'

function machineCalls(parts: Everything): Pick<RuntimeHandlers, 'version' | 'status' | 'runtimeConfig' | 'updateRuntimeConfig'> {
  return {
    version: async () => ({
      version: KUBE_API_VERSION,
      runtimeName: parts.runtime.name,
      runtimeVersion: (await parts.runtime.status()).version || 'unknown',
      runtimeApiVersion: API_VERSION,
    }),
    status: ({ verbose }) => statusOf(parts, verbose),
    runtimeConfig: async () => ({
      linux: { cgroupDriver: (await parts.cgroupManager()) === 'systemd' ? CgroupDriver.SYSTEMD : CgroupDriver.CGROUPFS },
    }),
    updateRuntimeConfig: async ({ runtimeConfig }) => {
      await parts.network.set(runtimeConfig?.networkConfig?.podCidr ?? '')
      return {}
    },
  }
}

async function statusOf(
  { runtime, network, streaming }: Everything,
  verbose: boolean,
): Promise<MessageInitShape<typeof StatusResponseSchema>> {
  const [{ ready, reason, version }, podCidr] = await Promise.all([runtime.status(), network.cidr()])
  const config = { runtime: runtime.name, version, podCidr, streamServer: streaming.address }
  return {
    status: {
      conditions: [
        condition('RuntimeReady', ready, 'RuntimeNotReady', reason ?? ''),
        condition(
          'NetworkReady',
          podCidr !== undefined,
          'NetworkPluginNotReady',
          'Network plugin returns error: cni plugin not initialized',
        ),
      ],
    },
    runtimeHandlers: [{ name: '', features: { recursiveReadOnlyMounts: true, userNamespaces: false } }],
    features: { supplementalGroupsPolicy: true },
    ...(verbose && { info: { config: JSON.stringify(config) } }),
  }
}

const condition = (type: string, status: boolean, reason: string, message: string) =>
  status ? { type, status } : { type, status, reason, message }

function sandboxCalls({
  sandboxes,
  pods,
  network,
  clock,
}: Everything): Pick<
  RuntimeHandlers,
  'runPodSandbox' | 'stopPodSandbox' | 'removePodSandbox' | 'podSandboxStatus' | 'listPodSandbox' | 'updatePodSandboxResources'
> {
  return {
    runPodSandbox: async ({ config, runtimeHandler }, signal) => {
      if (runtimeHandler !== '')
        throw invalid(`failed to get sandbox runtime: no runtime for ${JSON.stringify(runtimeHandler)} is configured`)
      return { podSandboxId: await sandboxes.run(given(config, 'sandbox config'), signal) }
    },
    stopPodSandbox: async ({ podSandboxId }) => done(sandboxes.stop(podSandboxId)),
    removePodSandbox: async ({ podSandboxId }) => done(sandboxes.remove(podSandboxId)),
    podSandboxStatus: async ({ podSandboxId, verbose }) => {
      const pod = await pods.sandboxThere(podSandboxId)
      return {
        status: sandboxStatus(pod),
        containersStatuses: pod.containers.map(containerStatus),
        timestamp: nanoseconds(clock.nowMs()),
        ...(verbose && { info: sandboxInfo(pod, await network.namespaceOf(pod.record.id)) }),
      }
    },
    listPodSandbox: async ({ filter }) => {
      const all = await pods.all()
      const whole = filter && {
        ...filter,
        id: wholeId(
          all.map(({ record }) => record.id),
          filter.id,
        ),
      }
      return { items: all.filter((pod) => isWantedSandbox(pod, whole)).map(listedSandbox) }
    },
    updatePodSandboxResources: async ({ podSandboxId, resources }) => done(sandboxes.update(podSandboxId, resources)),
  }
}

const done = async (work: Promise<void>): Promise<Record<string, never>> => {
  await work
  return {}
}

/** A beginning that one id has is that id; else it stays, and fits nothing. */
function wholeId(ids: readonly string[], beginning: string): string {
  if (beginning === '') return ''
  const found = ids.filter((id) => id.startsWith(beginning))
  return found.length === 1 ? found[0]! : beginning
}

/** As containerd tells it, as far as clients read it: how the pod's network can be entered. */
function sandboxInfo(pod: PodSeen, netns: string | undefined): Record<string, string> {
  const pid = pod.containers.find(({ state }) => state.pid !== undefined)?.state.pid ?? 0
  const namespaces = netns === undefined ? [] : [{ type: 'network', path: netns }]
  return { info: JSON.stringify({ pid, runtimeSpec: { linux: { namespaces } } }) }
}

function containerCalls({
  containers,
  pods,
}: Everything): Pick<
  RuntimeHandlers,
  | 'createContainer'
  | 'startContainer'
  | 'stopContainer'
  | 'removeContainer'
  | 'listContainers'
  | 'containerStatus'
  | 'updateContainerResources'
  | 'reopenContainerLog'
  | 'execSync'
> {
  return {
    createContainer: async (request, signal) => ({ containerId: await containers.create(request, signal) }),
    startContainer: async ({ containerId }) => done(containers.start(containerId)),
    stopContainer: async ({ containerId, timeout }) => done(containers.stop(containerId, timeout)),
    removeContainer: async ({ containerId }) => done(containers.remove(containerId)),
    listContainers: async ({ filter }) => {
      const all = await pods.all()
      const own = all.flatMap((pod) => pod.containers)
      const whole = filter && { ...wholeFilter(all, own, filter), state: filter.state }
      return { containers: own.filter((container) => isWantedContainer(container, whole)).map(listedContainer) }
    },
    containerStatus: async ({ containerId, verbose }) => {
      const found = await pods.containerThere(containerId)
      const { sandboxId: sandboxID, state } = found
      return {
        status: containerStatus(found),
        ...(verbose && { info: { info: JSON.stringify({ sandboxID, ...(state.pid !== undefined && { pid: state.pid }) }) } }),
      }
    },
    updateContainerResources: async ({ containerId, linux }) => done(containers.update(containerId, linux)),
    reopenContainerLog: async ({ containerId }) => done(containers.reopenLog(containerId)),
    execSync: (request, signal) => containers.execSync(request, signal),
  }
}

const wholeFilter = (
  all: readonly PodSeen[],
  own: readonly ContainerSeen[],
  { id, podSandboxId, labelSelector }: Pick<ContainerStatsFilter, 'id' | 'podSandboxId' | 'labelSelector'>,
) => ({
  id: wholeId(
    own.map(({ state }) => state.id),
    id,
  ),
  podSandboxId: wholeId(
    all.map(({ record }) => record.id),
    podSandboxId,
  ),
  labelSelector,
})

function streamCalls({ containers, pods, streaming }: Everything): Pick<RuntimeHandlers, 'exec' | 'attach' | 'portForward'> {
  return {
    exec: async (request) => {
      const stdio = stdioOf(request)
      if (request.cmd.length === 0) throw invalid('a command is missing')
      const { state } = await containers.running(request.containerId)
      return { url: streaming.urlOf({ type: 'exec', containerId: state.id, command: request.cmd, stdio }) }
    },
    attach: async (request) => {
      const stdio = stdioOf(request)
      const { state, record } = await containers.running(request.containerId)
      const tty = record.config.tty
      return { url: streaming.urlOf({ type: 'attach', containerId: state.id, stdio: { ...stdio, tty, stderr: stdio.stderr && !tty } }) }
    },
    portForward: async ({ podSandboxId, port }) => {
      const { record, state, isReady } = await pods.sandboxThere(podSandboxId)
      if (!isReady) throw new CriProblem('failedPrecondition', `sandbox container ${record.id} is not running`)
      const name = record.config.metadata?.name ?? record.id
      return { url: streaming.urlOf({ type: 'portforward', sandboxId: state!.id, name, ports: port }) }
    },
  }
}

/** @see Source: kubelet pkg/cri/streaming, `validateExecRequest`. */
function stdioOf({ stdin, stdout, stderr, tty }: ExecRequest | AttachRequest): Stdio {
  if (tty && stderr) throw invalid('tty and stderr cannot both be true')
  if (!stdin && !stdout && !stderr) throw invalid('one of stdin, stdout, or stderr must be set')
  return { stdin, stdout, stderr, tty }
}

function statsCalls({
  pods,
  stats,
}: Everything): Pick<
  RuntimeHandlers,
  'containerStats' | 'listContainerStats' | 'podSandboxStats' | 'listPodSandboxStats' | 'listMetricDescriptors' | 'listPodSandboxMetrics'
> {
  const noMetrics = async (): Promise<never> => {
    throw new CriProblem('unimplemented', 'metrics are not told over CRI; ask for stats')
  }
  return {
    containerStats: async ({ containerId }) => {
      const [own] = await stats.containers([await pods.containerThere(containerId)])
      return own ? { stats: own } : {}
    },
    listContainerStats: async ({ filter }) => {
      const all = await pods.all()
      const own = all.flatMap((pod) => pod.containers)
      const whole = filter && wholeFilter(all, own, filter)
      return { stats: await stats.containers(own.filter((one) => one.state.state === 'running' && isWantedContainer(one, whole))) }
    },
    podSandboxStats: async ({ podSandboxId }) => ({ stats: await stats.pod(await pods.sandboxThere(podSandboxId)) }),
    listPodSandboxStats: async ({ filter }) => {
      const all = await pods.all()
      const id = wholeId(
        all.map(({ record }) => record.id),
        filter?.id ?? '',
      )
      const wanted = all.filter(
        ({ isReady, record }) => isReady && (id === '' || record.id === id) && hasLabels(record.config.labels, filter?.labelSelector ?? {}),
      )
      return { stats: await Promise.all(wanted.map((pod) => stats.pod(pod))) }
    },
    listMetricDescriptors: noMetrics,
    listPodSandboxMetrics: noMetrics,
  }
}

function imageCalls({ images }: Everything): Handlers<typeof ImageService> {
  return {
    listImages: async ({ filter }) => ({ images: await images.list(filter?.image?.image ?? '') }),
    imageStatus: async ({ image, verbose }) => {
      const found = await images.find(given(image?.image || undefined, 'name of the image'))
      return found ? { image: criImage(found), ...(verbose && { info: imageInfo(found) }) } : {}
    },
    pullImage: async (request, signal) => ({ imageRef: await images.pull(request, signal) }),
    removeImage: async ({ image }) => done(images.remove(given(image?.image || undefined, 'name of the image'))),
    imageFsInfo: async () => {
      const usage = await images.usage()
      return { imageFilesystems: [usage], containerFilesystems: [usage] }
    },
  }
}
