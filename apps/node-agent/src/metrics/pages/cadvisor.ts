// Pure: what dashboards know, at /metrics/cadvisor. Source: cAdvisor, metrics/prometheus.go and docs/storage/prometheus.md.
import { type Family, type Labels, type Sample, single } from '@bramble/reconcile/metrics/family'
import type { CgroupUsage } from '../cgroup-usage.ts'
import type { DiskCount, FileSystemReading } from '../disk-measures.ts'
import type { MachineReading, PodReading, Pressures } from '../measures.ts'
import type { DeviceTraffic } from '../proc-texts.ts'

export interface CadvisorParts {
  readonly nowMs: number
  readonly cpuCount: number
  readonly machine: MachineReading
  readonly readings: readonly PodReading[]
  readonly count: DiskCount
  readonly root?: FileSystemReading
  readonly images?: FileSystemReading
  /** Of block devices, by `major:minor`. */
  readonly deviceName: (device: string) => string
  readonly failed: boolean
}

interface Row {
  readonly labels: Labels
  readonly usage: CgroupUsage
  readonly pressure: Pressures
  readonly traffic: readonly DeviceTraffic[]
  readonly startedAtMs: number
  readonly processes?: number
  readonly layer?: { readonly usedBytes: number; readonly inodes?: number; readonly whole: FileSystemReading | undefined }
}

/** The node, pods and containers, a family at a time. */
export function* cadvisorFamilies(parts: CadvisorParts): Generator<Family, void> {
  const { machine, cpuCount, nowMs, failed } = parts
  const rows = rowsOf(parts)
  for (const { name, help, type, of } of FAMILIES)
    yield { name, help, type, samples: rows.flatMap((row) => samples(row, of(row, nowMs / 1000))) }
  yield* ioFamilies(rows, parts.deviceName)
  yield single('gauge', 'machine_cpu_cores', 'Number of logical CPU cores.', cpuCount)
  yield single('gauge', 'machine_memory_bytes', 'Amount of memory installed on the machine.', machine.memory.totalBytes)
  yield single('gauge', 'machine_swap_bytes', 'Amount of swap memory available on the machine.', machine.memory.swapTotalBytes)
  yield single('gauge', 'machine_scrape_error', '1 if there was an error while getting machine metrics, 0 otherwise.', 0)
  yield single('gauge', 'container_scrape_error', '1 if there was an error while getting container metrics, 0 otherwise', Number(failed))
}

/** One value, several under labels of their own, or nothing to tell. */
type Told = number | undefined | readonly Sample[]

interface Description {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge'
  readonly of: (row: Row, nowSeconds: number) => Told
}

const samples = (row: Row, told: Told): readonly Sample[] => {
  if (told === undefined) return []
  if (typeof told === 'number') return [{ labels: row.labels, value: told }]
  return told.map(({ labels, value }) => ({ labels: { ...row.labels, ...labels }, value }))
}

const family = (type: Description['type'], name: string, help: string, of: Description['of']): Description => ({
  name: `container_${name}`,
  help,
  type,
  of,
})
const counter = (name: string, help: string, of: Description['of']): Description => family('counter', name, help, of)
const gauge = (name: string, help: string, of: Description['of']): Description => family('gauge', name, help, of)
const seconds = (ns: number | undefined): number | undefined => (ns === undefined ? undefined : ns / 1e9)

const traffic = (direction: 'received' | 'sent', what: keyof DeviceTraffic['sent']): Description => {
  const verb = direction === 'received' ? 'receive' : 'transmit'
  const noun = { bytes: 'bytes', packets: 'packets', errors: 'errors', dropped: 'packets_dropped' }[what]
  const help = `Cumulative count of ${noun.replace('_', ' ')} ${direction === 'received' ? 'received' : 'transmitted'}`
  return counter(`network_${verb}_${noun}_total`, help, (row) =>
    row.traffic.map((device) => ({ labels: { interface: device.name }, value: device[direction][what] })),
  )
}

const failures = (row: Row): readonly Sample[] => {
  const { memory } = row.usage
  if (!memory) return []
  const of = (kind: string, scope: string, value: number): Sample => ({ labels: { failure_type: kind, scope }, value })
  return ['container', 'hierarchy'].flatMap((scope) => [
    of('pgfault', scope, memory.pageFaults),
    of('pgmajfault', scope, memory.majorPageFaults),
  ])
}

const onDisk =
  (value: (layer: NonNullable<Row['layer']>) => number | undefined) =>
  (row: Row): Told => {
    const told = row.layer && value(row.layer)
    return told === undefined ? undefined : [{ labels: { device: '' }, value: told }]
  }

const FAMILIES: readonly Description[] = [
  gauge('start_time_seconds', 'Start time of the container since unix epoch in seconds.', ({ startedAtMs }) => startedAtMs / 1000),
  gauge('last_seen', 'Last time a container was seen by the exporter', (_, nowSeconds) => nowSeconds),
  counter('cpu_usage_seconds_total', 'Cumulative cpu time consumed in seconds.', ({ usage }) =>
    usage.cpu ? [{ labels: { cpu: 'total' }, value: usage.cpu.usageNs / 1e9 }] : undefined,
  ),
  counter('cpu_user_seconds_total', 'Cumulative user cpu time consumed in seconds.', ({ usage }) => seconds(usage.cpu?.userNs)),
  counter('cpu_system_seconds_total', 'Cumulative system cpu time consumed in seconds.', ({ usage }) => seconds(usage.cpu?.systemNs)),
  counter('cpu_cfs_periods_total', 'Number of elapsed enforcement period intervals.', ({ usage }) => usage.cpu?.throttling?.periods),
  counter(
    'cpu_cfs_throttled_periods_total',
    'Number of throttled period intervals.',
    ({ usage }) => usage.cpu?.throttling?.throttledPeriods,
  ),
  counter('cpu_cfs_throttled_seconds_total', 'Total time duration the container has been throttled.', ({ usage }) =>
    seconds(usage.cpu?.throttling?.throttledNs),
  ),
  gauge(
    'memory_usage_bytes',
    'Current memory usage in bytes, including all memory regardless of when it was accessed',
    ({ usage }) => usage.memory?.usageBytes,
  ),
  gauge('memory_working_set_bytes', 'Current working set in bytes.', ({ usage }) => usage.memory?.workingSetBytes),
  gauge('memory_rss', 'Size of RSS in bytes.', ({ usage }) => usage.memory?.rssBytes),
  gauge('memory_cache', 'Number of bytes of page cache memory.', ({ usage }) => usage.memory?.cacheBytes),
  gauge('memory_mapped_file', 'Size of memory mapped files in bytes.', ({ usage }) => usage.memory?.mappedFileBytes),
  gauge('memory_swap', 'Container swap usage in bytes.', ({ usage }) => usage.memory?.swapBytes),
  gauge('memory_max_usage_bytes', 'Maximum memory usage recorded in bytes', ({ usage }) => usage.memory?.maxUsageBytes),
  counter('memory_failcnt', 'Number of memory usage hits limits', ({ usage }) => usage.memory?.failures),
  counter('memory_failures_total', 'Cumulative count of memory allocation failures.', failures),
  counter('oom_events_total', 'Count of out of memory events observed for the container', ({ usage }) => usage.memory?.oomKills),
  gauge('threads', 'Number of threads running inside the container', ({ usage }) => usage.tasks),
  gauge('threads_max', 'Maximum number of threads allowed inside the container', ({ usage }) => usage.tasksMax),
  gauge('processes', 'Number of processes running inside the container.', ({ processes }) => processes),
  gauge('spec_cpu_period', 'CPU period of the container.', ({ usage }) => usage.limits.cpuPeriodUs),
  gauge('spec_cpu_quota', 'CPU quota of the container.', ({ usage }) => usage.limits.cpuQuotaUs),
  gauge('spec_cpu_shares', 'CPU share of the container.', ({ usage }) => usage.limits.cpuShares),
  gauge('spec_memory_limit_bytes', 'Memory limit for the container.', ({ usage }) => usage.memory && (usage.limits.memoryBytes ?? 0)),
  gauge(
    'fs_usage_bytes',
    'Number of bytes that are consumed by the container on this filesystem.',
    onDisk(({ usedBytes }) => usedBytes),
  ),
  gauge(
    'fs_limit_bytes',
    'Number of bytes that can be consumed by the container on this filesystem.',
    onDisk(({ whole }) => whole?.capacityBytes),
  ),
  gauge(
    'fs_inodes_total',
    'Number of Inodes',
    onDisk(({ whole }) => whole?.inodes),
  ),
  gauge(
    'fs_inodes_free',
    'Number of available Inodes',
    onDisk(({ whole }) => whole?.inodesFree),
  ),
  traffic('received', 'bytes'),
  traffic('received', 'packets'),
  traffic('received', 'errors'),
  traffic('received', 'dropped'),
  traffic('sent', 'bytes'),
  traffic('sent', 'packets'),
  traffic('sent', 'errors'),
  traffic('sent', 'dropped'),
  ...(['cpu', 'memory', 'io'] as const).flatMap((resource) => [
    counter(
      `pressure_${resource}_waiting_seconds_total`,
      `Total time duration tasks in the container have waited due to ${resource} congestion.`,
      (row) => micros(row.pressure[resource]?.some.totalUs),
    ),
    counter(
      `pressure_${resource}_stalled_seconds_total`,
      `Total time duration no tasks in the container could make progress due to ${resource} congestion.`,
      (row) => micros(row.pressure[resource]?.full?.totalUs),
    ),
  ]),
]

