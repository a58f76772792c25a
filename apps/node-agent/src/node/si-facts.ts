import { readFile, statfs } from 'node:fs/promises'
import { networkInterfaces } from 'node:os'
import { Worker } from 'node:worker_threads'
import type { Clock } from '@bramble/reconcile/env'
import { Board } from './board/board.ts'
import type { Hardware } from './inventory-worker.ts'
import { defaultRouteDevice, diskKind, parseMemory, parseStat, taskCount } from './proc.ts'
import type { Inventory, SystemFacts, Usage } from './system-facts.ts'

/** Beside this file, or beside the bundle that it is part of. */
const WORKER = import.meta.url.endsWith('.ts') ? './inventory-worker.ts' : './inventory-worker.js'
const LIMIT_MS = 60_000

/** Devices whose addresses are not this host's own: pods, bridges, tunnels. */
const VIRTUAL_DEVICE = /^(lo|veth|cni|br-|brv|docker|podman|flannel|tun|tap|wg|dummy)/

/** systeminformation once, at start: it forks a dozen programs. Afterwards /proc and /sys, which cost a fraction of a millisecond. */
export class SiFacts implements SystemFacts {
  readonly #dataDirectory: string
  readonly #clock: Clock
  readonly board: Board
  #before: { readonly atMs: number; readonly busyTicks: number } | undefined

  constructor(dataDirectory: string, clock: Clock) {
    this.#dataDirectory = dataDirectory
    this.#clock = clock
    this.board = new Board(clock)
  }

  async inventory(): Promise<Inventory> {
    const { model, revision, serial } = this.board.identity()
    const [hardware, disk, diskType] = await Promise.all([askHardware(), statfs(this.#dataDirectory), this.#diskType()])
    return {
      hostname: hardware.hostname,
      machineId: (await text('/etc/machine-id')) || hardware.osUuid,
      systemUuid: hardware.systemUuid,
      bootId: await text('/proc/sys/kernel/random/boot_id'),
      kernelVersion: hardware.kernel,
      osImage: /^PRETTY_NAME="?(.*?)"?$/m.exec(await text('/etc/os-release'))?.[1] ?? hardware.distribution,
      architecture: ARCHITECTURE[process.arch] ?? process.arch,
      cpuCount: hardware.cpuCount,
      memoryBytes: hardware.memoryBytes,
      diskBytes: disk.blocks * disk.bsize,
      diskType,
      ...(model !== undefined && { model }),
      ...(revision !== undefined && { boardRevision: revision }),
      ...(serial !== undefined && { boardSerial: serial }),
      pageSizeBytes: await pageSize(),
    }
  }

  async usage(): Promise<Usage> {
    const [stat, memory, disk, temperature, routes, load] = await Promise.all([
      text('/proc/stat'),
      text('/proc/meminfo'),
      statfs(this.#dataDirectory),
      text('/sys/class/thermal/thermal_zone0/temp'),
      text('/proc/net/route'),
      text('/proc/loadavg'),
    ])
    const atMs = this.#clock.monotonicMs()
    const { busyTicks } = parseStat(stat)
    const windowMs = this.#before ? atMs - this.#before.atMs : 0
    // USER_HZ is 100 on every Linux that Bramble runs on: ten milliseconds a tick
    const cpuMillis = this.#before && windowMs > 0 ? Math.round(((busyTicks - this.#before.busyTicks) * 10 * 1000) / windowMs) : 0
    this.#before = { atMs, busyTicks }
    const { usedBytes, availableBytes } = parseMemory(memory)
    return {
      atMs: this.#clock.nowMs(),
      cpuMillis: Math.max(0, cpuMillis),
      windowMs,
      memoryBytes: usedBytes,
      memoryAvailableBytes: availableBytes,
      diskAvailableBytes: disk.bavail * disk.bsize,
      inodesAvailable: disk.files === 0 ? Number.MAX_SAFE_INTEGER : disk.ffree,
      processes: taskCount(load),
      ...(/^\d+$/.test(temperature) && { temperatureCelsius: Number(temperature) / 1000 }),
      addresses: addresses(defaultRouteDevice(routes)),
    }
  }

  async #diskType(): Promise<Inventory['diskType']> {
    const mounts = await text('/proc/self/mountinfo')
    const device = /^\d+ \d+ (\d+:\d+) \S+ \/ /m.exec(mounts)?.[1]
    if (device === undefined) return 'unknown'
    const name = /^DEVNAME=(.+)$/m.exec(await text(`/sys/dev/block/${device}/uevent`))?.[1] ?? ''
    const rotational =
      (await text(`/sys/dev/block/${device}/queue/rotational`)) || (await text(`/sys/dev/block/${device}/../queue/rotational`))
    return diskKind(name, rotational)
  }
}

const ARCHITECTURE: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64', arm: 'arm' }

function askHardware(): Promise<Hardware> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(WORKER, import.meta.url))
    AbortSignal.timeout(LIMIT_MS).addEventListener(
      'abort',
      () => {
        void worker.terminate()
        reject(new Error(`systeminformation did not answer within ${LIMIT_MS / 1000} s`))
      },
      { once: true },
    )
    worker.once('message', (hardware: Hardware) => {
      resolve(hardware)
      void worker.terminate()
    })
    worker.once('error', reject)
  })
}

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
