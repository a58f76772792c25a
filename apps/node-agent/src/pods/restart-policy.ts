import type { Container, ContainerRestartRule, Pod } from '@bramble/api/types/pod'
import type { ContainerState } from '../runtime/runtime.ts'

export const BACKOFF_MIN_MS = 10_000
export const BACKOFF_MAX_MS = 300_000
/** A container that lived this long between two restarts starts counting anew. */
const FORGIVEN_AFTER_MS = 2 * BACKOFF_MAX_MS
/** What is assumed of a container whose exit code got lost: it was killed. */
export const LOST_EXIT_CODE = 137

/** How long a failing thing waits before the next try. Times are monotonic milliseconds. */
export interface Backoff {
  readonly delayMs: number
  /** When the try was made that set `delayMs`. */
  readonly atMs: number
}

/**
 * The first restart comes at once, then 10 s, doubling to 5 min, all measured from the end of the container.
 * @returns 0 when it may start now.
 * @see Source: kubelet doBackOff, client-go flowcontrol.Backoff.
 */
export const restartWaitMs = (backoff: Backoff | undefined, endedAtMs: number, nowMs: number): number =>
  backoff === undefined || isForgiven(backoff, endedAtMs) ? 0 : Math.max(0, endedAtMs + backoff.delayMs - nowMs)

/** The back-off after one more try at `nowMs`. */
export const nextBackoff = (before: Backoff | undefined, endedAtMs: number, nowMs: number): Backoff => ({
  delayMs: before === undefined || isForgiven(before, endedAtMs) ? BACKOFF_MIN_MS : Math.min(before.delayMs * 2, BACKOFF_MAX_MS),
  atMs: nowMs,
})

const isForgiven = (backoff: Backoff, endedAtMs: number): boolean => endedAtMs - backoff.atMs > FORGIVEN_AFTER_MS

/** An init container that runs beside the others. */
export const isSidecar = (container: Container): boolean => container.restartPolicy === 'Always'

export const exitCodeOf = (state: ContainerState): number => state.exitCode ?? LOST_EXIT_CODE

/**
 * Whether a container that ended so shall run again.
 * @see Source: kubelet ShouldContainerBeRestarted; core/v1 Container restartPolicy and restartPolicyRules.
 */
export function restarts(pod: Pod, container: Container, exitCode: number, isInit: boolean): boolean {
  if (ruleFor(container, exitCode)) return true
  const ofPod = pod.spec.restartPolicy ?? 'Always'
  const policy = container.restartPolicy ?? (isInit && ofPod === 'Always' ? 'OnFailure' : ofPod)
  return policy === 'Always' || (policy === 'OnFailure' && exitCode !== 0)
}

/** The first rule that fits decides; without one the policy does. */
export const ruleFor = ({ restartPolicyRules = [] }: Container, exitCode: number): ContainerRestartRule | undefined =>
  restartPolicyRules.find(({ exitCodes }) => exitCodes && fits(exitCodes, exitCode))

const fits = ({ operator, values = [] }: { readonly operator: string; readonly values?: readonly number[] }, exitCode: number): boolean =>
  values.includes(exitCode) === (operator === 'In')

/**
 * What became of a pod that nothing will run in again; undefined while something will.
 * @param ended The last state of a container that has ended for good or waits for its restart; undefined when it runs or has not run.
 */
export function podOutcome(
  pod: Pod,
  ended: (container: Container) => { readonly exitCode: number } | undefined,
): 'Succeeded' | 'Failed' | undefined {
  for (const init of pod.spec.initContainers ?? []) {
    const end = isSidecar(init) ? undefined : ended(init)
    if (end && end.exitCode !== 0 && !restarts(pod, init, end.exitCode, true)) return 'Failed'
  }
  const ends = pod.spec.containers.map((container) => {
    const end = ended(container)
    return end && !restarts(pod, container, end.exitCode, false) ? end : undefined
  })
  if (ends.length === 0 || ends.includes(undefined)) return undefined
  return ends.every((end) => end?.exitCode === 0) ? 'Succeeded' : 'Failed'
}
