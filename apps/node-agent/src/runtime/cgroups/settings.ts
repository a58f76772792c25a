// Pure: what is written into cgroups, and what is read out of them.
import type { ContainerResources, PodResources } from '../runtime.ts'
import type { QosClass } from './paths.ts'

export type CgroupVersion = 1 | 2

export interface CgroupSetting {
  /** Hierarchy with cgroup v1. */
  readonly controller: 'cpu' | 'memory' | 'pids'
  readonly file: string
  readonly content: string
}

export const CPU_PERIOD_US = 100_000
const CPU_QUOTA_US_MIN = 1_000
const SHARES_MIN = 2
const SHARES_MAX = 262_144

/** @see Source: kubernetes pkg/kubelet/cm, `MilliCPUToShares`. */
export const cpuShares = (millis: number): number => Math.min(SHARES_MAX, Math.max(SHARES_MIN, Math.floor((millis * 1024) / 1000)))

/** What was asked for to get this share; exact for what `cpuShares` makes of whole numbers above 1. */
export const cpuMillis = (shares: number): number => Math.ceil((shares * 1000) / 1024)

/** For each period of CPU_PERIOD_US. @see Source: kubernetes pkg/kubelet/cm, `MilliCPUToQuota`. */
export const cpuQuotaUs = (millis: number): number => Math.max(CPU_QUOTA_US_MIN, Math.floor((millis * CPU_PERIOD_US) / 1000))

/** @see Source: kubernetes KEP-2254, "Convert CPU Shares to CPU Weight". */
export const cpuWeight = (shares: number): number => Math.floor(1 + ((shares - SHARES_MIN) * 9999) / (SHARES_MAX - SHARES_MIN))

/**
 * Of a pod's group. What has no limit loses the one that it had, but that of processes, which is the node's to say and stays.
 * @see Source: kubernetes pkg/kubelet/cm, `ResourceConfigForPod`.
 */
export function podSettings(version: CgroupVersion, resources: PodResources): readonly CgroupSetting[] {
  const { cpuLimitMillis, memoryLimitBytes, pidsLimit } = resources
  const pids: readonly CgroupSetting[] =
    pidsLimit === undefined ? [] : [{ controller: 'pids', file: 'pids.max', content: String(pidsLimit) }]
  const shares = cpuShares(resources.qosClass === 'BestEffort' ? 0 : resources.cpuRequestMillis)
  const quota = cpuLimitMillis === undefined ? undefined : cpuQuotaUs(cpuLimitMillis)
  if (version === 2)
    return [
      { controller: 'cpu', file: 'cpu.weight', content: String(cpuWeight(shares)) },
      { controller: 'cpu', file: 'cpu.max', content: `${quota ?? 'max'} ${CPU_PERIOD_US}` },
      { controller: 'memory', file: 'memory.max', content: String(memoryLimitBytes ?? 'max') },
      ...pids,
    ]
  return [
    { controller: 'cpu', file: 'cpu.shares', content: String(shares) },
    { controller: 'cpu', file: 'cpu.cfs_period_us', content: String(CPU_PERIOD_US) },
    { controller: 'cpu', file: 'cpu.cfs_quota_us', content: String(quota ?? -1) },
    { controller: 'memory', file: 'memory.limit_in_bytes', content: String(memoryLimitBytes ?? -1) },
    ...pids,
  ]
}

/**
 * Of the group of a class: what its pods ask for together, the smallest share for those that ask for nothing.
 * @see Source: kubernetes pkg/kubelet/cm, `setCPUCgroupConfig`.
 */
export function classSettings(version: CgroupVersion, qosClass: QosClass, cpuRequestMillis: number): readonly CgroupSetting[] {
  const shares = cpuShares(qosClass === 'BestEffort' ? 0 : cpuRequestMillis)
  return version === 2
    ? [{ controller: 'cpu', file: 'cpu.weight', content: String(cpuWeight(shares)) }]
    : [{ controller: 'cpu', file: 'cpu.shares', content: String(shares) }]
}

/** Of the group above all pods: whole pages, as the kernel reads it back. */
export function allPodsSettings(version: CgroupVersion, memoryMaxBytes: number | undefined): readonly CgroupSetting[] {
  if (memoryMaxBytes === undefined) return []
  const content = String(Math.floor(memoryMaxBytes / PAGE_BYTES_MAX) * PAGE_BYTES_MAX)
  return [{ controller: 'memory', file: version === 2 ? 'memory.max' : 'memory.limit_in_bytes', content }]
}

/** Of the kernels that Bramble runs on: 4, 16 or 64 KiB. */
const PAGE_BYTES_MAX = 65_536

/** The same for systemd, which would undo what is written past it. @see Source: systemd.resource-control(5). */
export function systemdProperties(settings: readonly CgroupSetting[]): readonly string[] {
  return settings.flatMap(({ file, content }) => {
    switch (file) {
      case 'cpu.shares':
        return `CPUShares=${content}`
      case 'cpu.weight':
        return `CPUWeight=${content}`
      case 'cpu.cfs_quota_us':
        return `CPUQuota=${content === '-1' ? '' : percent(Number(content))}`
      case 'cpu.max':
        return `CPUQuota=${content.startsWith('max') ? '' : percent(Number.parseInt(content, 10))}`
      case 'memory.limit_in_bytes':
        return `MemoryLimit=${content === '-1' ? 'infinity' : content}`
      case 'memory.max':
        return `MemoryMax=${content === 'max' ? 'infinity' : content}`
      case 'pids.max':
        return `TasksMax=${content}`
      default:
        return [] // the period is systemd's own
    }
  })
}

const percent = (quotaUs: number): string => `${(quotaUs * 100) / CPU_PERIOD_US}%`

/** What OCI runtimes take as `linux.resources` for a change: only what is given. Swap is memory's own limit: none. */
export function ociResources({ cpuRequestMillis, cpuLimitMillis, memoryLimitBytes }: ContainerResources): OciResources {
  const cpu = {
    ...(cpuRequestMillis !== undefined && { shares: cpuShares(cpuRequestMillis) }),
    ...(cpuLimitMillis !== undefined && { quota: cpuQuotaUs(cpuLimitMillis), period: CPU_PERIOD_US }),
  }
  return {
    ...(Object.keys(cpu).length > 0 && { cpu }),
    ...(memoryLimitBytes !== undefined && { memory: { limit: memoryLimitBytes, swap: memoryLimitBytes } }),
  }
}
export interface OciResources {
  readonly cpu?: { readonly shares?: number; readonly quota?: number; readonly period?: number }
  readonly memory?: { readonly limit: number; readonly swap: number }
}

/** How often memory ran out, from `memory.oom_control` (cgroup v1) or `memory.events` (v2); undefined when the text is neither. */
export function oomKillsIn(text: string): number | undefined {
  const count = /^oom_kill (\d+)$/m.exec(text)?.[1]
  return count === undefined ? undefined : Number(count)
}
