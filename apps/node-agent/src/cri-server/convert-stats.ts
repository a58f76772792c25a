// Pure: what the kernel counts, as CRI tells it.
import type { MessageInitShape } from '@bufbuild/protobuf'
import type { MemoryUsage } from '../metrics/cgroup-usage.ts'
import type { CpuUsageSchema, MemoryUsageSchema, NetworkInterfaceUsageSchema, NetworkUsageSchema } from '../runtime/cri/grpc/api_pb.js'

const whole = (value: number): { readonly value: bigint } => ({ value: BigInt(Math.max(0, Math.round(value))) })

/** @param nanoCores Absent until it was counted twice. */
export const cpuStats = (timestamp: bigint, usageNs: number, nanoCores: number | undefined): MessageInitShape<typeof CpuUsageSchema> => ({
  timestamp,
  usageCoreNanoSeconds: whole(usageNs),
  ...(nanoCores !== undefined && { usageNanoCores: whole(nanoCores) }),
})

export const memoryStats = (
  timestamp: bigint,
  memory: MemoryUsage,
  limitBytes: number | undefined,
): MessageInitShape<typeof MemoryUsageSchema> => ({
  timestamp,
  workingSetBytes: whole(memory.workingSetBytes),
  usageBytes: whole(memory.usageBytes),
  rssBytes: whole(memory.rssBytes),
  pageFaults: whole(memory.pageFaults),
  majorPageFaults: whole(memory.majorPageFaults),
  ...(limitBytes !== undefined && { availableBytes: whole(limitBytes - memory.workingSetBytes) }),
})

/** @param text /proc/PID/net/dev. Source: proc_net(5). */
export function networkStats(timestamp: bigint, text: string): MessageInitShape<typeof NetworkUsageSchema> {
  const interfaces = text.split('\n').flatMap((line): MessageInitShape<typeof NetworkInterfaceUsageSchema>[] => {
    const [, name, rest] = /^\s*([^:\s]+):\s*(.*)$/.exec(line) ?? []
    const counts = rest?.trim().split(/\s+/).map(Number) ?? []
    if (name === undefined || name === 'lo' || counts.length < 11) return []
    return [{ name, rxBytes: whole(counts[0]!), rxErrors: whole(counts[2]!), txBytes: whole(counts[8]!), txErrors: whole(counts[10]!) }]
  })
  const [first, ...others] = interfaces
  return { timestamp, ...(first && { defaultInterface: first }), interfaces: others }
}
