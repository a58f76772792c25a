import type { Pod } from '@bramble/api/types/pod'
import type { Env } from '@bramble/reconcile/env'
import type { PodEvents } from '../pods/events.ts'
import { isCritical } from '../pods/node-shutdown.ts'
import type { Eviction, Rejection } from '../pods/rejection.ts'
import type { PodLookup, SeenPod } from '../pods/streams/pod-lookup.ts'
import { refusedUnder } from './admission.ts'
import { isCrossed, isNear, judge, missing, NO_PRESSURE, type PressureMemory } from './plan.ts'
import type { MeasurePods, PodUse } from './pod-use.ts'
import { rankPods } from './rank.ts'
import { type NodeSignals, type PressureType, RESOURCE_OF, type SignalSource } from './signals.ts'
import { hasEphemeralLimit, hasStorageLimit, storageExcess } from './storage-limits.ts'
import type { Threshold } from './thresholds.ts'
import { evictionMessage } from './words.ts'

export interface PressureSettings {
  readonly thresholds: readonly Threshold[]
  /** Of node conditions, so that they do not flap. */
  readonly transitionMs: number
  /** For pods that go because of a soft threshold; a pod's own when it is shorter. */
  readonly softGraceMsMax: number
}

export interface PressureParts {
  readonly env: Env
  readonly signals: SignalSource
  readonly measures: MeasurePods
  readonly settings: PressureSettings
  /** Known by the time that {@link PressureManager.run} is called. */
  readonly pods: () => PodLookup & { evict(podUid: string, eviction: Eviction): void; wakeAll(): void }
  /** Removes what nothing needs. @returns bytes by which the disk of images became emptier. */
  readonly freeImageBytes?: (bytes: number, signal: AbortSignal) => Promise<number>
  readonly events: PodEvents
  readonly nodeName: string
  /** Conditions of the node have changed. */
  readonly changed: () => Promise<void>
}

const LOOK_MS = 10_000
/** While memory runs short, or a pod that was ended takes its time. Reads five small files of the kernel's. */
const NEAR_MS = 2_000
/** Measuring walks through volumes of pods that have a limit. */
const STORAGE_MS = 60_000
/** Of pods that end because nothing is left. Source: kubelet immediateEvictionGracePeriodSeconds. */
const IMMEDIATE_GRACE_MS = 1_000
/** The next one stays for so long while the one before it ends. Source: kubelet podCleanupTimeout. */
const CLEAN_UP_MS_MAX = 30_000

/** Words of conditions. Source: kubelet nodestatus setters. */
const PRESSURE_WORDS: Readonly<Record<PressureType, readonly [bad: string, good: string]>> = {
  MemoryPressure: ['NodeHasInsufficientMemory', 'NodeHasSufficientMemory'],
  DiskPressure: ['NodeHasDiskPressure', 'NodeHasNoDiskPressure'],
  PIDPressure: ['NodeHasInsufficientPID', 'NodeHasSufficientPID'],
}

/** Looks at what runs short, says so, and ends pods one at a time until it does not. @see Source: kubelet eviction manager. */
export class PressureManager {
  readonly #parts: PressureParts
  #memory: PressureMemory = NO_PRESSURE
  #pressures: readonly PressureType[] = []
  #readOnly: readonly string[] = []
  #storageLookedMs = -Infinity
  #ending: { readonly podUid: string; readonly sinceMs: number } | undefined

  constructor(parts: PressureParts) {
    this.#parts = parts
  }

  /** To be told of the node. */
  get pressures(): readonly PressureType[] {
    return this.#pressures
  }
  /** Folders that the agent cannot write to because their disk has become read-only. */
  get readOnly(): readonly string[] {
    return this.#readOnly
  }

