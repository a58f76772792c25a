import { readdir, readFile, readlink } from 'node:fs/promises'
import { systemClock } from '@bramble/reconcile/env'

/** A kind of process and what all of its processes on one host take together. */
export interface Use {
  readonly count: number
  readonly rssBytes: number
  /** The part that is not shared with a file: heap, stacks. */
  readonly anonBytes: number
  readonly cpuSecondsPerMinute: number
  /** What went to the disk. */
  readonly diskBytesPerMinute: number
}

export interface LinkUse {
  readonly receivedBytesPerMinute: number
  readonly sentBytesPerMinute: number
  readonly receivedPacketsPerMinute: number
  readonly sentPacketsPerMinute: number
}

export interface HostUse {
  readonly byKind: ReadonlyMap<string, Use>
  readonly link: LinkUse
}

/** What a command line is called in the table; undefined: not counted. */
export type Classify = (commandLine: string) => string | undefined

/** USER_HZ is 100 on every Linux. */
const TICKS_PER_SECOND = 100
const NO_USE: Use = { count: 0, rssBytes: 0, anonBytes: 0, cpuSecondsPerMinute: 0, diskBytesPerMinute: 0 }

/**
 * What the processes of hosts use while nothing happens. Reads /proc from outside, at the start and at the end of the window only.
 *
 * @param hosts A process of each host by the host's name; all that share its network namespace are counted.
 * @returns By host. A process that began or ended within the window counts with its memory at the end, if it is there then.
 */
export async function measure(
  hosts: Readonly<Record<string, number>>,
  classify: Classify,
  seconds: number,
): Promise<Readonly<Record<string, HostUse>>> {
  const look = () => Promise.all(Object.values(hosts).map((pid) => snapshot(pid, classify)))
  const before = await look()
  await systemClock.sleep(seconds * 1000)
  const after = await look()
  return Object.fromEntries(Object.keys(hosts).map((host, index) => [host, difference(before[index]!, after[index]!, 60 / seconds)]))
}

interface Snapshot {
  readonly processes: ReadonlyMap<number, ProcessState>
  /** Received bytes and packets, sent bytes and packets. */
  readonly link: readonly [number, number, number, number]
}
interface ProcessState {
  readonly kind: string
  readonly rssBytes: number
  readonly anonBytes: number
  readonly cpuSeconds: number
  readonly diskBytes: number
}

async function snapshot(hostPid: number, classify: Classify): Promise<Snapshot> {
  const netns = await readlink(`/proc/${hostPid}/ns/net`)
  const processes = new Map<number, ProcessState>()
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry) || (await readlink(`/proc/${entry}/ns/net`).catch(() => '')) !== netns) continue
    const state = await processState(Number(entry), classify).catch(() => undefined) // it has just ended
    if (state) processes.set(Number(entry), state)
  }
  const fields =
    /^ *eth0:(.*)$/m
      .exec(await readFile(`/proc/${hostPid}/net/dev`, 'utf8'))?.[1]
      ?.trim()
      .split(/\s+/)
      .map(Number) ?? []
  return { processes, link: [fields[0] ?? 0, fields[1] ?? 0, fields[8] ?? 0, fields[9] ?? 0] }
}

async function processState(pid: number, classify: Classify): Promise<ProcessState | undefined> {
  const commandLine = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).replaceAll('\0', ' ').trim()
  const kind = commandLine.startsWith('nsenter ') ? undefined : classify(commandLine) // the laboratory's own waits for what it started
  if (kind === undefined) return undefined
  const [status, stat] = await Promise.all(['status', 'stat'].map((file) => readFile(`/proc/${pid}/${file}`, 'utf8')))
  const fields = stat!.slice(stat!.lastIndexOf(')') + 2).split(' ')
  return {
    kind,
    rssBytes: number(status!, /VmRSS:\s+(\d+)/) * 1024,
    anonBytes: number(status!, /RssAnon:\s+(\d+)/) * 1024,
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND,
    diskBytes: await diskBytes(pid),
  }
}

/** Of its threads: the sum that the kernel keeps for a process counts children that ended as well. */
async function diskBytes(pid: number): Promise<number> {
  const threads = await readdir(`/proc/${pid}/task`)
  const counts = await Promise.all(threads.map((thread) => readFile(`/proc/${pid}/task/${thread}/io`, 'utf8').catch(() => '')))
  return counts.reduce((sum, text) => sum + number(text, /^write_bytes: (\d+)/m), 0)
}

const number = (text: string, pattern: RegExp): number => Number(pattern.exec(text)?.[1] ?? 0)

function difference(before: Snapshot, after: Snapshot, perMinute: number): HostUse {
  const byKind = new Map<string, Use>()
  for (const [pid, now] of after.processes) {
    const then = before.processes.get(pid)
    const sum = byKind.get(now.kind) ?? NO_USE
    byKind.set(now.kind, {
      count: sum.count + 1,
      rssBytes: sum.rssBytes + now.rssBytes,
      anonBytes: sum.anonBytes + now.anonBytes,
      cpuSecondsPerMinute: sum.cpuSecondsPerMinute + (now.cpuSeconds - (then?.cpuSeconds ?? 0)) * perMinute,
      diskBytesPerMinute: sum.diskBytesPerMinute + (now.diskBytes - (then?.diskBytes ?? 0)) * perMinute,
    })
  }
  const [received, receivedPackets, sent, sentPackets] = after.link.map((value, index) => (value - before.link[index]!) * perMinute)
  return {
    byKind,
    link: {
      receivedBytesPerMinute: received!,
      sentBytesPerMinute: sent!,
      receivedPacketsPerMinute: receivedPackets!,
      sentPacketsPerMinute: sentPackets!,
    },
  }
}
