import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { simEnv } from '@bramble/reconcile/sim/sim-env'
import type { MeasuredPod } from './measured-pod.ts'
import type { PodUsageReport } from './usage-plan.ts'
import { UsageReporter } from './usage-reporter.ts'

const MIB = 2 ** 20

interface Use {
  cpuNs: number
  atMs: number
  memoryBytes: number
  busyMillis: number
  readonly startedAtMs: number
}

/** Pods that use what a test says, by name. */
class Household {
  readonly env = simEnv()
  readonly reports: PodUsageReport[] = []
  readonly use = new Map<string, Use>()
  reporter = this.#newReporter()
  #stop = new AbortController()

  constructor(t: TestContext) {
    void this.reporter.run(this.#stop.signal)
    t.after(() => this.#stop.abort())
  }

  add(name: string, busyMillis = 0, memoryBytes = 8 * MIB): void {
    const { clock } = this.env
    this.use.set(name, { cpuNs: 0, atMs: clock.monotonicMs(), memoryBytes, busyMillis, startedAtMs: clock.nowMs() })
  }

  async pass(minutes: number): Promise<readonly PodUsageReport[]> {
    const before = this.reports.length
    await this.env.clock.advance(minutes * 60_000)
    return this.reports.slice(before)
  }

  restartAgent(): void {
    this.#stop.abort()
    this.#stop = new AbortController()
    this.reporter = this.#newReporter()
    void this.reporter.run(this.#stop.signal)
  }

  set(name: string, change: Partial<Use>): void {
    Object.assign(this.#used(name), change)
  }

  /** Processor time up to now. */
  #used(name: string): Use {
    const each = this.use.get(name)!
    const atMs = this.env.clock.monotonicMs()
    each.cpuNs += each.busyMillis * 1000 * (atMs - each.atMs)
    each.atMs = atMs
    return each
  }

  #newReporter(): UsageReporter {
    const pods = (): readonly MeasuredPod[] =>
      [...this.use].map(([name, { startedAtMs }]) => ({
        uid: `uid-of-${name}`,
        namespace: 'shop',
        name,
        hostNetwork: false,
        containers: [{ id: `id-of-${name}`, name: 'main', image: 'a', startedAtMs, claims: [] }],
      }))
    const use = (name: string): Use => this.#used(name)
    const measures = {
      use: async function* (all: readonly MeasuredPod[]) {
        for (const pod of all) {
          const { cpuNs, memoryBytes } = use(pod.name)
          yield { pod, containers: pod.containers.map((container) => ({ container, cpuNs, workingSetBytes: memoryBytes })) }
        }
      },
    }
    return new UsageReporter({ env: this.env, measures, pods, send: (report) => this.reports.push(report) })
  }
}

const shown = (reports: readonly PodUsageReport[]): readonly string[] =>
  reports.map(({ name, containers }) => `${name} ${containers.map((each) => `${each.cpuMillis}m ${each.memoryBytes / MIB}Mi`).join(', ')}`)

test('a busy pod is told once, and again when it does something else', async (t) => {
  const house = new Household(t)
  house.add('web', 250)
  assert.deepEqual(shown(await house.pass(5)), ['web 250m 8Mi'])
  house.set('web', { memoryBytes: 64 * MIB })
  assert.deepEqual(shown(await house.pass(3)), ['web 250m 64Mi'])
  house.set('web', { busyMillis: 0 })
  assert.match(shown(await house.pass(5)).at(-1)!, /^web 0m 64Mi$/)
})

test('ten pods that do nothing cost next to nothing on the link', async (t) => {
  const house = new Household(t)
  for (let index = 0; index < 10; index++) house.add(`idle-${index}`)
  await house.pass(5)
  const reports = await house.pass(60)
  assert.equal(reports.length, 60)
  const bytesPerMinute = JSON.stringify(reports).length / 60
  assert.ok(bytesPerMinute < 250, `${bytesPerMinute} bytes a minute`)
})

test('a pod that has gone is ended, once', async (t) => {
  const house = new Household(t)
  house.add('web')
  await house.pass(2)
  house.use.clear()
  assert.deepEqual(await house.pass(5), [
    { type: 'pod-usage', namespace: 'shop', name: 'web', uid: 'uid-of-web', windowMs: 0, containers: [] },
  ])
})

test('an agent that starts anew measures old containers between its own two looks', async (t) => {
  const house = new Household(t)
  house.add('web', 900)
  await house.pass(30)
  house.set('web', { busyMillis: 100 })
  house.restartAgent()
  assert.deepEqual(shown(await house.pass(0.5)), ['web 100m 8Mi'])
})

test('a container that began anew is measured from there', async (t) => {
  const house = new Household(t)
  house.add('web', 400)
  await house.pass(5)
  house.set('web', { cpuNs: 0 })
  for (const { containers } of await house.pass(5)) assert.ok(containers.every(({ cpuMillis }) => cpuMillis >= 0 && cpuMillis <= 400))
})

test('a server that has forgotten is told everything again', async (t) => {
  const house = new Household(t)
  house.add('web', 250)
  house.add('db', 10)
  await house.pass(5)
  house.reports.length = 0
  house.reporter.tellAll()
  assert.deepEqual(shown(house.reports), ['web 250m 8Mi', 'db 10m 8Mi'])
  assert.deepEqual(await house.pass(5), [], 'and that counts as told')
})
