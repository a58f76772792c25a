import { systemClock } from '@bramble/reconcile/env'
import { waitFor } from '../test/e2e/wait.ts'
import { type BrambleFleet, createBrambleFleet, helloDeployment, helloService } from './bramble-fleet.ts'
import { type Classify, type HostUse, measure } from './meter.ts'
import { createSwarmFleet, NoSwarm, type SwarmFleet } from './swarm-fleet.ts'
import { machine, megabytes, numberOption, printTable } from './table.ts'

// Three hosts, h1 with the control plane (the manager); idle, then with ten services of one pod each on h2.
// --seconds N  length of a window, default 90
// --settle N   pause before it, default 80: Podman's own service ends after a minute without a request
// --bramble-only 1

const SECONDS = numberOption('seconds', 90)
const SETTLE_MS = numberOption('settle', 80) * 1000
const PODS = 10
const ON = 'h2'
const HEAD = ['', 'processes', 'RSS MB', 'RssAnon MB', 'CPU s/min', 'disk KB/min']
const LINK_HEAD = ['', 'received KB/min', 'packets', 'sent KB/min', 'packets']

console.log(machine())
await bramble()
if (!process.argv.includes('--bramble-only')) await swarm()

async function bramble(): Promise<void> {
  const fleet = await createBrambleFleet('brb-foot', 3)
  try {
    await show('Bramble, no pods', fleet, brambleProcess)
    const names = Array.from({ length: PODS }, (_, index) => `web-${index}`)
    for (const name of names) {
      await fleet.api.call('POST', '/apis/apps/v1/namespaces/default/deployments', helloDeployment(name, 1, ON))
      await fleet.api.call('POST', '/api/v1/namespaces/default/services', helloService(name))
    }
    await waitFor(
      `${PODS} pods to run`,
      async () => {
        const { items } = await fleet.api.call<{ items: { status: { phase: string } }[] }>('GET', '/api/v1/namespaces/default/pods')
        return items.filter(({ status }) => status.phase === 'Running').length === PODS
      },
      { limitMs: 120_000 },
    )
    await show(`Bramble, ${PODS} services with one pod each, all on ${ON}`, fleet, brambleProcess)
  } finally {
    await fleet.down()
  }
}

async function swarm(): Promise<void> {
  let fleet: SwarmFleet
  try {
    fleet = await createSwarmFleet('brb-foot', 3)
  } catch (error) {
    if (!(error instanceof NoSwarm)) throw error
    console.log(`\nDocker Swarm was left out: ${error.message}`)
    return
  }
  try {
    await show('Docker Swarm, no tasks', fleet, swarmProcess)
    const names = Array.from({ length: PODS }, (_, index) => `web-${index}`)
    for (const name of names) await fleet.createService(name, 1, { on: ON })
    await waitFor(
      `${PODS} tasks to run`,
      async () => {
        const tasks = (await Promise.all(names.map((name) => fleet.tasks(name)))).flat()
        return tasks.filter(({ Status }) => Status.State === 'running').length === PODS
      },
      { limitMs: 120_000 },
    )
    await show(`Docker Swarm, ${PODS} services with one task each, all on ${ON}`, fleet, swarmProcess)
  } finally {
    await fleet.down()
  }
}

async function show(title: string, fleet: BrambleFleet | SwarmFleet, classify: Classify): Promise<void> {
  await systemClock.sleep(SETTLE_MS)
  const uses = await measure(fleet.pids, classify, SECONDS)
  printTable(
    `${title}; a window of ${SECONDS} s`,
    HEAD,
    Object.entries(uses).flatMap(([host, use]) => rows(host, use)),
  )
  printTable(
    'Their links',
    LINK_HEAD,
    Object.entries(uses).map(([host, { link }]) => [
      `${host} eth0`,
      (link.receivedBytesPerMinute / 1024).toFixed(2),
      link.receivedPacketsPerMinute.toFixed(0),
      (link.sentBytesPerMinute / 1024).toFixed(2),
      link.sentPacketsPerMinute.toFixed(0),
    ]),
  )
}

function rows(host: string, { byKind }: HostUse): string[][] {
  return [...byKind]
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([kind, use]) => [
      `${host} ${kind}`,
      String(use.count),
      megabytes(use.rssBytes),
      megabytes(use.anonBytes),
      use.cpuSecondsPerMinute.toFixed(2),
      (use.diskBytesPerMinute / 1024).toFixed(0),
    ])
}

function brambleProcess(commandLine: string): string | undefined {
  if (commandLine.includes('/control-plane/main.js')) return 'control plane'
  if (commandLine.includes('/node-agent/main.js')) return 'agent'
  if (/^\S*conmon /.test(commandLine)) return 'conmon'
  if (/^podman /.test(commandLine)) return 'podman service'
  return /^xtables-monitor /.test(commandLine) ? 'xtables-monitor' : undefined
}

function swarmProcess(commandLine: string): string | undefined {
  if (/\/dockerd /.test(commandLine)) return 'dockerd'
  if (/containerd-shim/.test(commandLine)) return 'containerd-shim'
  return /^\S*containerd /.test(commandLine) ? 'containerd' : undefined
}
