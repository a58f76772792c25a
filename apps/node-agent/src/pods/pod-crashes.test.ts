import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pod } from '@bramble/api/types/pod'
import { seeded } from '@bramble/reconcile/sim/seeded'
import { RuntimeError } from '../runtime/runtime.ts'
import { aContainer, aPod, aScript, assertOnce, deleted, OPERATIONS, PodWorld } from './pods-harness.ts'

const somePods = (): readonly Pod[] => [
  aPod('plain'),
  aPod('several', { initContainers: [aScript('init', 'sleep 1')], containers: [aContainer('a'), aContainer('b')] }),
  aPod('deaf', { containers: [aScript('main', "trap '' TERM; sleep infinity")] }),
]

for (const operation of OPERATIONS)
  test(`an agent dies at any time, ${operation} fails, and the next agent finishes all the same`, async () => {
    for (let after = 0; after < 12; after++) {
      const world = new PodWorld(1, true)
      const pods = somePods()
      await world.assign(...pods)
      await world.pass(after * 150)
      world.runtime.failNext(operation, new RuntimeError('RuntimeUnavailable', 'broken'), 1 + (after % 3))
      await world.killAgent()
      world.startAgent()
      await world.assign(...pods)
      await world.pass(400_000)
      assert.deepEqual([world.running('plain'), world.running('several'), world.running('deaf')], [['main'], ['a', 'b'], ['main']])
      world.runtime.failNext(operation, new RuntimeError('RuntimeUnavailable', 'broken'), 1)
      await world.assign(...pods.map((pod) => deleted(pod, 5)))
      await world.pass(300_000)
      for (const { metadata } of pods) assert.ok(world.isGone(metadata.name), `${metadata.name} is gone`)
      assert.deepEqual(await world.runtime.observe(), [])
    }
  })

test('whatever happens to a node, it ends with each pod running exactly once', async () => {
  for (let seed = 1; seed <= 40; seed++) {
    const random = seeded(seed)
    const world = new PodWorld(seed, true)
    const pods = somePods()
    await world.assign(...pods)
    for (let event = 0; event < 25; event++) {
      await world.pass(random() < 0.3 ? random() * 600 : random() * 5_000)
      const running = world.runtime.running()
      const choice = random()
      if (choice < 0.4 && running.length > 0)
        world.runtime.crash(running[Math.floor(random() * running.length)]!.id, random() < 0.5 ? 0 : 1)
      else if (choice < 0.55) world.runtime.reboot()
      else if (choice < 0.75)
        world.runtime.failNext(OPERATIONS[Math.floor(random() * OPERATIONS.length)]!, new RuntimeError('RuntimeUnavailable', 'broken'), 2)
      else {
        await world.killAgent()
        if (random() < 0.3) world.runtime.reboot()
        world.startAgent()
        await world.assign(...pods)
      }
      assertOnce(await world.observed(), `seed ${seed}`)
    }
    await world.pass(900_000)
    assert.deepEqual(
      [world.running('plain'), world.running('several'), world.running('deaf')],
      [['main'], ['a', 'b'], ['main']],
      `seed ${seed}`,
    )
    for (const { metadata } of pods)
      assert.equal(world.status(metadata.name)?.conditions?.find(({ type }) => type === 'Ready')?.status, 'True', `seed ${seed}`)
    const settled = world.reports.length
    await world.pass(600_000)
    assert.equal(world.reports.length, settled, `seed ${seed}: a settled node says nothing`)
  }
})
