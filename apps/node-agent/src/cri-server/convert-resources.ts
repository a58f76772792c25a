// Pure: what containers and pods may use, from CRI and back.
import type { MessageInitShape } from '@bufbuild/protobuf'
import { CPU_PERIOD_US, cpuMillis, cpuQuotaUs, cpuShares } from '../runtime/cgroups/settings.ts'
import type { LinuxContainerResources, LinuxContainerResourcesSchema } from '../runtime/cri/grpc/api_pb.js'
import type { ContainerResources, PodResources } from '../runtime/runtime.ts'
import { invalid } from './problem.ts'

/** The smallest share is what those get that ask for nothing. */
const SHARES_OF_NOTHING = 2

/** What is given; 0 says nothing, and no limit is said with a negative number. @throws CriProblem for what cannot be limited. */
export function containerResources(linux: LinuxContainerResources | undefined): ContainerResources {
  if (!linux) return {}
  if (linux.cpusetCpus !== '' || linux.cpusetMems !== '') throw invalid('cpuset cannot be set: containers may run on every processor')
  if (linux.hugepageLimits.some(({ limit }) => limit > 0n)) throw invalid('huge pages cannot be given')
  const [shares, quota, limit] = [linux.cpuShares, linux.cpuQuota, linux.memoryLimitInBytes].map(Number) as [number, number, number]
  const period = Number(linux.cpuPeriod) || CPU_PERIOD_US
  return {
    ...(shares > 0 && { cpuRequestMillis: shares <= SHARES_OF_NOTHING ? 0 : cpuMillis(shares) }),
    ...(quota > 0 && { cpuLimitMillis: Math.round((quota * 1000) / period) }),
    ...(limit > 0 && { memoryLimitBytes: limit }),
  }
}

/** The share of a group that nobody says anything about, as the kernel makes one. */
const USUAL_SHARE_MILLIS = 1000

/** Of a new container: one that says nothing of its share gets the kernel's. */
export const newContainerResources = (linux: LinuxContainerResources | undefined): ContainerResources => ({
  cpuRequestMillis: USUAL_SHARE_MILLIS,
  ...containerResources(linux),
})

/** @param cgroupParent Its path tells the pod's class, as kubelet and the agent name groups. */
export function podResources(linux: LinuxContainerResources | undefined, cgroupParent: string): PodResources {
  const { cpuRequestMillis = USUAL_SHARE_MILLIS, ...limits } = containerResources(linux)
  const qosClass = /besteffort/.test(cgroupParent) ? 'BestEffort' : /burstable/.test(cgroupParent) ? 'Burstable' : 'Guaranteed'
  return { qosClass, cpuRequestMillis, ...limits }
}

export function linuxResources(
  { cpuRequestMillis, cpuLimitMillis, memoryLimitBytes }: ContainerResources,
  oomScoreAdj: number,
): MessageInitShape<typeof LinuxContainerResourcesSchema> {
  return {
    oomScoreAdj: BigInt(oomScoreAdj),
    ...(cpuRequestMillis !== undefined && { cpuShares: BigInt(cpuShares(cpuRequestMillis)) }),
    ...(cpuLimitMillis !== undefined && { cpuPeriod: BigInt(CPU_PERIOD_US), cpuQuota: BigInt(cpuQuotaUs(cpuLimitMillis)) }),
    ...(memoryLimitBytes !== undefined && { memoryLimitInBytes: BigInt(memoryLimitBytes) }),
  }
}
