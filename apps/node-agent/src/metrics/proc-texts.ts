// Pure: what the whole machine uses, out of /proc. Source: Linux, Documentation/filesystems/proc.rst and accounting/psi.rst.

export interface DeviceTraffic {
  readonly name: string
  readonly received: Traffic
  readonly sent: Traffic
}
export interface Traffic {
  readonly bytes: number
  readonly packets: number
  readonly errors: number
  readonly dropped: number
}

/** Devices of pods and containers, and the loopback, say nothing of who talks to the outside. Source: cAdvisor, `isIgnoredDevice`. */
const IGNORED = /^(lo$|veth|docker|nerdctl)/

/** Of /proc/<pid>/net/dev. */
export const deviceTraffic = (text: string): readonly DeviceTraffic[] =>
  text.split('\n').flatMap((line) => {
    const [, name = '', counts] = /^\s*([^\s:]+):\s*(.*)$/.exec(line) ?? []
    if (counts === undefined || IGNORED.test(name)) return []
    const values = counts.trim().split(/\s+/).map(Number)
    const traffic = (at: number): Traffic => {
      const [bytes = 0, packets = 0, errors = 0, dropped = 0] = values.slice(at)
      return { bytes, packets, errors, dropped }
    }
    return [{ name, received: traffic(0), sent: traffic(8) }]
  })

/** How long tasks waited for a resource. */
export interface Pressure {
  readonly some: PressureLine
  readonly full?: PressureLine
}
export interface PressureLine {
  readonly avg10: number
  readonly avg60: number
  readonly avg300: number
  readonly totalUs: number
}

/** Of /proc/pressure/* and of a cgroup's *.pressure; undefined where the kernel does not count it. */
export function pressure(text: string): Pressure | undefined {
  const line = (kind: string): PressureLine | undefined => {
    const found = new RegExp(`^${kind} avg10=([\\d.]+) avg60=([\\d.]+) avg300=([\\d.]+) total=(\\d+)$`, 'm').exec(text)
    if (!found) return undefined
    const [avg10, avg60, avg300, totalUs] = found.slice(1).map(Number) as [number, number, number, number]
    return { avg10, avg60, avg300, totalUs }
  }
  const [some, full] = [line('some'), line('full')]
  return some && { some, ...(full && { full }) }
}

export interface MachineMemory {
  readonly totalBytes: number
  readonly availableBytes: number
  /** What is not free: caches count. */
  readonly usageBytes: number
  readonly rssBytes: number
  readonly cacheBytes: number
  readonly mappedFileBytes: number
  readonly swapTotalBytes: number
  readonly swapBytes: number
}

/** Of /proc/meminfo. */
export function machineMemory(text: string): MachineMemory {
  const found = new Map([...text.matchAll(/^([^\s:]+):\s+(\d+) kB$/gm)].map(([, name, kilobytes]) => [name!, Number(kilobytes) * 1024]))
  const of = (name: string): number => found.get(name) ?? 0
  return {
    totalBytes: of('MemTotal'),
    availableBytes: of('MemAvailable'),
    usageBytes: of('MemTotal') - of('MemFree'),
    rssBytes: of('AnonPages'),
    cacheBytes: of('Cached') + of('Buffers'),
    mappedFileBytes: of('Mapped'),
    swapTotalBytes: of('SwapTotal'),
    swapBytes: of('SwapTotal') - of('SwapFree'),
  }
}

/** Of /proc/stat: USER_HZ is 100, a tick is ten milliseconds. */
export function machineTime(text: string): { readonly userNs: number; readonly systemNs: number; readonly bootedAtMs: number } {
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = (/^cpu +(.*)$/m.exec(text)?.[1] ?? '')
    .split(' ')
    .map(Number)
  const bootedAtMs = Number(/^btime (\d+)$/m.exec(text)?.[1] ?? 0) * 1000
  return { userNs: (user + nice) * 1e7, systemNs: (system + irq + softirq + steal) * 1e7, bootedAtMs }
}

/** Mounted file systems whose server may be gone: who asks how full they are may wait for ever. */
const DISTANT = /^(nfs|nfs4|cifs|smb3|9p|ceph|glusterfs|fuse(\..*)?|autofs)$/

/** Places in /proc/<pid>/mountinfo at which something local is mounted. */
export function localMounts(mountinfo: string): ReadonlySet<string> {
  const found = new Set<string>()
  for (const line of mountinfo.split('\n')) {
    const [before = '', after = ''] = line.split(' - ')
    const place = before.split(' ')[4]
    const type = after.split(' ')[0] ?? ''
    if (place === undefined) continue
    const path = place.replace(/\\([0-7]{3})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 8)))
    if (DISTANT.test(type)) found.delete(path)
    else found.add(path)
  }
  return found
}
