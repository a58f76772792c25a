import assert from 'node:assert/strict'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { systemClock } from '@bramble/reconcile/env'
import { waitFor } from '../test/e2e/wait.ts'
import { empty, fill, PODS } from './agent-footprint.ts'
import { type BrambleFleet, createBrambleFleet, helloPodSpec } from './bramble-fleet.ts'
import { containerdHost } from './containerd-host.ts'
import { type PlainRuntime, plainContainerd, plainPodman } from './plain-runtimes.ts'
import { machine, median, numberOption, printTable, spread } from './table.ts'

// A host loses power while some of its pods are being started, and boots without its link: until everything that was assigned runs.
// Every process dies and /run is new; what a host cannot lose here are its clock and the kernel's cache of its disk.
// --pods N      in all, default 10
// --late N      of them are made right before the cut, default 3
// --repeats N   default 3
// --podman-only 1

const COUNT = numberOption('pods', 10)
const LATE = numberOption('late', 3)
const REPEATS = numberOption('repeats', 3)
const AT_A_TIME = 6
const PODMAN_ONLY = process.argv.includes('--podman-only')
const HOSTS: Readonly<Record<string, string>> = PODMAN_ONLY ? { h2: 'Podman' } : { h2: 'Podman', h3: 'containerd' }
const RUNNING_MS_MAX = 120_000
const REST_MS = 3_000
/** The agent writes at once, and what changes within two seconds after that together: all of the late pods, this long after they came. */
const SAVE_PAUSE_MS = 2_000
const LATE_MS = 250

interface Times {
  /** Seconds from the start of the agent until the first one runs, and all. */
  readonly first: number[]
  readonly all: number[]
  /** Of the runtime alone: one container after another, and some at a time. */
  readonly sequence: number[]
  readonly parallel: number[]
  /** How many of the late pods ran already when the power was cut. */
  readonly lateRunning: number[]
}

console.log(machine())
const fleet = await createBrambleFleet('brb-cut', PODMAN_ONLY ? 2 : 3, { runtimes: { h3: containerdHost } })
try {
  const rows: string[][] = []
  for (const [host, title] of Object.entries(HOSTS)) rows.push(...rowsOf(title, await timesOf(host)))
  printTable(
    `${COUNT} pods, ${LATE} of them being started, power cut, boot without link; seconds, median (smallest – largest) of ${REPEATS}`,
    ['', 'seconds'],
    rows,
  )
  console.log('\nEach time everything that was assigned ran once, and the API showed it when the link was back.')
} finally {
  await fleet.down()
}

async function timesOf(host: string): Promise<Times> {
  const times: Times = { first: [], all: [], sequence: [], parallel: [], lateRunning: [] }
  for (let repeat = 0; repeat < REPEATS; repeat++) {
    await cutAndBoot(host, times)
    await plainStarts(host, times)
  }
  return times
}

async function cutAndBoot(host: string, times: Times): Promise<void> {
  const names = await assignPods(fleet, host)
  times.lateRunning.push((await runningPods(fleet, host)).length - (COUNT - LATE))
  await fleet.lab.kill(host)
  await fleet.bootHost(host, { cut: true })
  const startMs = performance.now()
  const secondsUntil = async (count: number): Promise<number> => {
    await waitFor(`${count} pods of ${host} to run`, async () => (await processes(fleet, host)).length >= count, {
      limitMs: RUNNING_MS_MAX,
      lookAgainMs: 50,
    })
    return (performance.now() - startMs) / 1000
  }
  await fleet.startAgent(host)
  times.first.push(await secondsUntil(1))
  times.all.push(await secondsUntil(COUNT))
  await systemClock.sleep(REST_MS) // time for a second one of each
  assert.deepEqual(await runningPods(fleet, host), names)
  await fleet.lab.join(host)
  await fleet.waitReady([host])
  await fill(fleet, host, COUNT)
  assert.deepEqual(await runningPods(fleet, host), names)
  await empty(fleet, host)
}

