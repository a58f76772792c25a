import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { before, it } from 'node:test'
import type { Pod } from '@bramble/api/types/pod'
import { systemClock } from '@bramble/reconcile/env'
import { seeded } from '@bramble/reconcile/sim/seeded'
import { startDetached } from '../../apps/node-agent/src/host/exec.ts'
import { insidePrivateHost, privateHostTest } from '../../apps/node-agent/src/host/private-host.ts'
import { BUSYBOX_IMAGE, buildImages } from '../../tools/images/build.ts'
import { waitFor } from '../e2e/wait.ts'
import { aPod, assign, leaving, look, removeGroups, traces } from './crash-world.ts'
import type { KillPoint } from './kill-point.ts'

// KILLS=200 SEED=1 node bin/node.cjs --test test/crash/kill-agent.e2e.test.ts

const KILLS = Number(process.env['KILLS'] ?? 24)
const SEED = Number(process.env['SEED'] ?? 1)
/** After so many deaths an agent may live until all is as it should be. */
const KILLS_IN_A_ROW = 8
const PODS_MAX = 4
const OPERATIONS_MAX = 30
const DURING_MS_MAX = 300
/** An agent that has less to do than its point asks for is killed anyway. */
const LIFE_MS_MAX = 4_000
const LIMIT_MS = 60_000
const RUN_MS_MAX = 60_000 + KILLS * 8_000

if (insidePrivateHost()) {
  before(async () => void (await buildImages({ names: [BUSYBOX_IMAGE] })))
  it(`an agent killed ${KILLS} times (seed ${SEED}) loses no container, doubles none, and leaves nothing behind`, async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'bramble-crash-'))
    await removeGroups() // of a run that was killed
    t.after(async () => {
      await removeGroups()
      await rm(folder, { recursive: true })
    })
    await new CrashTest(folder).run()
  })
} else privateHostTest(import.meta.filename, { timeoutMs: RUN_MS_MAX })

class CrashTest {
  readonly #folder: string
  readonly #random = seeded(SEED)
  readonly #wanted = new Map<string, Pod>()
  #version = 0

  constructor(folder: string) {
    this.#folder = folder
  }

  async run(): Promise<void> {
    for (let kill = 1; kill <= KILLS; kill++) {
      await this.#change()
      await this.#liveAndDie(this.#point())
      this.#assertNoneTwice((await look()).running)
      if (kill % KILLS_IN_A_ROW === 0 || kill === KILLS) await this.#converge()
    }
    this.#wanted.clear()
    await this.#save()
    await this.#converge()
  }

  /** Pods come, pods go: asked to leave, or just not there any more. */
  async #change(): Promise<void> {
    const names = [...this.#wanted].filter(([, pod]) => !pod.metadata.deletionTimestamp).map(([name]) => name)
    if (names.length < PODS_MAX && (names.length === 0 || this.#random() < 0.6)) {
      const name = `pod-${++this.#version}`
      this.#wanted.set(name, aPod(name, randomUUID()))
    } else {
      const name = names[Math.floor(this.#random() * names.length)]!
      if (this.#random() < 0.7) this.#wanted.set(name, leaving(this.#wanted.get(name)!))
      else this.#wanted.delete(name)
    }
    await this.#save()
  }

  #save(): Promise<void> {
    return assign(this.#folder, [...this.#wanted.values()], `v${++this.#version}`)
  }

  #point(): KillPoint {
    return {
      operation: 1 + Math.floor(this.#random() ** 2 * OPERATIONS_MAX),
      when: (['before', 'during', 'after'] as const)[Math.floor(this.#random() * 3)]!,
      afterMs: Math.floor(this.#random() * DURING_MS_MAX),
    }
  }

  async #liveAndDie(point: KillPoint): Promise<void> {
    const { ended, kill } = this.#start(JSON.stringify(point))
    const over = new AbortController()
    await Promise.race([ended, systemClock.sleep(LIFE_MS_MAX, over.signal)])
    over.abort()
    kill()
    await ended
  }

  async #converge(): Promise<void> {
    const { ended, kill, outputPath } = this.#start()
    try {
      const names = [...this.#wanted].filter(([, pod]) => !pod.metadata.deletionTimestamp).map(([name]) => name)
      const running = names.flatMap((name) => [`${name}/a`, `${name}/b`]).sort()
      await waitFor(
        `${names.join(', ') || 'nothing'} to run and nothing else to be there`,
        async () => {
          const seen = await look()
          this.#assertNoneTwice(seen.running)
          if (JSON.stringify(seen) !== JSON.stringify({ running, pods: names.sort() })) return false
          return names.length > 0 || Object.values(await traces(this.#folder)).flat().length === 0
        },
        {
          limitMs: LIMIT_MS,
          explain: async () =>
            `leaving: ${[...this.#wanted.values()].filter(({ metadata }) => metadata.deletionTimestamp).map(({ metadata }) => metadata.name)}\n${JSON.stringify(await look())}\n${JSON.stringify(await traces(this.#folder), null, 1)}\n${await readFile(outputPath, 'utf8')}`,
        },
      )
    } finally {
      kill()
      await ended
    }
  }

  #assertNoneTwice(running: readonly string[]): void {
    assert.deepEqual(running, [...new Set(running)], 'two attempts of one container run')
  }

  #start(...point: readonly string[]) {
    const outputPath = join(this.#folder, 'agent.log')
    const program = join(import.meta.dirname, 'agent-under-test.ts')
    const { pid, ended } = startDetached(process.execPath, [program, this.#folder, ...point], { outputPath })
    let hasEnded = false
    void ended.then(() => {
      hasEnded = true
    })
    return { ended, outputPath, kill: () => void (hasEnded || process.kill(pid, 'SIGKILL')) }
  }
}
