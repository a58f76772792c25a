import assert from 'node:assert/strict'
import { test } from 'node:test'
import { simEnv } from '@bramble/reconcile/sim/sim-env'
import { FakeRuntime } from '../runtime/fake/fake-runtime.ts'
import { RuntimeOperations } from './runtime-operations.ts'

function aRuntime(pullMs = 0) {
  const env = simEnv()
  const operations = new RuntimeOperations(env.clock)
  const runtime = new FakeRuntime({ clock: env.clock, pullMs })
  const series = (name: string) =>
    operations
      .families()
      .find((family) => family.name === `kubelet_runtime_operations_${name}`)!
      .samples.map(({ labels, value, suffix = '' }) => `${labels['operation_type']}${suffix} ${value}`)
  return { env, runtime, watched: operations.watch(runtime), series }
}

test('what a runtime is asked for counts under kubelet’s names, failures too', async () => {
  const { watched, series } = aRuntime()
  await watched.observe()
  await watched.observe()
  await assert.rejects(watched.startContainer('nobody'))
  assert.deepEqual(series('total'), ['list_podsandbox 2', 'start_container 1'])
  assert.deepEqual(series('errors_total'), ['start_container 1'])
})

test('a duration is that of the whole operation', async () => {
  const { env, watched, series } = aRuntime(4_000)
  const pulled = watched.pullImage('web:1', [], new AbortController().signal)
  await env.clock.advance(4_000)
  await pulled
  assert.ok(series('duration_seconds').includes('pull_image_sum 4'), series('duration_seconds').join('\n'))
})

test('it is the same runtime in all else: name, what it cannot do, what is not counted', async () => {
  const { runtime, watched } = aRuntime()
  assert.deepEqual([watched.name, typeof watched.reopenLog, await watched.imageFolder()], ['fake', typeof runtime.reopenLog, '/'])
})
