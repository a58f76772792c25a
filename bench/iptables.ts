import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { EndpointSlice, Service } from '@bramble/api/types/service'
import { systemClock } from '@bramble/reconcile/env'
import { IptablesProxy } from '../apps/node-agent/src/network/service-proxy/iptables/iptables-proxy.ts'
import { serviceTable } from '../apps/node-agent/src/network/service-proxy/service-table.ts'
import { machine, median, megabytes, numberOption, printTable, spread } from './table.ts'

// The agent's own Service proxy and the real iptables in a network namespace that vanishes with the process. From Service and
// EndpointSlice objects to rules in the kernel: what a node does after it has received an assignment.
// --repeats N  changes per size, default 11

const INSIDE = 'BRAMBLE_BENCH_SERVICES'
const SIZES = [100, 1000, 5000]
const ENDPOINTS = 4
const REPEATS = numberOption('repeats', 11)
const SETUP = 'mount -t tmpfs tmpfs /run && ip link set lo up && exec "$@"'
const CLOCK_TICKS = 100

if (process.env[INSIDE] === undefined) runAll()
else await run(Number(process.env[INSIDE]))

interface Figures {
  readonly fillMs: number
  readonly fillCpuMs: number
  readonly fillChildCpuMs: number
  readonly changeMs: readonly number[]
  readonly changeCpuMs: number
  readonly changeChildCpuMs: number
  readonly nothingMs: readonly number[]
  readonly rssBytes: number
  readonly peakBytes: number
}

function runAll(): void {
  console.log(machine())
  const rows = SIZES.map((services) => {
    const argv = [
      '--net',
      '--mount',
      '--propagation',
      'private',
      'sh',
      '-c',
      SETUP,
      'sh',
      process.execPath,
      ...process.execArgv,
      fileURLToPath(import.meta.url),
      '--repeats',
      String(REPEATS),
    ]
    const ran = spawnSync('unshare', argv, {
      env: { ...process.env, [INSIDE]: String(services) },
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    if (ran.status !== 0) throw new Error('needs root, iptables and iproute2')
    return row(services, JSON.parse(ran.stdout) as Figures)
  })
  const head = [
    'Services',
    'fill s',
    'CPU here s',
    'CPU iptables s',
    'change ms',
    'CPU here ms',
    'CPU iptables ms',
    'no change ms',
    'RSS MB',
    'peak MB',
  ]
  printTable(
    `Service rules of ${ENDPOINTS} endpoints each (${spawnSync('iptables', ['--version'], { encoding: 'utf8' }).stdout.trim()}); change: one endpoint of one Service, median of ${REPEATS}`,
    head,
    rows,
  )
}

function row(services: number, figures: Figures): string[] {
  const seconds = (ms: number): string => (ms / 1000).toFixed(2)
  return [
    String(services),
    seconds(figures.fillMs),
    seconds(figures.fillCpuMs),
    seconds(figures.fillChildCpuMs),
    spread(figures.changeMs, 0),
    figures.changeCpuMs.toFixed(0),
    figures.changeChildCpuMs.toFixed(0),
    median(figures.nothingMs).toFixed(0),
    megabytes(figures.rssBytes),
    megabytes(figures.peakBytes),
  ]
}

async function run(count: number): Promise<void> {
  const services = Array.from({ length: count }, (_, index) => service(index))
  const slices = Array.from({ length: count }, (_, index) => slice(index, 0))
  const proxy = new IptablesProxy(systemClock)
  const sync = async () => {
    const startMs = performance.now()
    const input = { nodeName: 'pi-1', podNetwork: '10.42.0.0/16', serviceNetwork: '10.43.0.0/16', services, slices }
    const { chainsWritten } = await proxy.sync(serviceTable(input), AbortSignal.timeout(600_000))
    return { ms: performance.now() - startMs, chainsWritten }
  }
  const start = cpu()
  const fill = await sync()
  const filled = cpu()
  const changeMs: number[] = []
  for (let repeat = 1; repeat <= REPEATS; repeat++) {
    const at = (repeat * 7919) % count
    slices[at] = slice(at, repeat)
    const { ms, chainsWritten } = await sync()
    if (chainsWritten === 0 || chainsWritten > 4) throw new Error(`${chainsWritten} chains were written`)
    changeMs.push(ms)
  }
  const changed = cpu()
  const nothingMs: number[] = []
  for (let repeat = 1; repeat <= REPEATS; repeat++) nothingMs.push((await sync()).ms)
  const figures: Figures = {
    fillMs: fill.ms,
    fillCpuMs: filled.own - start.own,
    fillChildCpuMs: filled.children - start.children,
    changeMs,
    changeCpuMs: (changed.own - filled.own) / REPEATS,
    changeChildCpuMs: (changed.children - filled.children) / REPEATS,
    nothingMs,
    rssBytes: process.memoryUsage.rss(),
    peakBytes: process.resourceUsage().maxRSS * 1024,
  }
  console.log(JSON.stringify(figures))
}

/** Milliseconds of processor time, of this process and of those that it ran. */
function cpu(): { readonly own: number; readonly children: number } {
  const { user, system } = process.cpuUsage()
  const stat = readFileSync('/proc/self/stat', 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return { own: (user + system) / 1000, children: ((Number(fields[13]) + Number(fields[14])) * 1000) / CLOCK_TICKS }
}

function service(index: number): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: metadata(`svc-${index}`),
    spec: { clusterIP: `10.43.${index >> 8}.${index & 255}`, ports: [{ name: 'http', port: 80, targetPort: 8080, protocol: 'TCP' }] },
  } as Service
}

/** @param generation Differs in the address of one endpoint. */
function slice(index: number, generation: number): EndpointSlice {
  const address = (endpoint: number): string => {
    const pod = index * ENDPOINTS + endpoint
    return `10.42.${pod >> 8}.${endpoint === 0 ? 255 - (generation % 200) : pod & 63}`
  }
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    addressType: 'IPv4',
    ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
    metadata: { ...metadata(`svc-${index}-x`), labels: { 'kubernetes.io/service-name': `svc-${index}` } },
    endpoints: Array.from({ length: ENDPOINTS }, (_, endpoint) => ({
      addresses: [address(endpoint)],
      conditions: { ready: true, serving: true, terminating: false },
      nodeName: `pi-${endpoint}`,
    })),
  }
}

function metadata(name: string): Service['metadata'] {
  return { name, namespace: 'default', uid: name, resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' }
}
