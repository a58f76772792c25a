import { spawnSync } from 'node:child_process'
import { globSync } from 'node:fs'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'

// node bin/node.cjs tools/test.ts [unit|sim|e2e|provisioning|qemu|all] [FILE…]: checks, then tests. The last line counts them. `all` is the first three.

const root = fileURLToPath(new URL('../', import.meta.url))
process.chdir(root)

const SOURCES = ['packages', 'apps', 'provisioning', 'test', 'tools', 'bench']
const ALL = SOURCES.flatMap((folder) => globSync(`${folder}/**/*.test.ts`, { exclude: (path) => path.includes('node_modules') })).sort()
const isE2e = (file: string): boolean => file.endsWith('.e2e.test.ts') || file.startsWith('test/e2e/')
/** Boots machines: minutes each, under emulation. */
const isQemu = (file: string): boolean => file.endsWith('.qemu.test.ts')
/** Makes releases, cards and whole systems. */
const isProvisioning = (file: string): boolean => /^(test\/)?provisioning\//.test(file) && isE2e(file)
const isSim = (file: string): boolean => file.endsWith('.sim.test.ts')

/** e2e tests share the kernel's tables, cgroups and ports: one file at a time. */
const GROUPS = {
  unit: { files: ALL.filter((file) => !isE2e(file) && !isSim(file) && !isQemu(file)), concurrency: 2, timeoutMs: 120_000 },
  sim: { files: ALL.filter(isSim), concurrency: 1, timeoutMs: 300_000 },
  e2e: { files: ALL.filter((file) => isE2e(file) && !isProvisioning(file)), concurrency: 1, timeoutMs: 600_000 },
  provisioning: { files: ALL.filter(isProvisioning), concurrency: 1, timeoutMs: 900_000 },
  qemu: { files: ALL.filter(isQemu), concurrency: 1, timeoutMs: 1_200_000 },
} as const
type Group = keyof typeof GROUPS

const [wanted = 'all', ...only] = process.argv.slice(2)
const groups: readonly Group[] = wanted === 'all' ? ['unit', 'sim', 'e2e'] : [wanted as Group]
if (!groups.every((group) => group in GROUPS)) throw new Error(`unknown group "${wanted}": unit, sim, e2e, provisioning, qemu or all`)

/** These drive a cluster with real kubectl. Debian's own, 1.20, lacks commands and flags that they use. */
const drivesKubectl = (file: string): boolean => /kubectl.*\.e2e\.test\.ts$|e2e\/cluster\.e2e/.test(file)
const KUBECTL_MINOR_MIN = 27

const counts = { passed: 0, failed: 0, skipped: 0 }
if (wanted === 'all') for (const [name, args] of checks()) check(name, args)
for (const group of groups) await runGroup(group)
process.stdout.write(`\n${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped\n`)
process.exit(counts.failed === 0 && counts.passed > 0 ? 0 : 1)

function checks(): readonly (readonly [string, readonly string[]])[] {
  return [
    ['types', ['node_modules/.bin/tsc', '-p', 'tsconfig.json']],
    ['lint and format', ['tools/node_modules/.bin/biome', 'ci', '--diagnostic-level=error', '--max-diagnostics=50']],
  ]
}

function check(name: string, [file, ...args]: readonly string[]): void {
  const { status } = spawnSync(file!, args, { stdio: 'inherit' })
  process.stdout.write(`${status === 0 ? '✔' : '✖'} ${name}\n`)
  counts[status === 0 ? 'passed' : 'failed']++
}

/** The minor version of the kubectl on this machine; 0 when there is none. */
function kubectlMinor(): number {
  const { stdout } = spawnSync('kubectl', ['version', '--client', '--output=json'], { encoding: 'utf8' })
  return Number(/"minor": *"(\d+)/.exec(stdout ?? '')?.[1] ?? 0)
}

async function runGroup(group: Group): Promise<void> {
  const { concurrency, timeoutMs } = GROUPS[group]
  const chosen = GROUPS[group].files.filter((file) => only.length === 0 || only.some((part) => file.includes(part)))
  const isTooOld = chosen.some(drivesKubectl) && kubectlMinor() < KUBECTL_MINOR_MIN
  const files = chosen.filter((file) => !isTooOld || !drivesKubectl(file))
  for (const file of chosen.filter((each) => !files.includes(each))) {
    process.stdout.write(`﹣ ${file} skipped: it needs kubectl 1.${KUBECTL_MINOR_MIN} or newer, the one here is older\n`)
    counts.skipped++
  }
  if (files.length === 0) return
  process.stdout.write(`\n── ${group}: ${files.length} files\n`)
  const events = run({ files, concurrency, timeout: timeoutMs, execArgv: [...process.execArgv] })
  const took: [file: string, ms: number][] = []
  events.on('test:summary', ({ file, counts: sum, duration_ms }) => {
    if (file !== undefined) {
      took.push([relative(root, file), duration_ms])
      return // of one file; the last one is of all
    }
    counts.passed += sum.passed
    counts.failed += sum.tests - sum.passed - sum.skipped - sum.todo
    counts.skipped += sum.skipped
  })
  for await (const chunk of events.compose(spec)) process.stdout.write(chunk as string)
  const slowest = took.sort(([, a], [, b]) => b - a).slice(0, 12)
  process.stdout.write(
    `\n── ${group}, the slowest:\n${slowest.map(([file, ms]) => `${(ms / 1000).toFixed(1).padStart(7)} s  ${file}\n`).join('')}`,
  )
}
