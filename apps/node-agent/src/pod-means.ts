import { readFileSync } from 'node:fs'
import type { Pod } from '@bramble/api/types/pod'
import type { StatusReport } from '@bramble/link/link'
import type { Env } from '@bramble/reconcile/env'
import type { DeviceClass } from './devices/device-class.ts'
import { Devices } from './devices/devices.ts'
import type { DeviceCount } from './devices/plan.ts'
import { scanDevices } from './devices/scan.ts'
import { PodEvents } from './pods/events.ts'
import { ImageArchives } from './pods/images/archives.ts'
import { ImageGarbage } from './pods/images/image-garbage.ts'
import type { ImageSettings } from './pods/images/make-pulls.ts'
import type { GarbagePolicy } from './pods/images/plan.ts'
import type { PullRecords } from './pods/images/pull-records.ts'
import type { PodPolicy } from './pods/pod-policy.ts'
import type { PodLookup, SeenPod } from './pods/streams/pod-lookup.ts'
import { refusalOf } from './pods/security/admission.ts'
import { deviceRefusal } from './pods/security/device-grants.ts'
import type { SecuritySettings } from './pods/security/security-context.ts'
import { pullActivity } from './runtime/pull-activity.ts'
import type { CsiPlugins, CsiPluginsTells } from './pods/volumes/csi/csi-plugins.ts'
import type { Runtime } from './runtime/runtime.ts'

export interface MeansSettings {
  readonly images: {
    readonly garbage: GarbagePolicy
    readonly parallelMax?: number
    readonly stallMs: number
    readonly records: PullRecords
    /** Of archives; with the file that remembers which were loaded. */
    readonly archives?: { readonly folder: string; readonly statePath: string }
  }
  readonly security: SecuritySettings
  readonly unsafeSysctls: readonly string[]
  readonly pidsLimit?: number
  /** Drivers of volumes that register with the node; absent: none. */
  readonly csi?: CsiPlugins
  readonly deviceClasses: (tellNode: (type: 'Warning', reason: string, message: string) => void) => () => Promise<readonly DeviceClass[]>
}

export interface PodMeansParts {
  readonly env: Env
  readonly nodeName: string
  readonly runtime: Runtime
  readonly send: (report: StatusReport) => void
  /** Known by the time that {@link PodMeans.run} is called. */
  readonly pods: () => PodLookup & { wakeAll(): void }
  readonly settings: MeansSettings
}

/** What pods live on besides their containers: images, devices of the node, and what an operator lets them do. */
export class PodMeans {
  readonly images: ImageSettings
  readonly policy: PodPolicy
  readonly #parts: PodMeansParts
  readonly #tellNode: CsiPluginsTells['tellNode']
  readonly #garbage: ImageGarbage
  readonly #archives: ImageArchives | undefined
  readonly #devices: Devices
  readonly #hasAppArmor = appArmorIsEnabled()

  constructor(parts: PodMeansParts) {
    const { env, runtime, nodeName, send, pods, settings } = parts
    const { garbage, archives, records, stallMs, parallelMax } = settings.images
    const events = new PodEvents(env, nodeName, send)
    const tellNode = events.recordOfNode.bind(events)
    this.#parts = parts
    this.#tellNode = tellNode
    this.#garbage = new ImageGarbage({
      runtime,
      env,
      policy: garbage,
      records,
      tellNode,
      wanted: () => live(pods().all()).flatMap(({ pod }) => imagesOf(pod)),
      running: () =>
        pods()
          .all()
          .flatMap(({ sandbox }) => sandbox ?? []),
    })
    this.#archives = archives && new ImageArchives({ ...archives, images: runtime, env, tellNode })
    this.#devices = new Devices({
      classes: settings.deviceClasses(tellNode),
      scan: (classes) => scanDevices(classes),
      runtime,
      env,
      isActive: (podUid) => live([pods().seen(podUid)].filter((seen) => seen !== undefined)).length > 0,
      tell: (podUid, type, reason, message) => {
        const seen = pods().seen(podUid)
        if (seen) events.record(seen.pod, type, reason, message)
      },
      changed: () => pods().wakeAll(),
    })
    this.images = {
      stallMs,
      records,
      activity: () => pullActivity(),
      used: (imageId) => this.#garbage.noteUse(imageId),
      ...(parallelMax !== undefined && { parallelMax }),
      ...(this.#archives && { archives: this.#archives }),
    }
    this.policy = {
      security: settings.security,
      devices: this.#devices,
      ...(settings.pidsLimit !== undefined && { pidsLimit: settings.pidsLimit }),
    }
  }

  /** Why the node does not take a pod in that has never run here. */
  admit(pod: Pod): { readonly reason: string; readonly message: string } | undefined {
    const refusal = refusalOf(pod, { unsafeSysctls: this.#parts.settings.unsafeSysctls, hasAppArmor: this.#hasAppArmor })
    if (refusal) return refusal
    const ranBefore = pod.status?.phase === 'Running' // what it had will be plugged in again
    const message = ranBefore ? undefined : deviceRefusal(this.#devices, pod)
    return message === undefined ? undefined : { reason: 'UnexpectedAdmissionError', message }
  }

  /** By resource name, as the node reports them. */
  deviceCounts(): Readonly<Record<string, DeviceCount>> {
    return this.#devices.counts()
  }

  /** For disk pressure. @see ImageGarbage.freeBytes */
  freeImageBytes(targetBytes: number, signal: AbortSignal): Promise<number> {
    return this.#garbage.freeBytes(targetBytes, signal)
  }

  /** Works until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#garbage.run(signal), this.#devices.run(signal), this.#archives?.run(signal), this.#runCsi(signal)])
  }

  async #runCsi(signal: AbortSignal): Promise<void> {
    const { send, pods, settings } = this.#parts
    await settings.csi?.run({ send, tellNode: this.#tellNode, changed: () => pods().wakeAll() }, signal)
  }
}

const live = (pods: readonly SeenPod[]): readonly SeenPod[] =>
  pods.filter(({ pod, status }) => !['Succeeded', 'Failed'].includes(status?.phase ?? pod.status?.phase ?? ''))

const imagesOf = ({ spec }: Pod): readonly string[] =>
  [...spec.containers, ...(spec.initContainers ?? []), ...(spec.ephemeralContainers ?? [])].map(({ image }) => image)

/** Source: Linux security/apparmor/lsm.c, parameter `enabled`. */
function appArmorIsEnabled(): boolean {
  try {
    return readFileSync('/sys/module/apparmor/parameters/enabled', 'utf8').startsWith('Y')
  } catch {
    return false
  }
}
