import { Count, Histogram } from '@bramble/reconcile/metrics/instruments'
import type { Family } from '@bramble/reconcile/metrics/family'
import type { Clock } from '@bramble/reconcile/env'
import type { Runtime } from '../runtime/runtime.ts'

/** What kubelet calls what the runtime is asked for. Source: kubelet, pkg/kubelet/kuberuntime/instrumented_services.go. */
const OPERATIONS: Partial<Record<keyof Runtime, string>> = {
  status: 'status',
  observe: 'list_podsandbox',
  runSandbox: 'run_podsandbox',
  createContainer: 'create_container',
  startContainer: 'start_container',
  stopContainer: 'stop_container',
  removeContainer: 'remove_container',
  removeSandbox: 'remove_podsandbox',
  updateContainer: 'update_container',
  updateSandbox: 'update_podsandbox_resources',
  reopenLog: 'reopen_container_log',
  exec: 'exec_sync',
  openExec: 'exec',
  openAttach: 'attach',
  openPort: 'port_forward',
  imageStatus: 'image_status',
  pullImage: 'pull_image',
  loadImages: 'load_images',
  listImages: 'list_images',
  removeImage: 'remove_image',
}
/** Source: kubelet, metrics.DefBuckets of runtime operations: 14 from 5 ms, each 2.5 times the one before. */
const SECONDS = Array.from({ length: 14 }, (_, index) => Number((0.005 * 2.5 ** index).toPrecision(4)))
const LABELS = ['operation_type'] as const

/** Counts what a runtime is asked for, and how long that takes. */
export class RuntimeOperations {
  readonly #clock: Clock
  readonly #asked = new Count('counter', {
    name: 'kubelet_runtime_operations_total',
    help: 'Cumulative number of runtime operations by operation type.',
    labels: LABELS,
  })
  readonly #failed = new Count('counter', {
    name: 'kubelet_runtime_operations_errors_total',
    help: 'Cumulative number of runtime operation errors by operation type.',
    labels: LABELS,
  })
  readonly #seconds = new Histogram(
    {
      name: 'kubelet_runtime_operations_duration_seconds',
      help: 'Duration in seconds of runtime operations. Broken down by operation type.',
      labels: LABELS,
    },
    SECONDS,
  )

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** The same runtime, watched. */
  watch(runtime: Runtime): Runtime {
    const watched = new Map<string, unknown>()
    for (const [name, operation] of Object.entries(OPERATIONS)) {
      const method = runtime[name as keyof Runtime] as ((...args: readonly unknown[]) => Promise<unknown>) | undefined
      if (method) watched.set(name, (...args: readonly unknown[]) => this.#measured(operation, () => method.apply(runtime, [...args])))
    }
    return new Proxy(runtime, {
      get(target, name) {
        const known = watched.get(String(name))
        if (known) return known
        const value: unknown = Reflect.get(target, name, target)
        return typeof value === 'function' ? (value.bind(target) as unknown) : value
      },
    })
  }

  families(): readonly Family[] {
    return [this.#asked.family(), this.#failed.family(), this.#seconds.family()]
  }

  async #measured(operation: string, work: () => Promise<unknown>): Promise<unknown> {
    const startMs = this.#clock.monotonicMs()
    this.#asked.add([operation])
    try {
      return await work()
    } catch (error) {
      this.#failed.add([operation])
      throw error
    } finally {
      this.#seconds.observe([operation], (this.#clock.monotonicMs() - startMs) / 1000)
    }
  }
}
