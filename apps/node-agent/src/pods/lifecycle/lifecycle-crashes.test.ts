import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pod } from '@bramble/api/types/pod'
import { seeded } from '@bramble/reconcile/sim/seeded'
import type { FakeOperation } from '../../runtime/fake/fake-runtime.ts'
import { RuntimeError } from '../../runtime/runtime.ts'
import { aContainer, aPod, aScript, assertOnce, deleted, OPERATIONS, PodWorld } from '../pods-harness.ts'

// Pods with hooks, sidecars, changing resources and visitors, on a node where everything goes wrong.

const ALL: readonly FakeOperation[] = [...OPERATIONS, 'exec', 'updateContainer', 'updateSandbox']
const sh = (script: string) => ({ exec: { command: ['sh', '-c', script] } })

/** What people want; sizes and visitors change in the course of time. */
interface Wish {
  readonly memoryMi: number
  readonly visitors: number
}

const podsOf = ({ memoryMi, visitors }: Wish, status: (name: string) => Pod['status']): readonly Pod[] =>
  [
    aPod('hooked', {
      containers: [
        aContainer('main', { lifecycle: { postStart: sh('sleep 1'), preStop: sh('sleep 1') } }),
        aContainer('late', { lifecycle: { postStart: { sleep: { seconds: 1 } } } }),
      ],
    }),
    aPod('meshed', {
      initContainers: [
        aContainer('mesh', { restartPolicy: 'Always', lifecycle: { postStart: sh('true'), preStop: { sleep: { seconds: 1 } } } }),
        aScript('init', 'sleep 1'),
      ],
    }),
    aPod('sized', {
      containers: [
        aContainer('grows', { resources: { limits: { memory: `${memoryMi}Mi`, cpu: '500m' } } }),
        aContainer('anew', {
          resources: { limits: { memory: `${memoryMi}Mi` } },
          resizePolicy: [{ resourceName: 'memory', restartPolicy: 'RestartContainer' }],
        }),
      ],
    }),
    aPod('visited', {
      ephemeralContainers: Array.from({ length: visitors }, (_, index) => aScript(`visitor-${index}`, 'sleep 2; exit 1')),
    }),
  ].map((pod) => {
    const told = status(pod.metadata.name)
    return told ? { ...pod, status: told } : pod
  })

const NAMES = ['hooked', 'meshed', 'sized', 'visited']
const SETTLED = [['late', 'main'], ['main', 'mesh'], ['anew', 'grows'], ['main']]

test('whatever happens, pods with hooks, sidecars, new sizes and visitors end as they should, each container once', async () => {
  for (let seed = 1; seed <= 30; seed++) {
    const random = seeded(seed)
    const world = new PodWorld(seed, true)
    let wish: Wish = { memoryMi: 64, visitors: 0 }
    const assign = () => world.assign(...podsOf(wish, (name) => world.status(name)))
    const fail = (times: number) => {
      const operation = ALL[Math.floor(random() * ALL.length)]!
      world.runtime.failNext(operation, new RuntimeError(operation === 'exec' ? 'ExecTimeout' : 'RuntimeUnavailable', 'broken'), times)
    }
    await assign()
    for (let event = 0; event < 25; event++) {
      await world.pass(random() < 0.4 ? random() * 600 : random() * 4_000)
      const running = world.runtime.running()
      const choice = random()
      if (choice < 0.25 && running.length > 0)
        world.runtime.crash(running[Math.floor(random() * running.length)]!.id, random() < 0.5 ? 0 : 1)
      else if (choice < 0.35) world.runtime.reboot()
      else if (choice < 0.55) fail(2)
      else if (choice < 0.7) {
        wish = { memoryMi: 32 + Math.floor(random() * 8) * 16, visitors: Math.min(3, wish.visitors + Math.floor(random() * 2)) }
        await assign()
      } else {
        await world.killAgent()
        if (random() < 0.3) world.runtime.reboot()
        world.startAgent()
        await assign()
      }
      assertOnce(await world.observed(), `seed ${seed}`)
    }
    await world.pass(900_000)
    assert.deepEqual(
      NAMES.map((name) => world.running(name)),
      SETTLED,
      `seed ${seed}`,
    )
    checkSizes(world, wish, seed)
    for (const name of NAMES) assert.ok(isReady(world, name), `seed ${seed}: ${name} is ready`)
    for (let index = 0; index < wish.visitors; index++)
      assert.ok(visitsOf(world, `visitor-${index}`) <= 1, `seed ${seed}: visitor-${index} came once`)
    const settled = [world.reports.length, world.runtime.updates.length, world.runtime.execs.length]
    await world.pass(600_000)
    assert.deepEqual([world.reports.length, world.runtime.updates.length, world.runtime.execs.length], settled, `seed ${seed}: settled`)
  }
})

for (const operation of ALL)
  test(`they leave as well when the agent dies and ${operation} fails at any moment`, async () => {
    for (let after = 0; after < 10; after++) {
      const world = new PodWorld(1, true)
      const pods = podsOf({ memoryMi: 64, visitors: 1 }, () => undefined)
      await world.assign(...pods)
      await world.pass(6_000)
      const leaving = pods.map((pod) => deleted(pod, 6))
      await world.assign(...leaving)
      await world.pass(after * 300)
      world.runtime.failNext(operation, new RuntimeError('RuntimeUnavailable', 'broken'), 1 + (after % 3))
      await world.killAgent()
      world.startAgent()
      await world.assign(...leaving)
      await world.pass(300_000)
      for (const name of NAMES) assert.ok(world.isGone(name), `${name} is gone`)
      assert.deepEqual(await world.runtime.observe(), [])
    }
  })

const isReady = (world: PodWorld, name: string): boolean =>
  world.status(name)?.conditions?.find(({ type }) => type === 'Ready')?.status === 'True'

/** How often it was started, as people were told. */
const visitsOf = (world: PodWorld, name: string): number =>
  world.reports.filter(
    (report) =>
      report.type === 'event' &&
      report.event.reason === 'Started' &&
      report.event.message === `Started container ${name}` &&
      report.event.count === 1,
  ).length

/** By config of those that started with it, by update of the others. */
function checkSizes(world: PodWorld, { memoryMi }: Wish, seed: number): void {
  for (const state of world.runtime.running('uid-sized')) {
    const has = state.resources?.memoryLimitBytes ?? world.runtime.configOf(state.id)?.resources.memoryLimitBytes
    assert.equal(has, memoryMi * 2 ** 20, `seed ${seed}: ${state.name}`)
  }
}
