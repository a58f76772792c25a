import { Histogram } from '@bramble/reconcile/metrics/instruments'
import type { Family } from '@bramble/reconcile/metrics/family'
import type { MeasuredPod } from './measured-pod.ts'

/** Source: kubelet, pkg/kubelet/metrics, `podStartupDurationBuckets`. */
const SECONDS = [0.5, 1, 2, 3, 4, 5, 6, 8, 10, 20, 30, 45, 60, 120, 180, 240, 300, 360, 480, 600, 900, 1200, 1800, 2700, 3600]

/** How long pods took from being taken in until all that runs in them had started. To the second: that is how a status tells it. */
export class PodStarts {
  readonly #sinceMs: number
  readonly #seconds = new Histogram(
    {
      name: 'kubelet_pod_start_duration_seconds',
      help: 'Duration in seconds from kubelet seeing a pod for the first time to the pod starting to run',
      labels: [],
    },
    SECONDS,
  )
  #counted: ReadonlySet<string> = new Set()

  /** @param sinceMs Pods from before are another agent's. */
  constructor(sinceMs: number) {
    this.#sinceMs = sinceMs
  }

  /** @param pods All that run. Each counts once. */
  look(pods: readonly MeasuredPod[]): void {
    const running = pods.filter(({ containers, acceptedAtMs }) => containers.length > 0 && acceptedAtMs !== undefined)
    for (const { uid, acceptedAtMs, containers } of running) {
      if (this.#counted.has(uid) || acceptedAtMs! < this.#sinceMs) continue
      const startedAtMs = Math.max(...containers.map((container) => container.startedAtMs))
      this.#seconds.observe([], Math.max(0, startedAtMs - acceptedAtMs!) / 1000)
    }
    this.#counted = new Set(running.map(({ uid }) => uid))
  }

  family(): Family {
    return this.#seconds.family()
  }
}
