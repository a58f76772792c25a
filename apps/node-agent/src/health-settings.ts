import { statfs } from 'node:fs/promises'
import { availableParallelism, totalmem } from 'node:os'
import type { Clock } from '@bramble/reconcile/env'
import type { AgentConfig } from './config.ts'
import type { HealthSettings } from './node-health.ts'
import { kubeReserve, type Reserve, systemReserve } from './node/reserve.ts'
import type { PodFiles } from './pods/pod-files.ts'
import { preflightCommand } from './preflight/command.ts'
import { askVersions, hostSettings, RealHost } from './preflight/real-host.ts'
import { HostPodMeasures } from './pressure/measure-pods.ts'
import { HostSignals } from './pressure/host-signals.ts'
import { levelValue } from './pressure/thresholds.ts'
import type { Signal } from './pressure/signals.ts'
import { cgroupVersion } from './runtime/cgroups/pod-cgroups.ts'
import type { Runtime } from './runtime/runtime.ts'

/** What pods do not get of this machine, as an operator has set it or as is fit for its size. @param folder Of the agent. */
export async function reserveOf({ pressure }: AgentConfig, folder: string): Promise<Reserve> {
  const [memory, cpuCount] = [totalmem(), availableParallelism()]
  const { blocks, bsize } = await statfs(folder)
  const kube = pressure.kubeReserved ?? kubeReserve(memory, cpuCount)
  const system = pressure.systemReserved ?? systemReserve(memory)
  const below = (signal: Signal, capacity: number): number => {
    const hard = pressure.thresholds.find((threshold) => threshold.signal === signal && threshold.graceMs === 0)
    return hard ? levelValue(hard.level, capacity) : 0
  }
  return {
    cpuMillis: kube.cpuMillis + system.cpuMillis,
    memoryBytes: kube.memoryBytes + system.memoryBytes,
    evictionMemoryBytes: below('memory.available', memory),
    diskBytes: kube.diskBytes + system.diskBytes + below('nodefs.available', blocks * bsize),
  }
}

/** What all pods together may take; undefined when nothing is kept from them. */
export const podsMemoryBytes = ({ memoryBytes }: Reserve): number | undefined =>
  memoryBytes > 0 && memoryBytes < totalmem() ? totalmem() - memoryBytes : undefined

/** How this machine's health is looked after. @param folder Of the agent. */
export async function healthOf(
  config: AgentConfig,
  folder: string,
  reserve: Reserve,
  { runtime, files, clock }: { readonly runtime: Runtime; readonly files: PodFiles; readonly clock: Clock },
): Promise<HealthSettings> {
  const version = await cgroupVersion()
  const { pressure } = config
  const limit = podsMemoryBytes(reserve)
  return {
    pressure,
    reserve,
    signals: new HostSignals({
      nodeFolder: folder,
      imageFolder: () => runtime.imageFolder(),
      cgroupVersion: version,
      ...(limit !== undefined && { podsMemoryBytes: limit }),
    }),
    measures: new HostPodMeasures({ runtime, files, cgroupVersion: version }),
    preflight: () => new RealHost(hostSettings(config, process.argv[1]!), clock),
  }
}

/** `bramble agent --check` and `--fix`. @returns exit code. */
export const checkNode = (what: 'check' | 'fix', config: AgentConfig, clock: Clock): Promise<0 | 1> =>
  preflightCommand(what, {
    look: async () => new RealHost(hostSettings(config, process.argv[1]!), clock, await askVersions()),
    write: (text) => process.stdout.write(text),
  })
