// Pure: what a cgroup uses, out of the kernel's texts. Source: Linux, Documentation/admin-guide/cgroup-v1 and cgroup-v2.rst; what of it
// counts as what is cAdvisor's choice (container/libcontainer/handler.go), which dashboards are made for.
import type { CgroupVersion } from '../runtime/cgroups/settings.ts'

/** Text of a file of one cgroup, '' where there is none. The controller matters with cgroup v1 only. */
export type ReadCgroup = (controller: 'cpu' | 'cpuacct' | 'memory' | 'pids' | 'blkio', file: string) => string

export interface CgroupUsage {
  readonly cpu?: CpuUsage
  readonly memory?: MemoryUsage
  /** Tasks: processes and threads. */
  readonly tasks?: number
  readonly tasksMax?: number
  readonly io: readonly IoUsage[]
  readonly limits: CgroupLimits
}
export interface CpuUsage {
  readonly usageNs: number
  readonly userNs?: number
  readonly systemNs?: number
  /** Only of a cgroup with a quota. */
  readonly throttling?: { readonly periods: number; readonly throttledPeriods: number; readonly throttledNs: number }
}
export interface MemoryUsage {
  readonly usageBytes: number
  /** In use and not to be had back by dropping files that nobody uses. */
  readonly workingSetBytes: number
  readonly rssBytes: number
  readonly cacheBytes: number
  readonly mappedFileBytes: number
  readonly swapBytes: number
  readonly maxUsageBytes?: number
  /** How often the limit was hit. */
  readonly failures: number
  readonly oomKills: number
  readonly pageFaults: number
  readonly majorPageFaults: number
}
export interface IoUsage {
  /** `8:0`. */
  readonly device: string
  readonly readBytes: number
  readonly writeBytes: number
  readonly reads: number
  readonly writes: number
}
export interface CgroupLimits {
  readonly cpuShares?: number
  readonly cpuPeriodUs?: number
  /** Absent: no limit. */
  readonly cpuQuotaUs?: number
  readonly memoryBytes?: number
}

/** USER_HZ is 100 on every Linux that Bramble runs on. */
const TICK_NS = 1e7
/** cgroup v1 says "no limit" with the largest number of pages that there is. */
const UNLIMITED_BYTES = 2 ** 62

export const cgroupUsage = (version: CgroupVersion, read: ReadCgroup): CgroupUsage => {
  const cpu = cpuUsage(version, read)
  const memory = memoryUsage(version, read)
  const tasks = number(read('pids', 'pids.current'))
  const tasksMax = number(read('pids', 'pids.max'))
  return {
    ...(cpu && { cpu }),
    ...(memory && { memory }),
    ...(tasks !== undefined && { tasks }),
    ...(tasksMax !== undefined && { tasksMax }),
    io: version === 2 ? ioV2(read('blkio', 'io.stat')) : ioV1(read),
    limits: version === 2 ? limitsV2(read) : limitsV1(read),
  }
}

/** undefined where the cgroup is gone. */
export function cpuUsage(version: CgroupVersion, read: ReadCgroup): CpuUsage | undefined {
  const stat = fields(read('cpu', 'cpu.stat'))
  const throttling = (throttledNs: number) =>
    (stat.get('nr_periods') ?? 0) > 0 && {
      throttling: { periods: stat.get('nr_periods')!, throttledPeriods: stat.get('nr_throttled') ?? 0, throttledNs },
    }
  if (version === 2) {
    const usageUs = stat.get('usage_usec')
    if (usageUs === undefined) return undefined
    return {
      usageNs: usageUs * 1000,
      userNs: (stat.get('user_usec') ?? 0) * 1000,
      systemNs: (stat.get('system_usec') ?? 0) * 1000,
      ...throttling((stat.get('throttled_usec') ?? 0) * 1000),
    }
  }
  const usageNs = number(read('cpuacct', 'cpuacct.usage'))
  if (usageNs === undefined) return undefined
  const split = fields(read('cpuacct', 'cpuacct.stat'))
  return {
    usageNs,
    userNs: (split.get('user') ?? 0) * TICK_NS,
    systemNs: (split.get('system') ?? 0) * TICK_NS,
    ...throttling(stat.get('throttled_time') ?? 0),
  }
}

/** undefined where the cgroup is gone, or the kernel does not count memory. */
export function memoryUsage(version: CgroupVersion, read: ReadCgroup): MemoryUsage | undefined {
  const usageBytes = number(read('memory', version === 2 ? 'memory.current' : 'memory.usage_in_bytes'))
  if (usageBytes === undefined) return undefined
  const stat = fields(read('memory', 'memory.stat'))
  const of = (v1: string, v2: string): number => stat.get(version === 2 ? v2 : v1) ?? 0
  const events = fields(read('memory', version === 2 ? 'memory.events' : 'memory.oom_control'))
  const maxUsageBytes = number(read('memory', version === 2 ? 'memory.peak' : 'memory.max_usage_in_bytes'))
  return {
    usageBytes,
    workingSetBytes: Math.max(0, usageBytes - of('total_inactive_file', 'inactive_file')),
    rssBytes: of('total_rss', 'anon'),
    cacheBytes: of('total_cache', 'file'),
    mappedFileBytes: of('total_mapped_file', 'file_mapped'),
    swapBytes: version === 2 ? (number(read('memory', 'memory.swap.current')) ?? 0) : of('total_swap', ''),
    ...(maxUsageBytes !== undefined && { maxUsageBytes }),
    failures: version === 2 ? (events.get('max') ?? 0) : (number(read('memory', 'memory.failcnt')) ?? 0),
    oomKills: events.get('oom_kill') ?? 0,
    pageFaults: of('total_pgfault', 'pgfault'),
    majorPageFaults: of('total_pgmajfault', 'pgmajfault'),
  }
}

function limitsV1(read: ReadCgroup): CgroupLimits {
  const cpuShares = number(read('cpu', 'cpu.shares'))
  const cpuPeriodUs = number(read('cpu', 'cpu.cfs_period_us'))
  const cpuQuotaUs = number(read('cpu', 'cpu.cfs_quota_us'))
  const memoryBytes = number(read('memory', 'memory.limit_in_bytes'))
  return limits(cpuShares, cpuPeriodUs, cpuQuotaUs, memoryBytes)
}

function limitsV2(read: ReadCgroup): CgroupLimits {
  const weight = number(read('cpu', 'cpu.weight'))
  const [quota = '', period = ''] = read('cpu', 'cpu.max').trim().split(' ')
  // the way back of KEP-2254, as cAdvisor does it
  const cpuShares = weight === undefined ? undefined : Math.floor(2 + ((weight - 1) * 262_142) / 9999)
  return limits(cpuShares, number(period), number(quota), number(read('memory', 'memory.max')))
}

const limits = (cpuShares?: number, cpuPeriodUs?: number, cpuQuotaUs?: number, memoryBytes?: number): CgroupLimits => ({
  ...(cpuShares !== undefined && { cpuShares }),
  ...(cpuPeriodUs !== undefined && { cpuPeriodUs }),
  ...(cpuQuotaUs !== undefined && cpuQuotaUs > 0 && { cpuQuotaUs }),
  ...(memoryBytes !== undefined && memoryBytes < UNLIMITED_BYTES && { memoryBytes }),
})

function ioV1(read: ReadCgroup): readonly IoUsage[] {
  const count = (file: string): Map<string, { read: number; write: number }> => {
    const devices = new Map<string, { read: number; write: number }>()
    for (const [, device, operation, value] of read('blkio', file).matchAll(/^(\d+:\d+) (Read|Write) (\d+)$/gm)) {
      const counted = devices.get(device!) ?? { read: 0, write: 0 }
      counted[operation === 'Read' ? 'read' : 'write'] = Number(value)
      devices.set(device!, counted)
    }
    return devices
  }
  const bytes = count('blkio.throttle.io_service_bytes_recursive')
  const operations = count('blkio.throttle.io_serviced_recursive')
  return [...bytes].map(([device, { read: readBytes, write: writeBytes }]) => {
    const { read: reads, write: writes } = operations.get(device) ?? { read: 0, write: 0 }
    return { device, readBytes, writeBytes, reads, writes }
  })
}

const ioV2 = (text: string): readonly IoUsage[] =>
  [...text.matchAll(/^(\d+:\d+) (.*)$/gm)].map(([, device, rest]) => {
    const of = (name: string): number => Number(new RegExp(`(?:^| )${name}=(\\d+)`).exec(rest!)?.[1] ?? 0)
    return { device: device!, readBytes: of('rbytes'), writeBytes: of('wbytes'), reads: of('rios'), writes: of('wios') }
  })

/** Of lines `name value`. */
function fields(text: string): ReadonlyMap<string, number> {
  const found = new Map<string, number>()
  for (const line of text.split('\n')) {
    const space = line.indexOf(' ')
    if (space > 0) found.set(line.slice(0, space), Number(line.slice(space + 1)))
  }
  return found
}

const number = (text: string): number | undefined => (/^-?\d+\s*$/.test(text) ? Number(text) : undefined)
