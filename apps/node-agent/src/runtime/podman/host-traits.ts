import type { Clock } from '@bramble/reconcile/env'
import { cgroupVersion, PodCgroups } from '../cgroups/pod-cgroups.ts'
import type { CgroupVersion } from '../cgroups/settings.ts'
import type { PodmanClient } from './client.ts'
import type { PodmanInfo } from './libpod.ts'
import { type ProcessLimits, readProcessLimits } from './process-limits.ts'

/** What is asked once of Podman and this machine. */
export interface PodmanHost {
  readonly version: string
  readonly limits: ProcessLimits
  readonly controllers: readonly string[]
  readonly cgroupVersion: CgroupVersion
  readonly cgroups: PodCgroups
  /** Where images and containers are kept. */
  readonly graphRoot: string
}

export async function readPodmanHost(client: PodmanClient, cgroupName: string, clock: Clock, memoryMaxBytes?: number): Promise<PodmanHost> {
  const [info, limits, version] = await Promise.all([client.call<PodmanInfo>('GET', '/info'), readProcessLimits(), cgroupVersion()])
  return {
    version: info.version.Version,
    limits,
    controllers: info.host.cgroupControllers ?? [],
    cgroupVersion: version,
    cgroups: new PodCgroups({ manager: info.host.cgroupManager, version, clock, name: cgroupName, memoryMaxBytes }),
    graphRoot: info.store.graphRoot,
  }
}
