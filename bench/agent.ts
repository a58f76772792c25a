import { FOOTPRINT_HEAD, footprints } from './agent-footprint.ts'
import { createBrambleFleet } from './bramble-fleet.ts'
import { containerdHost } from './containerd-host.ts'
import { machine, numberOption, printTable } from './table.ts'

// Three hosts: h1 with the control plane, h2 with Podman, h3 with containerd.
// --seconds N   length of an idle window, default 60
// --settle N    pause before it, default 45: Podman's own service ends half a minute after the last request
// --repeats N   of each latency, default 10
// --podman-only 1

const SECONDS = numberOption('seconds', 60)
const SETTLE_MS = numberOption('settle', 45) * 1000
const PODMAN_ONLY = process.argv.includes('--podman-only')
const POD_COUNTS = [0, 10, 50]
const HOSTS: Readonly<Record<string, string>> = PODMAN_ONLY ? { h2: 'Podman' } : { h2: 'Podman', h3: 'containerd' }

console.log(machine())
const fleet = await createBrambleFleet('brb-agent', PODMAN_ONLY ? 2 : 3, { runtimes: { h3: containerdHost } })
try {
  printTable(
    `Idle, nobody asks anything; a window of ${SECONDS} s`,
    FOOTPRINT_HEAD,
    await footprints(fleet, HOSTS, POD_COUNTS, { seconds: SECONDS, settleMs: SETTLE_MS }),
  )
} finally {
  await fleet.down()
}
