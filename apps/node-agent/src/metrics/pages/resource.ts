// Pure: what autoscalers and `metrics-server` read, at /metrics/resource. Source: kubelet, pkg/kubelet/metrics/collectors/resource_metrics.go.
import { type Family, type Labels, type Sample, single } from '@bramble/reconcile/metrics/family'
import type { CgroupUsage } from '../cgroup-usage.ts'
import type { MachineReading, PodReading } from '../measures.ts'

/** @param failed Whether something could not be read. */
export function* resourceFamilies(machine: MachineReading, readings: readonly PodReading[], failed: boolean): Generator<Family, void> {
  const { memory, userNs, systemNs } = machine
  const workingSet = memory.totalBytes - memory.availableBytes
  yield single(
    'counter',
    'node_cpu_usage_seconds_total',
    'Cumulative cpu time consumed by the node in core-seconds.',
    (userNs + systemNs) / 1e9,
  )
  yield single('gauge', 'node_memory_working_set_bytes', 'Current working set of the node in bytes.', workingSet)
  yield single('gauge', 'node_swap_usage_bytes', 'Current swap usage of the node in bytes.', memory.swapBytes)
  const pods = readings.map(({ pod, usage }) => ({ labels: { namespace: pod.namespace, pod: pod.name }, usage }))
  const containers = readings.flatMap(({ pod, containers: all }) =>
    all.map(({ container, usage }) => ({
      labels: { container: container.name, namespace: pod.namespace, pod: pod.name },
      usage,
      startedAtMs: container.startedAtMs,
    })),
  )
  for (const [prefix, rows] of [
    ['container', containers],
    ['pod', pods],
  ] as const) {
    yield family(
      'counter',
      `${prefix}_cpu_usage_seconds_total`,
      `Cumulative cpu time consumed by the ${prefix} in core-seconds.`,
      rows,
      (usage) => usage.cpu && usage.cpu.usageNs / 1e9,
    )
    yield family(
      'gauge',
      `${prefix}_memory_working_set_bytes`,
      `Current working set of the ${prefix} in bytes.`,
      rows,
      ({ memory: used }) => used?.workingSetBytes,
    )
    yield family(
      'gauge',
      `${prefix}_swap_usage_bytes`,
      `Current amount of the ${prefix} swap usage in bytes.`,
      rows,
      ({ memory: used }) => used?.swapBytes,
    )
  }
  yield {
    name: 'container_start_time_seconds',
    help: 'Start time of the container since unix epoch in seconds.',
    type: 'gauge',
    samples: containers.map(({ labels, startedAtMs }) => ({ labels, value: startedAtMs / 1000 })),
  }
  const help = '1 if there was an error while getting container metrics, 0 otherwise.'
  yield single('gauge', 'resource_scrape_error', help, Number(failed))
  yield single('gauge', 'scrape_error', help, Number(failed))
}

function family(
  type: Family['type'],
  name: string,
  help: string,
  rows: readonly { readonly labels: Labels; readonly usage: CgroupUsage }[],
  amountOf: (usage: CgroupUsage) => number | undefined,
): Family {
  const samples = rows.flatMap(({ labels, usage }): Sample | readonly Sample[] => {
    const value = amountOf(usage)
    return value === undefined ? [] : { labels, value }
  })
  return { name, help, type, samples }
}