const micros = (us: number | undefined): number | undefined => (us === undefined ? undefined : us / 1e6)

const IO = [
  ['fs_reads_bytes_total', 'Cumulative count of bytes read', 'readBytes'],
  ['fs_writes_bytes_total', 'Cumulative count of bytes written', 'writeBytes'],
  ['fs_reads_total', 'Cumulative count of reads completed', 'reads'],
  ['fs_writes_total', 'Cumulative count of writes completed', 'writes'],
] as const

function* ioFamilies(rows: readonly Row[], deviceName: (device: string) => string): Generator<Family, void> {
  for (const [name, help, what] of IO) {
    const all = rows.flatMap(({ labels, usage }) =>
      usage.io.map((device) => ({ labels: { ...labels, device: deviceName(device.device) }, value: device[what] })),
    )
    yield { name: `container_${name}`, help, type: 'counter', samples: all }
  }
  const operations = rows.flatMap(({ labels, usage }) =>
    usage.io.flatMap(({ device, readBytes, writeBytes }) => {
      const [major = '', minor = ''] = device.split(':')
      const of = (operation: string, value: number): Sample => ({
        labels: { ...labels, device: deviceName(device), major, minor, operation },
        value,
      })
      return [of('Read', readBytes), of('Write', writeBytes)]
    }),
  )
  yield { name: 'container_blkio_device_usage_total', help: 'Blkio Device bytes usage', type: 'counter', samples: operations }
}

/** Labels in cAdvisor's order; those of a pod have no container, those of the node no pod. */
const labelsOf = (id: string, namespace = '', pod = '', container = '', image = '', name = ''): Labels => ({
  container,
  id,
  image,
  name,
  namespace,
  pod,
})

function rowsOf({ machine, readings, count, images, root }: CadvisorParts): readonly Row[] {
  return [
    nodeRow(machine, root),
    ...readings.flatMap(({ pod, folder, usage, pressure, traffic: devices, containers }): readonly Row[] => [
      {
        labels: labelsOf(folder, pod.namespace, pod.name),
        usage,
        pressure,
        traffic: devices,
        startedAtMs: pod.acceptedAtMs ?? Math.min(...pod.containers.map(({ startedAtMs }) => startedAtMs)),
      },
      ...containers.map(({ container, folder: own, usage: used, pressure: pressed, processes }): Row => {
        const layer = count.layers.get(container.id)
        return {
          labels: labelsOf(own, pod.namespace, pod.name, container.name, container.image, container.id),
          usage: used,
          pressure: pressed,
          traffic: [],
          startedAtMs: container.startedAtMs,
          processes,
          ...(layer && { layer: { ...layer, whole: images } }),
        }
      }),
    ]),
  ]
}

const nodeRow = (
  { userNs, systemNs, memory, pageFaults, majorPageFaults, pressure, traffic: devices, bootedAtMs, tasks }: MachineReading,
  root: FileSystemReading | undefined,
): Row => ({
  labels: labelsOf('/'),
  usage: {
    cpu: { usageNs: userNs + systemNs, userNs, systemNs },
    memory: {
      usageBytes: memory.usageBytes,
      workingSetBytes: memory.totalBytes - memory.availableBytes,
      rssBytes: memory.rssBytes,
      cacheBytes: memory.cacheBytes,
      mappedFileBytes: memory.mappedFileBytes,
      swapBytes: memory.swapBytes,
      failures: 0,
      oomKills: 0,
      pageFaults,
      majorPageFaults,
    },
    tasks,
    io: [],
    limits: {},
  },
  pressure,
  traffic: devices,
  startedAtMs: bootedAtMs,
  ...(root && { layer: { usedBytes: root.usedBytes, whole: root } }),
})
