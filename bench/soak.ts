import { systemClock } from '@bramble/reconcile/env'
import { createBrambleFleet, type BrambleFleet, FIRST, helloPodSpec } from './bramble-fleet.ts'
import { type Classify, measure } from './meter.ts'
import { machine, megabytes, numberOption, printTable } from './table.ts'

// One host with both programs, pods that come and go all the time, one that fails again and again, logs that are read: does memory grow?
// --minutes N  default 60
// --pods N     how many there are at a time, default 10
// --pause N    milliseconds between two changes, default 3000

const MINUTES = numberOption('minutes', 60)
const PODS = numberOption('pods', 10)
const PAUSE_MS = numberOption('pause', 3_000)
/** The start is no leak: slopes are of what follows. */
const WARM_SHARE = 0.25
const SAMPLE_SECONDS = 60
const PODS_PATH = '/api/v1/namespaces/default/pods'

interface Sample {
  readonly minute: number
  readonly rssBytes: number
  readonly anonBytes: number
  readonly cpuSecondsPerMinute: number
  readonly diskBytesPerMinute: number
}

console.log(machine())
const fleet = await createBrambleFleet('brb-soak', 1)
try {
  const stop = new AbortController()
  const churned = churn(fleet, stop.signal)
  const samples = await watch(fleet)
  stop.abort()
  report(samples, await churned)
} finally {
  await fleet.down()
}

/** @returns how many pods came and went. */
async function churn({ api }: BrambleFleet, signal: AbortSignal): Promise<number> {
  let made = 0
  const names: string[] = []
  const failing = { containers: [{ ...firstContainer(), name: 'broken', command: ['sh', '-c', 'echo broken; exit 1'] }] }
  await api.call('POST', PODS_PATH, { metadata: { name: 'broken' }, spec: { terminationGracePeriodSeconds: 1, ...failing } })
  while (!signal.aborted) {
    const name = `soak-${++made}`
    await api.call('POST', PODS_PATH, { metadata: { name }, spec: helloPodSpec() })
    names.push(name)
    if (names.length > PODS) {
      const oldest = names.shift()!
      await api.call('GET', `${PODS_PATH}/${oldest}/log`).catch(() => {}) // it may not have begun
      await api.call('DELETE', `${PODS_PATH}/${oldest}`)
    }
    await systemClock.sleep(PAUSE_MS, signal)
  }
  return made
}

function firstContainer(): Record<string, unknown> {
  return (helloPodSpec()['containers'] as Record<string, unknown>[])[0]!
}

async function watch({ pids }: BrambleFleet): Promise<ReadonlyMap<string, readonly Sample[]>> {
  const samples = new Map<string, Sample[]>()
  for (let minute = 1; minute <= MINUTES; minute++) {
    const { byKind } = (await measure(pids, program, SAMPLE_SECONDS))[FIRST]!
    for (const [kind, { rssBytes, anonBytes, cpuSecondsPerMinute, diskBytesPerMinute }] of byKind)
      samples.set(kind, [...(samples.get(kind) ?? []), { minute, rssBytes, anonBytes, cpuSecondsPerMinute, diskBytesPerMinute }])
    if (minute % 10 === 0) console.error(`${minute} of ${MINUTES} minutes`)
  }
  return samples
}

function report(samples: ReadonlyMap<string, readonly Sample[]>, pods: number): void {
  const rows = [...samples].sort().map(([kind, all]) => {
    const warm = all.slice(Math.floor(all.length * WARM_SHARE))
    const mean = (field: 'cpuSecondsPerMinute' | 'diskBytesPerMinute'): number =>
      warm.reduce((sum, each) => sum + each[field], 0) / warm.length
    return [
      kind,
      megabytes(warm[0]!.rssBytes),
      megabytes(all.at(-1)!.rssBytes),
      megabytes(Math.max(...all.map(({ rssBytes }) => rssBytes))),
      megabytes(all.at(-1)!.anonBytes),
      perHour(warm, 'rssBytes'),
      perHour(warm, 'anonBytes'),
      mean('cpuSecondsPerMinute').toFixed(2),
      (mean('diskBytesPerMinute') / 1024).toFixed(0),
    ]
  })
  printTable(
    `${MINUTES} minutes, ${PODS} pods at a time, ${pods} made in all; slopes after the first quarter`,
    ['', 'RSS MB then', 'at the end', 'most', 'anon MB', 'RSS MB/h', 'anon MB/h', 'CPU s/min', 'disk KB/min'],
    rows,
  )
}

/** Least squares. */
function perHour(samples: readonly Sample[], field: 'rssBytes' | 'anonBytes'): string {
  const meanMinute = samples.reduce((sum, { minute }) => sum + minute, 0) / samples.length
  const mean = samples.reduce((sum, each) => sum + each[field], 0) / samples.length
  const [above, below] = samples.reduce(
    ([a, b], each) => [a + (each.minute - meanMinute) * (each[field] - mean), b + (each.minute - meanMinute) ** 2],
    [0, 0],
  )
  return ((above! / (below! || 1)) * (60 / 2 ** 20)).toFixed(2)
}

function program(commandLine: string): ReturnType<Classify> {
  if (commandLine.includes('/control-plane/main.js')) return 'control plane'
  if (commandLine.includes('/node-agent/main.js')) return 'agent'
  return /^podman /.test(commandLine) ? 'podman service' : undefined
}