  /** Why the node does not take a new pod in now. */
  admit(pod: Pod): Rejection | undefined {
    return refusedUnder(this.#pressures, pod)
  }

  /** Works until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { env } = this.#parts
    while (!signal.aborted) {
      let pauseMs = LOOK_MS
      try {
        pauseMs = await this.look(signal)
      } catch (error) {
        if (!signal.aborted) env.log.warn('what is short on this node could not be found out; looking again', { error })
      }
      await env.clock.sleep(pauseMs * (0.9 + env.random() / 5), signal)
    }
  }

  /** Once. @returns after how many milliseconds to look again. */
  async look(signal: AbortSignal): Promise<number> {
    const { env, settings, signals } = this.#parts
    const nowMs = env.clock.monotonicMs()
    const seen = await signals.look()
    const verdict = judge(this.#memory, settings.thresholds, seen.observations, { nowMs, transitionMs: settings.transitionMs })
    this.#memory = verdict.memory
    await this.#tell(verdict.pressures, seen.readOnly)
    if (!(await this.#endExcess(nowMs, signal)) && verdict.due[0]) await this.#relieve(verdict.due, seen, signal)
    return this.#isEnding() || isNear(settings.thresholds, seen.observations) ? NEAR_MS : LOOK_MS
  }

  async #tell(pressures: readonly PressureType[], readOnly: readonly string[]): Promise<void> {
    const { events, nodeName, changed, env } = this.#parts
    const said = (reason: string): void => events.recordOfNode('Normal', reason, `Node ${nodeName} status is now: ${reason}`)
    const came = pressures.filter((type) => !this.#pressures.includes(type))
    const went = this.#pressures.filter((type) => !pressures.includes(type))
    const isChanged = came.length + went.length > 0 || readOnly.join() !== this.#readOnly.join()
    if (!isChanged) return
    for (const folder of readOnly.filter((each) => !this.#readOnly.includes(each)))
      events.recordOfNode('Warning', 'FilesystemIsReadOnly', readOnlyMessage(folder))
    if (readOnly.length === 0 && this.#readOnly.length > 0)
      events.recordOfNode('Normal', 'FilesystemIsNotReadOnly', 'everything that the agent needs can be written to again')
    this.#pressures = pressures
    this.#readOnly = readOnly
    for (const type of came) said(PRESSURE_WORDS[type][0])
    for (const type of went) said(PRESSURE_WORDS[type][1])
    env.log.warn('what is short on this node has changed', { pressures, readOnly })
    await changed()
  }

  /** Pods that write more than they may, whatever the node has left. @returns whether one has to go. */
  async #endExcess(nowMs: number, signal: AbortSignal): Promise<boolean> {
    if (nowMs - this.#storageLookedMs < STORAGE_MS) return false
    this.#storageLookedMs = nowMs
    const limited = this.#active().filter(({ pod }) => hasStorageLimit(pod))
    if (limited.length === 0) return false
    const uses = await this.#parts.measures.measure(limited, ({ pod }) => (hasEphemeralLimit(pod) ? 'files-and-layers' : 'files'), signal)
    let hasEnded = false
    for (const use of uses) {
      const message = storageExcess(use)
      if (message !== undefined) hasEnded = this.#evict(use.pod, message, IMMEDIATE_GRACE_MS, false) || hasEnded
    }
    return hasEnded
  }

  async #relieve(due: readonly Threshold[], seen: NodeSignals, signal: AbortSignal): Promise<void> {
    const { env, events, measures, signals } = this.#parts
    const [threshold] = due as readonly [Threshold, ...Threshold[]]
    if (this.#isEnding()) return
    const resource = RESOURCE_OF[threshold.signal]
    env.log.warn('something is short on this node', { signal: threshold.signal, ...seen.observations.get(threshold.signal) })
    events.recordOfNode('Warning', 'EvictionThresholdMet', `Attempting to reclaim ${resource}`)
    if (await this.#freeImages(threshold, seen, signal)) {
      const after = await signals.look()
      if (!due.some((each) => isCrossed(each, after.observations, true))) return
    }
    const look = resource === 'memory' || resource === 'pids' ? 'none' : 'files-and-layers'
    const uses = await measures.measure(this.#active(), () => look, signal)
    for (const use of rankPods(threshold.signal, uses, seen.imagesApart)) if (this.#evictFor(threshold, use, seen)) return
    env.log.warn('no pod can be evicted to relieve this node', { resource })
  }

  /** @returns whether that could help. */
  async #freeImages(threshold: Threshold, { observations, imagesApart }: NodeSignals, signal: AbortSignal): Promise<boolean> {
    const { signal: what } = threshold
    const isOfImages = what.startsWith('imagefs') || (what.startsWith('nodefs') && !imagesApart)
    if (!isOfImages || !this.#parts.freeImageBytes) return false
    const bytes = what.endsWith('inodesFree') ? Number.MAX_SAFE_INTEGER : missing(threshold, observations) // an image has as many inodes as it has
    await this.#parts.freeImageBytes(bytes, signal)
    return true
  }

  #evictFor(threshold: Threshold, use: PodUse, { observations }: NodeSignals): boolean {
    const ownMs = (use.pod.spec.terminationGracePeriodSeconds ?? 30) * 1_000
    const graceMs = threshold.graceMs === 0 ? IMMEDIATE_GRACE_MS : Math.min(ownMs, this.#parts.settings.softGraceMsMax)
    return this.#evict(use.pod, evictionMessage(use, threshold, observations), graceMs, true)
  }

  /** @returns false for a pod that others depend on: it stays. */
  #evict(pod: Pod, message: string, graceMs: number, isDisruption: boolean): boolean {
    const { env, events, pods } = this.#parts
    const { uid, namespace, name } = pod.metadata
    if (isCritical(pod)) {
      env.log.warn('cannot evict a critical pod', { pod: `${namespace}/${name}` })
      return false
    }
    events.record(pod, 'Warning', 'Evicted', message)
    pods().evict(uid, { reason: 'Evicted', message, graceMs, ...(!isDisruption && { disruption: false }) })
    this.#ending = { podUid: uid, sinceMs: env.clock.monotonicMs() }
    return true
  }

  /** What was freed by the last one is not seen yet. */
  #isEnding(): boolean {
    if (!this.#ending) return false
    const { podUid, sinceMs } = this.#ending
    const runs =
      this.#parts
        .pods()
        .seen(podUid)
        ?.sandbox?.containers.some(({ state }) => state === 'running') ?? false
    if (runs && this.#parts.env.clock.monotonicMs() - sinceMs < CLEAN_UP_MS_MAX) return true
    this.#ending = undefined
    return false
  }

  #active(): readonly SeenPod[] {
    return this.#parts
      .pods()
      .all()
      .filter(({ pod, status }) => {
        const phase = status?.phase ?? pod.status?.phase
        return phase !== 'Succeeded' && phase !== 'Failed' && pod.metadata.deletionTimestamp === undefined
      })
  }
}

export const readOnlyMessage = (folder: string): string =>
  `${folder} cannot be written to: its file system has become read-only; pods go on, nothing new can be kept. Check the card or disk ("dmesg"), then remount it or reboot`
