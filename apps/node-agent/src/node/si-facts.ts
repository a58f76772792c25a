import { readFile, statfs } from 'node:fs/promises'
import { networkInterfaces } from 'node:os'
import type { Clock } from '@bramble/reconcile/env'
import { defaultRouteDevice, diskKind, parseMemory, parseStat, taskCount } from './proc.ts'
import type { Inventory, SystemFacts, Usage } from './system-facts.ts'

/** Devices whose addresses are not this host's own: pods, bridges, tunnels. */
const VIRTUAL_DEVICE = /^(lo|veth|cni|br-|brv|docker|podman|flannel|tun|tap|wg|dummy)/

/** systeminformation once, at start: it forks a dozen programs. Afterwards /proc and /sys, which cost a fraction of a millisecond. */
export class SiFacts implements SystemFacts {
  readonly #dataDirectory: string
  readonly #clock: Clock
  #before: { readonly atMs: number; readonly busyTicks: number } | undefined

  constructor(dataDirectory: string, clock: Clock) {
    this.#dataDirectory = dataDirectory
    this.#clock = clock
  }

  async inventory(): Promise<Inventory> {
    const information = (await import('systeminformation')).default
    const [os, system, cpu, memory, uuid, disk, diskType] = await Promise.all([
      information.osInfo(), information.system(), information.cpu(), information.mem(), information.uuid(), statfs(this.#dataDirectory), this.#diskType(),
    ])
    const model = await text('/proc/device-tree/model')
    return {
      hostname: os.hostname, machineId: (await text('/etc/machine-id')) || uuid.os, systemUuid: system.uuid && system.uuid !== '-' ? system.uuid : uuid.hardware,
      bootId: await text('/proc/sys/kernel/random/boot_id'), kernelVersion: os.kernel,
      osImage: /^PRETTY_NAME="?(.*?)"?$/m.exec(await text('/etc/os-release'))?.[1] ?? `${os.distro} ${os.release}`,
      architecture: ARCHITECTURE[process.arch] ?? process.arch, cpuCount: cpu.cores, memoryBytes: memory.total,
      diskBytes: disk.blocks * disk.bsize, diskType, ...(model !== '' && { model: model.replace(/\0/g, '') }), pageSizeBytes: await pageSize(),
    }
  }

  async usage(): Promise<Usage> {
    const [stat, memory, disk, temperature, routes, load] = await Promise.all([
      text('/proc/stat'), text('/proc/meminfo'), statfs(this.#dataDirectory), text('/sys/class/thermal/thermal_zone0/temp'), text('/proc/net/route'), text('/proc/loadavg'),
    ])
    const atMs = this.#clock.monotonicMs()
    const { busyTicks } = parseStat(stat)
    const windowMs = this.#before ? atMs - this.#before.atMs : 0
    // USER_HZ is 100 on every Linux that Bramble runs on: ten milliseconds a tick
    const cpuMillis = this.#before && windowMs > 0 ? Math.round(((busyTicks - this.#before.busyTicks) * 10 * 1000) / windowMs) : 0
    this.#before = { atMs, busyTicks }
    const { usedBytes, availableBytes } = parseMemory(memory)
    return {
      atMs: this.#clock.nowMs(), cpuMillis: Math.max(0, cpuMillis), windowMs, memoryBytes: usedBytes, memoryAvailableBytes: availableBytes,
      diskAvailableBytes: disk.bavail * disk.bsize, inodesAvailable: disk.files === 0 ? Number.MAX_SAFE_INTEGER : disk.ffree, processes: taskCount(load),
      ...(/^\d+$/.test(temperature) && { temperatureCelsius: Number(temperature) / 1000 }), addresses: addresses(defaultRouteDevice(routes)),
    }
  }

  async #diskType(): Promise<Inventory['diskType']> {
    const mounts = await text('/proc/self/mountinfo')
    const device = /^\d+ \d+ (\d+:\d+) \S+ \/ /m.exec(mounts)?.[1]
    if (device === undefined) return 'unknown'
    const name = /^DEVNAME=(.+)$/m.exec(await text(`/sys/dev/block/${device}/uevent`))?.[1] ?? ''
    const rotational = (await text(`/sys/dev/block/${device}/queue/rotational`)) || (await text(`/sys/dev/block/${device}/../queue/rotational`))
    return diskKind(name, rotational)
  }
}

const ARCHITECTURE: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64', arm: 'arm' }

/** IPv4 addresses of the host's real interfaces, those of `first` first. */
function addresses(first: string | undefined): readonly string[] {
  return Object.entries(networkInterfaces())
    .filter(([device]) => !VIRTUAL_DEVICE.test(device) || device === first)
    .sort(([a], [b]) => Number(b === first) - Number(a === first))
    .flatMap(([, list]) => (list ?? []).filter(({ family, internal }) => family === 'IPv4' && !internal).map(({ address }) => address))
}

async function pageSize(): Promise<number> {
  const kib = /^KernelPageSize:\s+(\d+) kB/m.exec(await text('/proc/self/smaps'))?.[1]
  return kib === undefined ? 4096 : Number(kib) * 1024
}

const text = async (path: string): Promise<string> => (await readFile(path, 'utf8').catch(() => '')).trim()
