import type { PodMemory } from '../pod-memory.ts'

/**
 * How long a pod may still be active; undefined when it has no deadline or its time has not begun. It begins when the node takes the
 * pod in, whether or not anything of it ever runs.
 * @see Source: kubelet activeDeadlineHandler.
 */
export function deadlineMs({ wanted, status }: Pick<PodMemory, 'wanted' | 'status'>, nowMs: number): number | undefined {
  const seconds = wanted.spec.activeDeadlineSeconds
  const start = status?.startTime ?? wanted.status?.startTime
  return seconds === undefined || start === undefined ? undefined : Date.parse(start) + seconds * 1000 - nowMs
}
