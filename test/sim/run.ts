import { parseArgs } from 'node:util'
import { runScenario } from './scenario.ts'

// npm run sim -- --seeds 1000 [--from 1] [--nodes 5] [--minutes 15]; SEED=17 npm run sim repeats one run.

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '20' },
    from: { type: 'string', default: '1' },
    nodes: { type: 'string', default: '5' },
    minutes: { type: 'string', default: '15' },
  },
})
const one = process.env['SEED']
const from = wholeNumber('SEED or --from', one ?? values.from)
const count = one === undefined ? wholeNumber('--seeds', values.seeds) : 1
const options = { nodes: wholeNumber('--nodes', values.nodes), faultyMs: wholeNumber('--minutes', values.minutes) * 60_000 }

const failed: number[] = []
for (let seed = from; seed < from + count; seed++) {
  const startedMs = performance.now()
  try {
    await runScenario({ seed, ...options })
    process.stdout.write(`seed ${seed} ok, ${Math.round(performance.now() - startedMs)} ms\n`)
  } catch (error) {
    failed.push(seed)
    process.stdout.write(`seed ${seed} FAILED\n${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
  }
}
process.stdout.write(
  failed.length === 0
    ? `${count} seeds, all well\n`
    : `${failed.length} of ${count} seeds failed; repeat one with: SEED=${failed[0]} npm run sim\n`,
)
process.exitCode = failed.length === 0 ? 0 : 1

function wholeNumber(name: string, text: string): number {
  if (/^[1-9]\d{0,6}$/.test(text)) return Number(text)
  process.stderr.write(`${name} must be a whole number from 1, not "${text}"\n`)
  process.exit(2)
}
