import { waitFor } from '../test/e2e/wait.ts'
import type { Pod } from '@bramble/api/types/pod'
import { systemClock } from '@bramble/reconcile/env'
import { type BrambleFleet, helloPodSpec } from './bramble-fleet.ts'
import { type HostUse, measure, type Use } from './meter.ts'
import { megabytes } from './table.ts'

export const PODS = '/api/v1/namespaces/default/pods'
const RUNNING_MS_MAX = 240_000

export interface Window {
  readonly seconds: number
  /** Before it: Podman's own service ends when nobody has asked for half a minute. */
  readonly settleMs: number
}

export const FOOTPRINT_HEAD = ['', 'pods', 'processes', 'RSS MB', 'RssAnon MB', 'CPU s/min', 'disk KB/min']

/** Rows of what agents and runtimes of these hosts hold while nobody asks anything, for each number of pods, which must not sink. */
export async function footprints(
  fleet: BrambleFleet,
  hosts: Readonly<Record<string, string>>,
  counts: readonly number[],
  { seconds, settleMs }: Window,
): Promise<readonly string[][]> {
  const rows: string[][] = []
  for (const count of counts) {
    for (const host of Object.keys(hosts)) await fill(fleet, host, count)
    await systemClock.sleep(settleMs)
    const pids = Object.fromEntries(Object.keys(hosts).map((host) => [host, fleet.pids[host]!]))
    const uses = await measure(pids, agentOrRuntime, seconds)
    for (const [host, title] of Object.entries(hosts)) rows.push(...rowsOf(title, count, uses[host]!))
  }
  return rows
}

/** As many pods as `count` run on a host afterwards: `idle-HOST-0` and so on. */
export async function fill({ api }: BrambleFleet, host: string, count: number): Promise<void> {
  const path = `${PODS}?fieldSelector=${encodeURIComponent(`spec.nodeName=${host}`)}`
  const names = new Set((await api.call<{ items: Pod[] }>('GET', path)).items.map(({ metadata }) => metadata.name))
  for (let index = 0; index < count; index++) {
    const name = `idle-${host}-${index}`
    if (!names.has(name)) await api.call('POST', PODS, { metadata: { name }, spec: helloPodSpec({ nodeName: host }) })
  }
  await waitFor(
    `${count} pods to run on ${host}`,
    async () => (await api.call<{ items: Pod[] }>('GET', path)).items.filter(({ status }) => status?.phase === 'Running').length === count,
    { limitMs: RUNNING_MS_MAX, lookAgainMs: 1_000 },
  )
}

/** All pods of a host are gone afterwards. */
export async function empty({ api }: BrambleFleet, host: string): Promise<void> {
  const path = `${PODS}?fieldSelector=${encodeURIComponent(`spec.nodeName=${host}`)}`
  const { items } = await api.call<{ items: Pod[] }>('GET', path)
  for (const { metadata } of items) await api.call('DELETE', `${PODS}/${metadata.name}`)
  await waitFor(`the pods of ${host} to be gone`, async () => (await api.call<{ items: Pod[] }>('GET', path)).items.length === 0, {
    limitMs: RUNNING_MS_MAX,
  })
}

const rowsOf = (title: string, pods: number, { byKind }: HostUse): string[][] =>
  [...byKind].sort(([a], [b]) => a.localeCompare(b)).map(([kind, use]) => [`${title}: ${kind}`, String(pods), ...figures(use)])

const figures = (use: Use): string[] => [
  String(use.count),
  megabytes(use.rssBytes),
  megabytes(use.anonBytes),
  use.cpuSecondsPerMinute.toFixed(2),
  (use.diskBytesPerMinute / 1024).toFixed(0),
]

function agentOrRuntime(commandLine: string): string | undefined {
  if (commandLine.includes('/node-agent/main.js')) return 'agent'
  if (/^\S*conmon /.test(commandLine)) return 'conmon'
  if (/^\S*podman /.test(commandLine)) return 'podman service'
  if (/containerd-shim/.test(commandLine)) return 'shims'
  if (/^\/pause/.test(commandLine)) return 'pause'
  if (/^\S*containerd /.test(commandLine)) return 'containerd'
  return /^xtables-monitor /.test(commandLine) ? 'xtables-monitor' : undefined
}
