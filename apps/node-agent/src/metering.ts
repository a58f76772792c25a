import type { Pod } from '@bramble/api/types/pod'
import type { StatusReport } from '@bramble/link/link'
import type { Env } from '@bramble/reconcile/env'
import { blockDevices } from './metrics/block-devices.ts'
import { DiskMeasures } from './metrics/disk-measures.ts'
import type { MeasuredContainer, MeasuredPod } from './metrics/measured-pod.ts'
import { Measures } from './metrics/measures.ts'
import type { LinkFacts } from './metrics/pages/agent.ts'
import { PodStarts } from './metrics/pod-starts.ts'
import { RuntimeOperations } from './metrics/runtime-operations.ts'
import { UsageReporter } from './metrics/usage-reporter.ts'
import type { NodeReporter } from './node-reporter.ts'
import { boardFamilies } from './node/board/families.ts'
import type { PodFiles } from './pods/pod-files.ts'
import type { PodLookup, SeenPod } from './pods/streams/pod-lookup.ts'
import type { CgroupVersion } from './runtime/cgroups/settings.ts'
import type { ContainerState, Runtime } from './runtime/runtime.ts'
import { metricsRoutes } from './server/metrics-routes.ts'
import type { ServerRoute } from './server/routes.ts'

export interface MeteringSettings {
  readonly cgroupVersion: CgroupVersion
  /** Default /sys/fs/cgroup and /proc. */
  readonly cgroupRoot?: string
  readonly procRoot?: string
  /** On the file system that counts as the node's own. */
  readonly dataFolder: string
}

export interface MeteringParts {
  readonly env: Env
  readonly nodeName: string
  readonly version: string
  readonly runtime: Runtime
  readonly files: PodFiles
  /** Known by the time that anything is measured. */
  readonly pods: () => PodLookup
  readonly reporter: NodeReporter
  readonly send: (report: StatusReport) => void
  readonly link: () => LinkFacts
  readonly operations: RuntimeOperations
  readonly settings: MeteringSettings
}

/** What pods and the node use: told to the control plane, and shown on pages. */
export class Metering {
  readonly routes: readonly ServerRoute[]
  readonly usage: UsageReporter
  readonly #starts: PodStarts

  constructor(parts: MeteringParts) {
    const { env, runtime, files, settings, reporter, nodeName, version } = parts
    const seen = (): readonly SeenPod[] => parts.pods().all()
    const pods = (): readonly MeasuredPod[] => seen().map(measuredPod)
    const measures = new Measures({ ...settings, version: settings.cgroupVersion, cgroupOf: (podUid) => runtime.cgroupOf(podUid) })
    const disks = new DiskMeasures({
      env,
      runtime,
      measures,
      dataFolder: settings.dataFolder,
      foldersOf: async (podUid, signal) => {
        const pod = parts.pods().seen(podUid)?.pod
        return pod ? files.usageOf(pod, signal) : { volumes: [], logBytes: 0 }
      },
    })
    this.#starts = new PodStarts(env.clock.nowMs())
    this.usage = new UsageReporter({
      env,
      measures,
      send: parts.send,
      pods: () => {
        const all = pods()
        this.#starts.look(all)
        return all
      },
    })
    this.routes = metricsRoutes({
      env,
      nodeName,
      cpuCount: reporter.cpuCount,
      measures,
      disks,
      usage: this.usage,
      pods,
      nodeCpuMillis: () => reporter.cpuMillis,
      deviceName: blockDevices(),
      agent: () => ({ nodeName, version, link: parts.link(), ...counts(seen()) }),
      families: () => {
        this.#starts.look(pods())
        return [this.#starts.family(), ...parts.operations.families(), ...boardFamilies(reporter.board())]
      },
    })
  }
}

export { RuntimeOperations }

function measuredPod({ pod, status, sandbox }: SeenPod): MeasuredPod {
  const { uid, namespace = '', name } = pod.metadata
  const acceptedAtMs = Date.parse(status?.startTime ?? '')
  return {
    uid,
    namespace,
    name,
    hostNetwork: pod.spec.hostNetwork ?? false,
    ...(!Number.isNaN(acceptedAtMs) && { acceptedAtMs }),
    containers: (sandbox?.containers ?? []).filter(({ state }) => state === 'running').map((state) => measuredContainer(pod, state)),
  }
}

function measuredContainer(
  { metadata, spec }: Pod,
  { id, name, imageReference, startedAtMs, createdAtMs }: ContainerState,
): MeasuredContainer {
  const mounts = [...spec.containers, ...(spec.initContainers ?? [])].find((container) => container.name === name)?.volumeMounts ?? []
  const claims = mounts.flatMap(({ name: volume, mountPath: path }) => {
    const { persistentVolumeClaim, ephemeral } = spec.volumes?.find((each) => each.name === volume) ?? {}
    const claim = persistentVolumeClaim?.claimName ?? (ephemeral && `${metadata.name}-${volume}`)
    return claim === undefined ? [] : [{ volume, claim, path }]
  })
  return { id, name, image: imageReference, startedAtMs: startedAtMs ?? createdAtMs, claims }
}

function counts(seen: readonly SeenPod[]): { readonly pods: number; readonly containers: Readonly<Record<string, number>> } {
  const containers: Record<string, number> = {}
  for (const { sandbox } of seen) for (const { state } of sandbox?.containers ?? []) containers[state] = (containers[state] ?? 0) + 1
  return { pods: seen.filter(({ sandbox }) => sandbox?.ready).length, containers }
}
