import type { Env } from '@bramble/reconcile/env'
import type { MeasuredPod } from './measured-pod.ts'
import type { ContainerUse, Measures } from './measures.ts'
import { type ContainerUsage, type CpuMark, cpuRate, isWorthTelling, type PodUsageReport, type Told, usageReport } from './usage-plan.ts'

const LOOK_MS = 60_000
/** After the first look there is nothing to compare with. */
const SECOND_LOOK_MS = 15_000
/** A container younger than this is measured from its start. */
const NEW_MS = 2 * LOOK_MS
/** A rate over less says little: scrapes may follow each other closely. */
const WINDOW_MS_MIN = 5_000

export interface UsageReporterParts {
  readonly env: Env
  readonly measures: Pick<Measures, 'use'>
  readonly pods: () => readonly MeasuredPod[]
  readonly send: (report: PodUsageReport) => void
}

interface Seen {
  readonly pod: MeasuredPod
  readonly marks: ReadonlyMap<string, CpuMark>
  readonly cpuMillis: ReadonlyMap<string, number>
  readonly told?: Told
}

/** Measures all pods once a minute and tells what changed, so that a pod that does nothing costs nothing on the link. */
export class UsageReporter {
  readonly #parts: UsageReporterParts
  #seen = new Map<string, Seen>()

  constructor(parts: UsageReporterParts) {
    this.#parts = parts
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#parts.env
    for (let pauseMs = SECOND_LOOK_MS; !signal.aborted; pauseMs = LOOK_MS) {
      await this.look()
      await clock.sleep(pauseMs * (0.9 + random() / 5), signal)
    }
  }

  async look(): Promise<void> {
    const { measures, pods } = this.#parts
    const next = new Map<string, Seen>()
    for await (const { pod, containers } of measures.use(pods())) next.set(pod.uid, this.#measured(pod, containers))
    for (const [uid, { pod, told }] of this.#seen)
      if (!next.has(uid) && (told?.containers.length ?? 0) > 0) this.#parts.send(usageReport(pod, 0, []))
    this.#seen = next
  }

  /** As to a server that has forgotten. */
  tellAll(): void {
    for (const [uid, { told, ...seen }] of this.#seen) {
      if (told) this.#seen.set(uid, { ...seen, told: this.#tell(seen.pod, told.containers, LOOK_MS) })
    }
  }

  /** Of a container, in thousandths of a core: since the last look when that was a while ago, otherwise up to then. */
  cpuMillis(pod: MeasuredPod, containerId: string, usageNs: number): number | undefined {
    const seen = this.#seen.get(pod.uid)
    const mark = seen?.marks.get(containerId)
    if (!mark) return undefined
    const atMs = this.#parts.env.clock.monotonicMs()
    if (atMs - mark.atMs < WINDOW_MS_MIN) return seen?.cpuMillis.get(containerId)
    return cpuRate(mark, { atMs, usageNs }, 0, 0)?.cpuMillis
  }

  #measured(pod: MeasuredPod, uses: readonly ContainerUse[]): Seen {
    const { clock } = this.#parts.env
    const atMs = clock.monotonicMs()
    const before = this.#seen.get(pod.uid)
    const marks = new Map<string, CpuMark>()
    const cpuMillis = new Map<string, number>()
    const containers: ContainerUsage[] = []
    let longestMs = 0
    for (const { container, cpuNs, workingSetBytes } of uses) {
      const mark = { atMs, usageNs: cpuNs }
      const rate = cpuRate(before?.marks.get(container.id), mark, clock.nowMs() - container.startedAtMs, NEW_MS)
      marks.set(container.id, mark)
      if (!rate) continue
      longestMs = Math.max(longestMs, rate.windowMs)
      cpuMillis.set(container.id, rate.cpuMillis)
      containers.push({ name: container.name, cpuMillis: rate.cpuMillis, memoryBytes: workingSetBytes })
    }
    const told = isWorthTelling(before?.told, containers, atMs) ? this.#tell(pod, containers, longestMs) : before?.told
    return { pod, marks, cpuMillis, ...(told && { told }) }
  }

  #tell(pod: MeasuredPod, containers: readonly ContainerUsage[], windowMs: number): Told {
    this.#parts.send(usageReport(pod, windowMs, containers))
    return { atMs: this.#parts.env.clock.monotonicMs(), containers }
  }
}
