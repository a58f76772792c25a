import { access } from 'node:fs/promises'
import type { Clock } from '@bramble/reconcile/env'
import type { CgroupManager } from '../cgroups/paths.ts'
import { CGROUP_ROOT, cgroupVersion, PodCgroups } from '../cgroups/pod-cgroups.ts'
import { readProcessLimits } from '../podman/process-limits.ts'
import type { HostTraits } from './convert.ts'
import { CODE, type CriClient, CriError } from './cri-client.ts'
import { CgroupDriver, RuntimeService, type StatusResponse } from './grpc/api_pb.js'

/** What does not change while a runtime runs. */
export interface CriHost extends HostTraits {
  readonly cgroups: PodCgroups
  /** Whether the runtime makes mounts below a mount read-only with it. */
  readonly hasRecursiveReadOnly: boolean
  /** That every sandbox is made of, where the runtime tells. */
  readonly sandboxImage?: string
}

/** @throws CriError. */
export async function readHost(client: CriClient, clock: Clock, cgroupName: string | undefined, memoryMaxBytes?: number): Promise<CriHost> {
  const [status, driver, limits, version] = await Promise.all([
    client.call(RuntimeService.method.status, { verbose: true }),
    cgroupDriver(client),
    readProcessLimits(),
    cgroupVersion(),
  ])
  const settings = settingsOf(status)
  return {
    oomScoreAdjMin: limits.oomScoreAdjMin,
    hasMemoryController: version === 2 || (await isThere(`${CGROUP_ROOT}/memory`)),
    hasGroupsPolicy: status.features?.supplementalGroupsPolicy ?? false,
    hasRecursiveReadOnly: status.runtimeHandlers.some(({ name, features }) => name === '' && features?.recursiveReadOnlyMounts),
    cgroups: new PodCgroups({
      manager: driver ?? settings.manager,
      version,
      clock,
      memoryMaxBytes,
      ...(cgroupName !== undefined && { name: cgroupName }),
    }),
    ...(settings.sandboxImage !== undefined && { sandboxImage: settings.sandboxImage }),
  }
}

/** undefined where the runtime is older than the question. */
async function cgroupDriver(client: CriClient): Promise<CgroupManager | undefined> {
  try {
    const { linux } = await client.call(RuntimeService.method.runtimeConfig, {})
    return linux && (linux.cgroupDriver === CgroupDriver.SYSTEMD ? 'systemd' : 'cgroupfs')
  } catch (error) {
    if (error instanceof CriError && error.code === CODE.unimplemented) return undefined
    throw error
  }
}

/** @see Source: containerd pkg/cri/config, `PluginConfig`; its JSON is what the verbose status tells. */
interface ContainerdSettings {
  readonly sandboxImage?: string
  readonly containerd?: {
    readonly defaultRuntimeName?: string
    readonly runtimes?: Readonly<Record<string, { readonly options?: { readonly SystemdCgroup?: boolean } }>>
  }
}

/** From words that only containerd says; without them cgroupfs, as it does. */
export function settingsOf({ info }: Pick<StatusResponse, 'info'>): {
  readonly manager: CgroupManager
  readonly sandboxImage?: string
} {
  let settings: ContainerdSettings = {}
  try {
    settings = JSON.parse(info['config'] ?? '{}') as ContainerdSettings
  } catch {
    // another runtime's words
  }
  const { runtimes = {}, defaultRuntimeName = '' } = settings.containerd ?? {}
  return {
    manager: runtimes[defaultRuntimeName]?.options?.SystemdCgroup === true ? 'systemd' : 'cgroupfs',
    ...(settings.sandboxImage && { sandboxImage: settings.sandboxImage }),
  }
}

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )
