import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { KubeObject, ObjectKey } from '@bramble/api/object'
import { SETTLED } from '@bramble/reconcile/reconciler'
import { simEnv } from '@bramble/reconcile/sim/sim-env'
import type { ApiClient, ClientEvent } from '../api/client.ts'
import { Registry } from '../api/registry.ts'
import type { ResourceDefinition } from '../api/resource.ts'
import { configMaps } from '../resources/config-map.ts'
import { secrets } from '../resources/secret.ts'
import { type ControllerDefinition, wake } from './controller.ts'
import { runControllers } from './manager.ts'
import { testBench } from './test-bench.ts'

/** Notes what it is called for. */
const noting = (runs: ObjectKey[], extra: Partial<ControllerDefinition> = {}): ControllerDefinition => ({
  name: 'noting',
  primary: configMaps,
  wakes: [],
  concurrency: 1,
  create: () => ({
    reconcile: async (key) => {
      runs.push(key)
      return SETTLED
    },
  }),
  ...extra,
})

test('a controller is called for what is there, for each change, and for what wakes it', async (t) => {
  const runs: ObjectKey[] = []
  const bench = await testBench(t, [noting(runs, { wakes: [wake(secrets, ({ object }) => [`default/of-${object.metadata.name}`])] })])
  await bench.client.create(configMaps, { metadata: { name: 'a', namespace: 'default' } })
  await bench.pass(1)
  await bench.client.patch(configMaps, 'default/a', { data: { x: '1' } })
  await bench.pass(1)
  await bench.client.create(secrets, { metadata: { name: 's', namespace: 'default' } })
  await bench.pass(1)
  await bench.client.delete(configMaps, 'default/a')
  await bench.pass(1)
  assert.deepEqual(runs, ['default/a', 'default/a', 'default/of-s', 'default/a'])
})

test('two controllers of one kind are both called', async (t) => {
  const runs: ObjectKey[] = []
  const others: ObjectKey[] = []
  const bench = await testBench(t, [noting(runs), noting(others)])
  await bench.client.create(configMaps, { metadata: { name: 'a', namespace: 'default' } })
  await bench.pass(1)
  assert.deepEqual([runs, others], [['default/a'], ['default/a']])
})

/** A client whose watch tells nothing and breaks `breaks` times before it stays open. */
function breakingClient(present: readonly KubeObject[], breaks: number): { client: ApiClient; watches: () => number } {
  let watches = 0
  const client = {
    list: () => present,
    async *watch(_resource: ResourceDefinition, signal: AbortSignal): AsyncGenerator<ClientEvent<KubeObject>> {
      if (++watches <= breaks) throw new Error('the watch broke')
      for (const object of present) yield { type: 'ADDED', object }
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
    },
  } as unknown as ApiClient
  return { client, watches: () => watches }
}

const kinds = new Registry([configMaps])
const settings = { podNetwork: '', nodePrefix: 24, nodeGraceMs: 1 }
const events = { as: () => ({ record: () => {} }) }
const aMap: KubeObject = { metadata: { name: 'a', namespace: 'default', uid: 'a', resourceVersion: '1', creationTimestamp: '' } }

test('a watch that breaks is opened again, with pauses, and everything is looked at once more', async () => {
  const env = simEnv(1)
  const runs: ObjectKey[] = []
  const { client, watches } = breakingClient([aMap], 3)
  const stop = new AbortController()
  const done = runControllers([noting(runs)], { client, kinds, env, events, settings }, stop.signal)
  await env.clock.advance(0)
  assert.equal(watches(), 1)
  await env.clock.advance(60_000)
  assert.equal(watches(), 4)
  assert.deepEqual(new Set(runs), new Set(['default/a']))
  assert.ok(runs.length > 1)
  stop.abort()
  await done
})

test('a watch that never comes back stops everything with its error', async () => {
  const env = simEnv(1)
  const { client } = breakingClient([], Infinity)
  const done = assert.rejects(
    runControllers([noting([])], { client, kinds, env, events, settings }, new AbortController().signal),
    /the watch broke/,
  )
  await env.clock.advance(10 * 60_000)
  await done
})
