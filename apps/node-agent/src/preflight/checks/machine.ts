import { type Check, ok } from '../host.ts'

const MiB = 2 ** 20

export const memory: Check = {
  name: 'memory',
  isCheap: true,
  judge(host) {
    const bytes = Number(/^MemTotal:\s+(\d+) kB/m.exec(host.text('/proc/meminfo') ?? '')?.[1] ?? 0) * 1024
    const shown = `${Math.round(bytes / MiB)} MiB of memory`
    return bytes > 0 && bytes < 400 * MiB
      ? { level: 'warn', message: `${shown}: hardly room for pods`, advice: 'a board of 512 MB or more is asked for' }
      : ok(shown)
  },
}

export const swap: Check = {
  name: 'swap',
  isCheap: true,
  judge(host) {
    const devices = (host.text('/proc/swaps') ?? '')
      .split('\n')
      .slice(1)
      .flatMap((line) => line.split(/\s+/)[0] || [])
    const onDisk = devices.filter((device) => !/^\/dev\/zram/.test(device))
    if (onDisk.length === 0) return ok(devices.length === 0 ? 'no swap' : 'swap in compressed memory')
    return {
      level: 'warn',
      message: `swap on a disk (${onDisk.join(', ')}) wears cards out, and a node that swaps is too slow to evict pods in time`,
      advice: '"dphys-swapfile swapoff && systemctl disable dphys-swapfile", or swap in memory (zram)',
    }
  },
}

export const userland: Check = {
  name: 'userland',
  isCheap: true,
  judge: ({ architecture, machine }) =>
    architecture === 'arm' && machine === 'aarch64'
      ? {
          level: 'warn',
          message: 'a 64-bit kernel with 32-bit programs: images for arm64 are not taken, and many have no others',
          advice: 'install the 64-bit Raspberry Pi OS',
        }
      : ok(`programs for ${architecture} on ${machine}`),
}

export const pageSize: Check = {
  name: 'page size',
  isCheap: true,
  judge(host) {
    const kib = Number(/^KernelPageSize:\s+(\d+) kB/m.exec(host.text('/proc/self/smaps') ?? '')?.[1] ?? 4)
    return kib > 4
      ? {
          level: 'warn',
          message: `pages of ${kib} KiB: some images (those with jemalloc, such as older databases) do not start`,
          advice: 'put kernel=kernel8.img into /boot/firmware/config.txt if one of yours does not, then reboot',
        }
      : ok(`pages of ${kib} KiB`)
  },
}

const NODE_NAME = /^[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?$/

export const hostName: Check = {
  name: 'host name',
  isCheap: true,
  judge: ({ hostname }) =>
    !NODE_NAME.test(hostname)
      ? {
          level: 'warn',
          message: `the host name "${hostname}" is no name of a node: one is made of it`,
          advice: 'use lower case letters, digits and "-" ("hostnamectl set-hostname"), or say --node-name',
        }
      : hostname === 'raspberrypi' || hostname === 'localhost'
        ? {
            level: 'warn',
            message: `the host name "${hostname}" is that of many: a second node of this name cannot join`,
            advice: '"hostnamectl set-hostname" before it joins, or say --node-name',
          }
        : ok(hostname),
}

export const resolver: Check = {
  name: 'DNS',
  isCheap: true,
  judge(host) {
    const servers = nameServers(host.text('/etc/resolv.conf') ?? '')
    if (servers.length === 0)
      return {
        level: 'warn',
        message: 'no DNS server in /etc/resolv.conf: images cannot be pulled by name',
        advice: 'set one with nmcli or in dhcpcd.conf',
      }
    const isLocal = servers.every((server) => /^(127\.|::1$)/.test(server))
    const upstream = nameServers(host.text('/run/systemd/resolve/resolv.conf') ?? '')
    if (isLocal && upstream.length === 0)
      return {
        level: 'warn',
        message: `the only DNS server is this host's own (${servers.join(', ')}): pods cannot reach it, and one that forwards to it asks itself`,
        advice: 'name a server of your network in /etc/resolv.conf',
      }
    return ok(`DNS: ${(isLocal ? upstream : servers).join(', ')}`)
  },
}

const nameServers = (text: string): readonly string[] => [...text.matchAll(/^\s*nameserver\s+(\S+)/gm)].map(([, server]) => server!)
