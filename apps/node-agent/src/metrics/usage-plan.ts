// Pure: what a pod uses, and whether that is worth telling.
import type { StatusReport } from '@bramble/link/link'
import type { MeasuredPod } from './measured-pod.ts'

export type PodUsageReport = Extract<StatusReport, { readonly type: 'pod-usage' }>
export type ContainerUsage = PodUsageReport['containers'][number]

/** Told again after this time, though nothing changed: whoever looks may want to know that it was measured at all. */
const TELL_MS_MAX = 600_000
const CHANGE_SHARE = 0.1
const CHANGE_CPU_MILLIS = 5
const CHANGE_MEMORY_BYTES = 2 ** 20

/** Processor time that a container had used up at some moment, by a clock that never goes back. */
export interface CpuMark {
  readonly atMs: number
  readonly usageNs: number
}

export interface CpuRate {
  readonly cpuMillis: number
  readonly windowMs: number
}

/**
 * Use between two looks; of a container that was not seen before, since its start. undefined when there is no telling: it was not seen
 * before and is older than `newMs`, so that an average over its life would say nothing of now. After a reset of the counter, what was
 * used since.
 */
export function cpuRate(before: CpuMark | undefined, now: CpuMark, ageMs: number, newMs: number): CpuRate | undefined {
  if (before && now.usageNs >= before.usageNs) return rate(now.usageNs - before.usageNs, now.atMs - before.atMs)
  if (before) return rate(now.usageNs, now.atMs - before.atMs)
  return ageMs <= newMs ? rate(now.usageNs, ageMs) : undefined
}

const rate = (usedNs: number, windowMs: number): CpuRate | undefined =>
  windowMs > 0 ? { cpuMillis: Math.round(usedNs / 1000 / windowMs), windowMs } : undefined

/** What was told of a pod, and when. */
export interface Told {
  readonly atMs: number
  readonly containers: readonly ContainerUsage[]
}

/** Whether a container came or went, or one uses noticeably more or less than was told: by a tenth, and by 5 m or 1 MiB. */
export function isWorthTelling(told: Told | undefined, containers: readonly ContainerUsage[], nowMs: number): boolean {
  if (!told) return containers.length > 0
  if (nowMs - told.atMs >= TELL_MS_MAX || told.containers.length !== containers.length) return true
  return containers.some((now) => {
    const before = told.containers.find(({ name }) => name === now.name)
    return (
      !before ||
      isChanged(before.cpuMillis, now.cpuMillis, CHANGE_CPU_MILLIS) ||
      isChanged(before.memoryBytes, now.memoryBytes, CHANGE_MEMORY_BYTES)
    )
  })
}

const isChanged = (before: number, now: number, min: number): boolean => {
  const change = Math.abs(now - before)
  return change > min && change > before * CHANGE_SHARE
}

export const usageReport = (
  { namespace, name, uid }: Pick<MeasuredPod, 'namespace' | 'name' | 'uid'>,
  windowMs: number,
  containers: readonly ContainerUsage[],
): PodUsageReport => ({ type: 'pod-usage', namespace, name, uid, windowMs: Math.round(windowMs), containers })
