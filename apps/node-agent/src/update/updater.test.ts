import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { NodeConfig } from '@bramble/api/types/node-config'
import { SimClock } from '@bramble/reconcile/sim/sim-clock'
import { simEnv } from '@bramble/reconcile/sim/sim-env'
import type { Slot } from './plan.ts'
import { DamagedRelease, type Releases, UnfitRelease } from './releases.ts'
import { Updater } from './updater.ts'

/** A node's disk and launcher. */
class MemoryReleases implements Releases {
  readonly done: string[] = []
  readonly running: string
  slot: Slot
  /** What the next fetch throws, or waits for. */
  fetching: (signal: AbortSignal) => Promise<void> = async () => {}
  trouble: Error | undefined
  looks = 0

  constructor(running: string, slot: Partial<Slot> = {}) {
    this.running = running
    this.slot = { current: running, bad: {}, releases: [running], ...slot }
  }
  async look(): Promise<Slot> {
    this.looks++
    if (this.trouble) throw this.trouble
    return this.slot
  }
  async fetch(version: string, signal: AbortSignal): Promise<void> {
    this.done.push(`fetch ${version}`)
    await this.fetching(signal)
    this.slot = { ...this.slot, releases: [...this.slot.releases, version] }
  }
  async stage(version: string, deadlineSeconds: number): Promise<void> {
    this.done.push(`stage ${version} ${deadlineSeconds}`)
    this.slot = { ...this.slot, current: version, trial: { version, starts: 0, deadlineSeconds } }
  }
  async commit(version: string): Promise<void> {
    this.done.push(`commit ${version}`)
    const { trial: _, ...committed } = this.slot
    this.slot = committed
  }
  async giveUp(version: string, why: string): Promise<void> {
    this.slot = { ...this.slot, bad: { ...this.slot.bad, [version]: `refused: ${why}` } }
  }
  async note(contact: string): Promise<void> {
    this.done.push(`note ${contact}`)
  }
}

/** An updater and what is around it. */
function world(t: TestContext, releases: MemoryReleases | undefined, wanted?: string) {
  const clock = new SimClock()
  const stop = new AbortController()
  const it = {
    clock,
    wanted: wanted as string | undefined,
    deadlineSeconds: undefined as number | undefined,
    session: 1 as number | undefined,
    isReady: true,
    told: [] as string[],
    restarts: 0,
    /** The agent was told, or its session is another one. */
    async change(changes: { readonly wanted?: string; readonly session?: number | undefined; readonly isReady?: boolean }): Promise<void> {
      Object.assign(this, changes)
      updater.look()
      await clock.advance(0)
    },
  }
  const updater = new Updater({
    env: simEnv(1, clock),
    version: '0.1.0',
    ...(releases && { releases }),
    config: () =>
      it.wanted === undefined
        ? undefined
        : ({ spec: { agentVersion: it.wanted, ...(it.deadlineSeconds && { deadlineSeconds: it.deadlineSeconds }) } } as NodeConfig),
    session: () => it.session,
    isReady: () => it.isReady,
    changed: async () => void it.told.push(updater.conditions.map(({ status, reason }) => `${reason} ${status}`).join() || 'nothing'),
    restart: () => void it.restarts++,
  })
  const run = updater.run(stop.signal)
  t.after(async () => {
    stop.abort()
    await run
  })
  return Object.assign(it, { updater })
}

test('a version that is wanted is fetched, staged and started, each told', async (t) => {
  const releases = new MemoryReleases('0.1.0')
  const it = world(t, releases)
  it.deadlineSeconds = 90
  await it.change({ wanted: '0.1.0' })
  await it.change({ wanted: '0.2.0' })
  await it.clock.advance(0)
  assert.deepEqual(releases.done, ['fetch 0.2.0', 'stage 0.2.0 90'])
  assert.deepEqual(it.told, ['UpToDate True', 'Downloading False', 'Staged False'])
  assert.equal(it.restarts, 1)
})

test('without a word from anybody it looks at nothing and says nothing', async (t) => {
  const releases = new MemoryReleases('0.1.0')
  const it = world(t, releases)
  await it.clock.advance(86_400_000)
  assert.deepEqual([it.told, releases.looks], [[], 1])
})

