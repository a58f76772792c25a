import type { Pod } from '@bramble/api/types/pod'
import type { Clock } from '@bramble/reconcile/env'
import type { Signal } from '@bramble/reconcile/signal'
import type { PodMemory } from './pod-memory.ts'
import { type Eviction, SHUT_DOWN } from './rejection.ts'
import { CONFIG_SOURCE } from './static-pods/annotations.ts'

/** Of `system-cluster-critical`. Source: Kubernetes scheduling SystemCriticalPriority. */
const CRITICAL_PRIORITY = 2_000_000_000
/** A process that was killed at the end of its period takes a moment to go. */
const SLACK_MS = 3_000

export interface ShutdownParts {
  readonly clock: Clock
  readonly all: () => readonly PodMemory[]
  readonly evict: (podUid: string, eviction: Eviction) => void
  /** Notified when a pod has been looked at. */
  readonly looked: Signal
}

/**
 * Ends the pods of a node that goes down: ordinary ones first, then those that others need, each group within its period.
 * @returns names of pods that did not end in time.
 * @see Source: kubelet nodeshutdown manager processShutdownEvent.
 */
export async function shutDownPods(
  parts: ShutdownParts,
  graceMs: number,
  criticalGraceMs: number,
  signal: AbortSignal,
): Promise<readonly string[]> {
  await endAll(parts, ({ pod }) => !isCritical(pod), graceMs, signal)
  await endAll(parts, () => true, criticalGraceMs, signal)
  return parts
    .all()
    .filter(isRunning)
    .map(({ pod }) => `${pod.metadata.namespace}/${pod.metadata.name}`)
}

/** Others need it to end well. */
export const isCritical = ({ metadata, spec }: Pod): boolean =>
  (spec.priority ?? 0) >= CRITICAL_PRIORITY || metadata.annotations?.[CONFIG_SOURCE] === 'file'

async function endAll(
  { clock, all, evict, looked }: ShutdownParts,
  belongs: (memory: PodMemory) => boolean,
  graceMs: number,
  signal: AbortSignal,
): Promise<void> {
  const untilMs = clock.monotonicMs() + graceMs + SLACK_MS
  for (const memory of all()) if (memory.isAdmitted && belongs(memory)) evict(memory.pod.metadata.uid, { ...SHUT_DOWN, graceMs })
  while (!signal.aborted && clock.monotonicMs() < untilMs && all().some((memory) => belongs(memory) && isRunning(memory))) {
    const done = new AbortController()
    const until = AbortSignal.any([signal, done.signal])
    await Promise.race([looked.wait(until), clock.sleep(untilMs - clock.monotonicMs(), until)])
    done.abort()
  }
}

const isRunning = ({ sandboxes }: PodMemory): boolean =>
  sandboxes.some(({ containers }) => containers.some(({ state }) => state === 'running'))
