import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { KubeObject } from '@bramble/api/object'
import { seeded } from '@bramble/reconcile/sim/seeded'
import type { ClientEvent } from './client.ts'
import { LocalClient } from './local-client.ts'
import { aConfigMap, aPod, bench, type Bench, CONFIG_MAPS, names, PODS, specOf } from './test-bench.ts'

const owned = (uid: string): { ownerReferences: { apiVersion: string; kind: string; name: string; uid: string }[] } => ({
  ownerReferences: [{ apiVersion: 'v1', kind: 'ConfigMap', name: uid, uid }],
})
const configMap = (name: string, metadata: object = {}): KubeObject =>
  ({ metadata: { name, namespace: 'default', ...metadata } }) as KubeObject

test('reads are there with the write, frozen, and by selector', async (t) => {
  const { client } = await bench(t)
  const made = await client.create(CONFIG_MAPS, configMap('a', { labels: { app: 'web' } }))
  assert.equal(client.get(CONFIG_MAPS, 'default/a'), made)
  assert.equal(client.get(CONFIG_MAPS, 'default/b'), undefined)
  await client.create(CONFIG_MAPS, configMap('b'))
  assert.deepEqual(names({ items: client.list(CONFIG_MAPS) }), ['a', 'b'])
  assert.deepEqual(names({ items: client.list(CONFIG_MAPS, { selector: { matchLabels: { app: 'web' } } }) }), ['a'])
  assert.deepEqual(names({ items: client.list(CONFIG_MAPS, { fields: [{ path: 'metadata.name', operator: '!=', value: 'a' }] }) }), ['b'])
  assert.deepEqual(names({ items: client.list(CONFIG_MAPS, { namespace: 'other' }) }), [])
})

test('what an owner owns is known the moment it is written, changed or deleted', async (t) => {
  const { client, service, context } = await bench(t)
  const ownedBy = (uid: string): string[] => names({ items: client.list(CONFIG_MAPS, { ownerUid: uid }) })
  const made = await client.create(CONFIG_MAPS, configMap('b', owned('u1')))
  assert.deepEqual(ownedBy('u1'), ['b'])
  await client.create(CONFIG_MAPS, configMap('a', owned('u1')))
  await service.create(PODS, 'default', aPod('p', {}, owned('u1')), context())
  assert.deepEqual(ownedBy('u1'), ['a', 'b'])
  await client.update(CONFIG_MAPS, { ...made, metadata: { ...made.metadata, ...owned('u2') } })
  assert.deepEqual([ownedBy('u1'), ownedBy('u2')], [['a'], ['b']])
  await client.delete(CONFIG_MAPS, 'default/a')
  assert.deepEqual([ownedBy('u1'), ownedBy('nobody')], [[], []])
})

test('updates compare and swap, patches do not, and deletes may name whom they mean', async (t) => {
  const { client } = await bench(t)
  const made = await client.create(CONFIG_MAPS, configMap('a'))
  await client.patch(CONFIG_MAPS, 'default/a', { metadata: { labels: { a: '1' } } })
  await assert.rejects(client.update(CONFIG_MAPS, made), { reason: 'Conflict' })
  await assert.rejects(client.delete(CONFIG_MAPS, 'default/a', { uid: 'other' }), { reason: 'Conflict' })
  await client.delete(CONFIG_MAPS, 'default/a', { uid: made.metadata.uid })
  await assert.rejects(client.delete(CONFIG_MAPS, 'default/a'), { reason: 'NotFound' })
})

test('a field that the schema does not know is dropped, and somebody is told', async (t) => {
  const { store, service } = await bench(t)
  const warnings: string[] = []
  const client = new LocalClient({
    store,
    resources: service,
    warn: (message) => {
      warnings.push(message)
    },
  })
  const made = await client.create(CONFIG_MAPS, { ...configMap('a'), future: 1 } as KubeObject)
  assert.equal('future' in made, false)
  assert.deepEqual(warnings, ['unknown field "future"'])
})

test('binds, and writes the status only when asked to', async (t) => {
  const { client } = await bench(t)
  const pod = await client.create(PODS, aPod('a', {}, { namespace: 'default' }) as unknown as KubeObject)
  await client.bind('default/a', pod.metadata.uid, 'pi-1')
  const bound = client.get(PODS, 'default/a')!
  assert.equal(specOf(bound)['nodeName'], 'pi-1')
  const status = { phase: 'Running' }
  const updated = await client.updateStatus(PODS, { ...bound, status } as KubeObject)
  assert.deepEqual((updated as KubeObject & { status: object }).status, status)
})

/** Follows a watch into a map, and counts its events. */
function follow({ client }: Bench, signal: AbortSignal): { state: Map<string, KubeObject>; done: Promise<void>; problems: string[] } {
  const state = new Map<string, KubeObject>()
  const problems: string[] = []
  const take = ({ type, object, previous }: ClientEvent<KubeObject>): void => {
    const { name, resourceVersion } = object.metadata
    if ((type === 'ADDED') === state.has(name)) problems.push(`${type} ${name} at ${resourceVersion}`)
    if (previous === object && type === 'MODIFIED') problems.push(`${name} did not change`)
    if (previous !== state.get(name)) problems.push(`${type} ${name}: wrong previous`)
    if (type === 'DELETED') state.delete(name)
    else state.set(name, object)
  }
  const done = (async () => {
    for await (const event of client.watch(CONFIG_MAPS, signal)) take(event)
  })()
  return { state, done, problems }
}

for (const historyMax of [3, 1000])
  test(`a watch ends up with what is there, in consistent steps (history of ${historyMax})`, async (t) => {
    for (let seed = 1; seed <= 20; seed++) {
      const b = await bench(t, { historyMax })
      const random = seeded(seed)
      const stop = new AbortController()
      const { state, done, problems } = follow(b, stop.signal)
      for (let step = 0; step < 40; step++) {
        const name = 'abcd'[Math.floor(random() * 4)]!
        const write =
          random() < 0.3
            ? b.client.delete(CONFIG_MAPS, `default/${name}`)
            : b.client.get(CONFIG_MAPS, `default/${name}`)
              ? b.client.patch(CONFIG_MAPS, `default/${name}`, { data: { step: String(step) } })
              : b.service.create(CONFIG_MAPS, 'default', aConfigMap(name), b.context())
        if (random() < 0.5) await Promise.resolve(write).catch(() => {})
        else void Promise.resolve(write).catch(() => {})
      }
      await b.clock.advance(1) // lets every write and event through
      const expected = new Map(b.client.list(CONFIG_MAPS).map((object) => [object.metadata.name, object]))
      assert.deepEqual(state, expected, `seed ${seed}`)
      assert.deepEqual(problems, [], `seed ${seed}`)
      stop.abort()
      await done
    }
  })
