import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Container, Pod } from '@bramble/api/types/pod'
import type { FakeRuntime } from '../runtime/fake/fake-runtime.ts'
import { aContainer, aPod, deleted, PodWorld } from './pods-harness.ts'

const PODS = 110
const probe = { exec: { command: ['sh', '-c', 'sleep 0.1'] }, periodSeconds: 1, timeoutSeconds: 5 }
const container: Container = aContainer('main', {
  livenessProbe: probe,
  readinessProbe: probe,
  lifecycle: { preStop: { sleep: { seconds: 3 } } },
})
const many: readonly Pod[] = Array.from({ length: PODS }, (_, index) =>
  aPod(`web-${index}`, { containers: [container], terminationGracePeriodSeconds: 10 }),
)

/** Counts how many calls of a kind are under way at once. */
function counting(runtime: FakeRuntime, method: 'startContainer' | 'exec'): { most: number } {
  const count = { now: 0, most: 0 }
  const real = runtime[method].bind(runtime) as (...args: unknown[]) => Promise<unknown>
  Object.assign(runtime, {
    [method]: async (...args: unknown[]) => {
      count.most = Math.max(count.most, ++count.now)
      try {
        return await real(...args)
      } finally {
        count.now--
      }
    },
  })
  return count
}

test('110 pods at once: all run, few are worked on at a time, and their probes do not storm the runtime', async () => {
  const world = new PodWorld(1, true)
  const [starts, execs] = [counting(world.runtime, 'startContainer'), counting(world.runtime, 'exec')]
  await world.assign(...many)
  await world.pass(60_000)
  assert.equal(world.runtime.running().length, PODS)
  assert.ok(starts.most <= 6, `${starts.most} starts at once`)
  assert.ok(execs.most <= 4, `${execs.most} commands at once`)
  for (const { metadata } of many)
    assert.equal(world.status(metadata.name)?.conditions?.find(({ type }) => type === 'Ready')?.status, 'True', metadata.name)
  const statuses = world.reports.filter(({ type }) => type === 'pod-status').length
  assert.ok(statuses <= PODS * 6, `${statuses} statuses`)
})

test('they all leave together: grace periods hold up nobody', async () => {
  const world = new PodWorld(1, true)
  await world.assign(...many)
  await world.pass(60_000)
  await world.assign(...many.map((pod) => deleted(pod, 10)))
  await world.pass(30_000)
  for (const { metadata } of many) assert.ok(world.isGone(metadata.name), metadata.name)
  assert.deepEqual(await world.runtime.observe(), [])
})