/** @returns the names of all; the last ones are still being started, but the node has them on its disk. */
async function assignPods(fleet: BrambleFleet, host: string): Promise<readonly string[]> {
  const saved = join(fleet.lab.disk(host), 'own/var/lib/bramble/agent/assigned.json')
  await fill(fleet, host, COUNT - LATE - 1)
  const names = Array.from({ length: COUNT }, (_, index) => `idle-${host}-${index}`)
  const spec = helloPodSpec({ nodeName: host })
  const savedMs = async (): Promise<number> => (await stat(saved)).mtimeMs
  const makeAndSave = async (those: readonly string[]): Promise<void> => {
    const beforeMs = await savedMs()
    await Promise.all(those.map((name) => fleet.api.call('POST', PODS, { metadata: { name }, spec })))
    await waitFor('the assignment to be saved', async () => (await savedMs()) > beforeMs, { lookAgainMs: 5 })
  }
  await systemClock.sleep(REST_MS) // what is written of the others is written
  await makeAndSave(names.slice(COUNT - LATE - 1, COUNT - LATE))
  await systemClock.sleep(SAVE_PAUSE_MS - LATE_MS)
  await makeAndSave(names.slice(COUNT - LATE))
  return names.sort()
}

async function plainStarts(host: string, times: Times): Promise<void> {
  const plain: PlainRuntime = host === 'h2' ? plainPodman(fleet.lab, host) : plainContainerd(fleet.lab, host, fleet.pids[host]!)
  const start = async (atATime: number): Promise<number> => {
    const ids: string[] = []
    const left = Array.from({ length: COUNT }, (_, index) => `plain-${index}`)
    const startMs = performance.now()
    const worker = async (): Promise<void> => {
      for (let name = left.pop(); name !== undefined; name = left.pop()) ids.push(await plain.start(name))
    }
    await Promise.all(Array.from({ length: atATime }, worker))
    const seconds = (performance.now() - startMs) / 1000
    for (const id of ids) {
      await plain.stop(id)
      await plain.remove(id)
    }
    return seconds
  }
  try {
    const warm = await plain.start('warm') // makes the network
    times.sequence.push(await start(1))
    times.parallel.push(await start(AT_A_TIME))
    await plain.stop(warm)
    await plain.remove(warm)
  } finally {
    plain.close()
  }
}

/** First processes of the bench's containers, as the host numbers them. */
async function processes({ lab }: BrambleFleet, host: string): Promise<readonly string[]> {
  const { stdout } = await lab.run(host, ['pgrep', '--full', '^/bin/sh /bin/serve'], { exitCodes: 'any' })
  return stdout.split('\n').filter((line) => line !== '')
}

/** Names of the pods whose containers run, one for each container. */
async function runningPods(fleet: BrambleFleet, host: string): Promise<readonly string[]> {
  const hostnames = (await processes(fleet, host)).map(async (pid) =>
    (await fleet.lab.run(host, ['nsenter', '--target', pid, '--uts', 'hostname'])).stdout.trim(),
  )
  return (await Promise.all(hostnames)).sort()
}

function rowsOf(title: string, { first, all, sequence, parallel, lateRunning }: Times): string[][] {
  return [
    [`${title}: agent started → the first pod runs`, spread(first, 2)],
    [`${title}: agent started → all ${COUNT} run`, spread(all, 2)],
    [`${title} alone: ${COUNT} containers, one after another`, spread(sequence, 2)],
    [`${title} alone: ${COUNT} containers, ${AT_A_TIME} at a time`, spread(parallel, 2)],
    [`${title}: ratio of ours to ${AT_A_TIME} at a time`, (median(all) / median(parallel)).toFixed(2)],
    [`${title}: of the ${LATE} late pods, running at the cut`, spread(lateRunning, 0)],
  ]
}
