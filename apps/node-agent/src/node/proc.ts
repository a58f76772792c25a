// Readers of /proc texts. Pure. Source: Linux, Documentation/filesystems/proc.rst.

/** Ticks that all processors together were busy since boot. */
export function parseStat(stat: string): { readonly busyTicks: number } {
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = (/^cpu +(.*)$/m.exec(stat)?.[1] ?? '')
    .split(' ')
    .map(Number)
  return { busyTicks: user + nice + system + irq + softirq + steal }
}

/** Used is what cannot be reclaimed: total less available. */
export function parseMemory(meminfo: string): { readonly usedBytes: number; readonly availableBytes: number } {
  const bytes = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(meminfo)?.[1] ?? 0) * 1024
  const availableBytes = bytes('MemAvailable')
  return { usedBytes: bytes('MemTotal') - availableBytes, availableBytes }
}

/** The device of the IPv4 default route with the lowest metric in /proc/net/route. */
export function defaultRouteDevice(routes: string): string | undefined {
  return routes
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter(([, destination, , , , , , mask]) => destination === '00000000' && mask === '00000000')
    .sort((a, b) => Number(a[6]) - Number(b[6]))[0]?.[0]
}

/** What a block device is made of, from its kernel name and `queue/rotational`. An SD card is an mmcblk; so is eMMC. */
export function diskKind(name: string, rotational: string): 'ssd' | 'hdd' | 'sd' | 'nvme' | 'unknown' {
  if (name.startsWith('mmcblk')) return 'sd'
  if (name.startsWith('nvme')) return 'nvme'
  if (!/^(sd|hd)/.test(name)) return 'unknown' // a virtual disk tells nothing true
  return rotational === '1' ? 'hdd' : rotational === '0' ? 'ssd' : 'unknown'
}

/** Tasks (processes and threads) that exist, from /proc/loadavg. */
export const taskCount = (loadavg: string): number => Number(/^\S+ \S+ \S+ \d+\/(\d+)/.exec(loadavg)?.[1] ?? 0)