test('on trial it stays after 30 s of health and contact without a break', async (t) => {
  const releases = new MemoryReleases('0.2.0', { trial: { version: '0.2.0', starts: 1, deadlineSeconds: 600 } })
  const it = world(t, releases, '0.2.0')
  await it.clock.advance(20_000)
  await it.change({ isReady: false })
  await it.clock.advance(2_000)
  await it.change({ isReady: true })
  await it.clock.advance(25_000)
  await it.change({ session: 2 }) // lost and opened again between two looks
  await it.clock.advance(29_000)
  assert.deepEqual(releases.done, ['note contact'])
  await it.clock.advance(2_000)
  assert.deepEqual(releases.done, ['note contact', 'commit 0.2.0'])
  assert.deepEqual(it.told, ['OnTrial False', 'UpToDate True'])
})

test('on trial without a server it says so to the launcher, once, and stays as long as that lets it', async (t) => {
  const releases = new MemoryReleases('0.2.0', { trial: { version: '0.2.0', starts: 1, deadlineSeconds: 600 } })
  const it = world(t, releases, '0.2.0')
  it.session = undefined
  await it.clock.advance(500_000)
  assert.deepEqual(releases.done, ['note waiting'])
  await it.change({ session: 1 })
  await it.clock.advance(2_000)
  await it.change({ session: undefined })
  await it.clock.advance(60_000)
  assert.deepEqual(releases.done, ['note waiting', 'note contact'])
})

test('a download that fails is told with the reason and goes on later; another version does not wait for it', async (t) => {
  const releases = new MemoryReleases('0.1.0')
  releases.fetching = () => Promise.reject(new Error('the disk has 3 MB free, and 200 MB are needed'))
  const it = world(t, releases, '0.2.0')
  await it.clock.advance(0)
  assert.match(it.updater.conditions[0]!.message!, /^0\.2\.0: the disk has 3 MB free, and 200 MB are needed; will be tried again$/)
  await it.clock.advance(29_000)
  assert.deepEqual(releases.done, ['fetch 0.2.0'])
  await it.clock.advance(2_000)
  assert.deepEqual(releases.done, ['fetch 0.2.0', 'fetch 0.2.0'])
  await it.change({ wanted: '0.3.0' })
  assert.deepEqual(releases.done.at(-1), 'fetch 0.3.0')
})

test('an archive that is damaged is not fetched again and again: that costs', async (t) => {
  const releases = new MemoryReleases('0.1.0')
  releases.fetching = () => Promise.reject(new DamagedRelease('its archive is damaged'))
  const it = world(t, releases, '0.2.0')
  await it.clock.advance(24 * 3_600_000)
  assert.ok(releases.done.length <= 8, `${releases.done.length} times`)
})

test('a release that cannot run here is refused for good', async (t) => {
  const releases = new MemoryReleases('0.1.0')
  releases.fetching = () => Promise.reject(new UnfitRelease('it does not start: exec format error'))
  const it = world(t, releases, '0.2.0')
  await it.clock.advance(86_400_000)
  assert.deepEqual([releases.done, it.told], [['fetch 0.2.0'], ['Downloading False', 'Refused False']])
})

test('when another version is wanted, a download that is under way ends', async (t) => {
  const releases = new MemoryReleases('0.1.0')
  releases.fetching = (signal) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)))
  const it = world(t, releases, '0.2.0')
  await it.clock.advance(0)
  releases.fetching = async () => {}
  await it.change({ wanted: '0.1.0' })
  assert.deepEqual([releases.done, it.told.at(-1), it.restarts], [['fetch 0.2.0'], 'UpToDate True', 0])
})

test('nothing is fetched while the server is away, and at once when it is back', async (t) => {
  const releases = new MemoryReleases('0.1.0')
  const it = world(t, releases)
  await it.change({ session: undefined, wanted: '0.2.0' })
  await it.clock.advance(3_600_000)
  assert.deepEqual(releases.done, [])
  await it.change({ session: 2 })
  assert.equal(releases.done[0], 'fetch 0.2.0')
})

test('a disk that cannot be read ends no agent', async (t) => {
  const releases = new MemoryReleases('0.1.0')
  releases.trouble = new Error('EIO')
  const it = world(t, releases, '0.1.0')
  await it.clock.advance(59_000)
  releases.trouble = undefined
  await it.clock.advance(2_000)
  assert.deepEqual(it.told, ['UpToDate True'])
})

test('an agent that no launcher started says what to do', async (t) => {
  const it = world(t, undefined, '0.2.0')
  await it.clock.advance(0)
  assert.deepEqual(it.told, ['Refused False'])
})
