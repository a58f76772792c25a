import { createBrambleFleet } from './bramble-fleet.ts'
import { brambleTimes, podmanStart } from './bramble-times.ts'
import { createSwarmFleet, NoSwarm } from './swarm-fleet.ts'
import { swarmTimes } from './swarm-times.ts'
import { machine, median, numberOption, printTable, spread } from './table.ts'

// Three hosts, h1 with the control plane (the manager). The image is there. All times in seconds: median (smallest – largest).
// --repeats N  of each line, default 5
// --bramble-only 1

const REPEATS = numberOption('repeats', 5)
const NAME = 'brb-start'

/** Seconds of each repeat. */
export interface Times {
  readonly tenReplicas: readonly number[]
  readonly killedToAnswer: readonly number[]
  /** Agent and host killed: until the node counts as gone, and until no other host sends traffic to its pods. */
  readonly deadNode: readonly number[]
  readonly deadWithdrawn: readonly number[]
  /** Its cable pulled. */
  readonly silentNode: readonly number[]
  readonly silentWithdrawn: readonly number[]
}

console.log(machine())
const fleet = await createBrambleFleet(NAME, 3)
let bramble: Times & { readonly onePod: readonly number[] }
let podman: readonly number[]
try {
  podman = await podmanStart(fleet, REPEATS)
  bramble = await brambleTimes(fleet, REPEATS)
} finally {
  await fleet.down()
}
const swarm = process.argv.includes('--bramble-only') ? undefined : await withSwarm()

const row = (title: string, ours: readonly number[], theirs: readonly number[] | undefined): string[] => [
  title,
  spread(ours, 2),
  theirs && theirs.length > 0 ? spread(theirs, 2) : '–',
]
printTable(
  'One pod of one container on one host',
  ['', 'seconds'],
  [
    ['podman run --detach, until it runs', spread(podman, 2)],
    ['Bramble, pod created → Running', spread(bramble.onePod, 2)],
    ['ratio of the medians', (median(bramble.onePod) / median(podman)).toFixed(2)],
  ],
)
printTable(
  `Three hosts; seconds, median (smallest – largest) of ${REPEATS}`,
  ['', 'Bramble', 'Docker Swarm'],
  [
    row('10 replicas created → 10 running', bramble.tenReplicas, swarm?.tenReplicas),
    row('container killed → it answers HTTP again', bramble.killedToAnswer, swarm?.killedToAnswer),
    row('host killed → node NotReady (Down)', bramble.deadNode, swarm?.deadNode),
    row('host killed → its endpoints gone everywhere (answers elsewhere)', bramble.deadWithdrawn, swarm?.deadWithdrawn),
    row('link cut → node NotReady (Down)', bramble.silentNode, swarm?.silentNode),
    row('link cut → its endpoints gone everywhere (answers elsewhere)', bramble.silentWithdrawn, swarm?.silentWithdrawn),
  ],
)

async function withSwarm(): Promise<Times | undefined> {
  try {
    const peer = await createSwarmFleet(NAME, 3)
    try {
      return await swarmTimes(peer, REPEATS)
    } finally {
      await peer.down()
    }
  } catch (error) {
    if (!(error instanceof NoSwarm)) throw error
    console.log(`\nDocker Swarm was left out: ${error.message}`)
    return undefined
  }
}
