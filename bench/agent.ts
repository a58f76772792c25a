import { agentTimes } from './agent-times.ts'
import { empty, FOOTPRINT_HEAD, footprints } from './agent-footprint.ts'
import { createBrambleFleet } from './bramble-fleet.ts'
import { containerdHost } from './containerd-host.ts'
import { type PlainRuntime, plainContainerd, plainPodman, plainTimes } from './plain-runtimes.ts'
import { machine, median, numberOption, printTable, spread } from './table.ts'

// Three hosts: h1 with the control plane, h2 with Podman, h3 with containerd.
// --seconds N   length of an idle window, default 60
// --settle N    pause before it, default 80: Podman's own service ends half a minute after the last request
// --repeats N   of each latency, default 10
// --most N      the largest number of pods, default 50
// --podman-only 1

const SECONDS = numberOption('seconds', 60)
const SETTLE_MS = numberOption('settle', 80) * 1000
const REPEATS = numberOption('repeats', 10)
const MOST = numberOption('most', 50)
const PODMAN_ONLY = process.argv.includes('--podman-only')
const POD_COUNTS = [0, 10, 50].filter((count) => count <= MOST)
const HOSTS: Readonly<Record<string, string>> = PODMAN_ONLY ? { h2: 'Podman' } : { h2: 'Podman', h3: 'containerd' }

console.log(machine())
const fleet = await createBrambleFleet('brb-agent', PODMAN_ONLY ? 2 : 3, { runtimes: { h3: containerdHost } })
try {
  await showFootprint(`Idle, nobody has asked anything; a window of ${SECONDS} s`, POD_COUNTS)
  for (const host of Object.keys(HOSTS)) await empty(fleet, host)
  for (const [host, title] of Object.entries(HOSTS)) await showTimes(host, title)
  await showFootprint(`Idle after that, so many pods, execs and logs later; a window of ${SECONDS} s`, [0])
} finally {
  await fleet.down()
}

async function showFootprint(title: string, counts: readonly number[]): Promise<void> {
  printTable(title, FOOTPRINT_HEAD, await footprints(fleet, HOSTS, counts, { seconds: SECONDS, settleMs: SETTLE_MS }))
}

async function showTimes(host: string, title: string): Promise<void> {
  const plain: PlainRuntime = host === 'h2' ? plainPodman(fleet.lab, host) : plainContainerd(fleet.lab, host, fleet.pids[host]!)
  try {
    const ours = await agentTimes(fleet, host, plain, REPEATS)
    const theirs = await plainTimes(plain, REPEATS)
    const { words } = plain
    const ratio = (a: readonly number[], b: readonly number[]): string => (median(a) / median(b)).toFixed(2)
    printTable(
      `${title}, one pod of one container; seconds, median (smallest – largest) of ${REPEATS}`,
      ['', 'Bramble', title, 'ratio'],
      [
        [`pod created → Running beside ${words.start}`, spread(ours.start, 2), spread(theirs.start, 2), ratio(ours.start, theirs.start)],
        ['pod created → started, as the runtime has it', spread(ours.startInRuntime, 2), '–', ratio(ours.startInRuntime, theirs.start)],
        [`pod deleted → gone beside ${words.stop}`, spread(ours.stop, 2), spread(theirs.stop, 2), ratio(ours.stop, theirs.stop)],
        [`exec of "true" by the API beside ${words.exec}`, spread(ours.exec, 2), spread(theirs.exec, 2), ratio(ours.exec, theirs.exec)],
        ['its log read by the API', spread(ours.log, 3), '–', '–'],
      ],
    )
  } finally {
    plain.close()
  }
}
