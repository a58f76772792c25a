import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { JsonObject, KubeObject } from '@bramble/api/object'
import { simEnv } from '@bramble/reconcile/sim/sim-env'
import { storeKey } from '../../store/keys.ts'
import { MemoryBackend, type MemoryDisk } from '../../store/backend/memory.ts'
import { openStore, type Store } from '../../store/store.ts'
import { Registry } from '../registry.ts'
import type { ResourceDefinition } from '../resource.ts'
import { aCrd, aVersion } from './crd.fixture.ts'
import { followCustomKinds } from './custom-kinds.ts'

const CRDS = { group: 'apiextensions.k8s.io', plural: 'customresourcedefinitions' }
const POD: ResourceDefinition = {
  group: 'example.com',
  version: 'v1',
  kind: 'Pod',
  plural: 'pods',
  scope: 'Namespaced',
  durability: 'durable',
  schema: { type: 'any' },
  columns: [],
}

async function open(t: TestContext, disk?: MemoryDisk) {
  const env = simEnv(1)
  const store = await openStore(new MemoryBackend(disk), { env, volatile: () => false })
  t.after(() => store.close())
  const registry = new Registry([POD])
  await followCustomKinds(store, registry, env)
  return { store, registry, clock: env.clock }
}

/** A definition as the store holds it. */
const stored = (body: JsonObject, { uid = 'a', generation = 1, established = 'True' } = {}): KubeObject =>
  ({
    ...body,
    metadata: { ...(body['metadata'] as object), uid, generation, creationTimestamp: '2026-01-01T00:00:00Z' },
    status: { conditions: [{ type: 'Established', status: established }] },
  }) as unknown as KubeObject

async function put(store: Store, value: KubeObject): Promise<void> {
  const key = storeKey(CRDS, value.metadata.name)
  await store.commit([{ op: 'put', key, value, expect: store.get(key)?.modified ?? 'absent' }])
}

test('a kind is served in the instant in which its definition can be read as Established, not before', async (t) => {
  const { store, registry } = await open(t)
  let seen: boolean | undefined
  await put(store, stored(aCrd({}), { established: 'False' }))
  assert.equal(registry.find('example.com', 'v1', 'widgets'), undefined)
  store.onChange(() => {
    seen = registry.find('example.com', 'v1', 'widgets') !== undefined
  })
  await put(store, stored(aCrd({})))
  assert.equal(seen, true)
})

test('after a restart the kinds are there, their rules at work', async (t) => {
  const spec = {
    type: 'object',
    properties: { n: { type: 'integer' }, s: { type: 'string', pattern: '^a$' } },
    'x-kubernetes-validations': [{ rule: 'self.n > 0' }],
  }
  const first = await open(t)
  await put(first.store, stored(aCrd({ spec })))
  const again = new Registry([POD])
  await followCustomKinds(first.store, again, simEnv(2))
  const widgets = again.find('example.com', 'v1', 'widgets')!
  const object = { metadata: { name: 'w' }, spec: { n: 0, s: 'b' } } as unknown as KubeObject
  assert.deepEqual(
    widgets.validate?.(object, undefined).map(({ path }) => path),
    ['spec.s', 'spec'],
  )
})

test('a definition that changes is replaced, and watches of the old one end a little later', async (t) => {
  const { store, registry, clock } = await open(t)
  await put(store, stored(aCrd({})))
  const before = registry.find('example.com', 'v1', 'widgets')!
  const { generation } = registry
  await put(store, stored({ ...aCrd({}), metadata: { name: 'widgets.example.com', labels: { a: 'b' } } }))
  assert.equal(registry.generation, generation)
  assert.equal(registry.find('example.com', 'v1', 'widgets'), before)

  await put(store, stored(aCrd({ versions: [aVersion('v1', { served: false }), aVersion('v2', { storage: false })] }), { generation: 2 }))
  assert.equal(registry.find('example.com', 'v1', 'widgets'), undefined)
  assert.equal(registry.find('example.com', 'v2', 'widgets')?.storage?.resource.version, 'v1')
  assert.equal(registry.stored().find(({ plural }) => plural === 'widgets')?.version, 'v1')
  assert.equal(before.custom?.gone.aborted, false)
  await clock.advance(1_000)
  assert.equal(before.custom?.gone.aborted, true)
})

test('a definition whose name is taken is not served; the others are', async (t) => {
  const { store, registry } = await open(t)
  const clash = aCrd({ crd: { names: { plural: 'pods', kind: 'Podlike' } } })
  await put(store, stored({ ...clash, metadata: { name: 'pods.example.com' } }))
  await put(store, stored(aCrd({}), { uid: 'b' }))
  assert.equal(registry.find('example.com', 'v1', 'pods'), POD)
  assert.ok(registry.find('example.com', 'v1', 'widgets'))
})

test('objects are shown as the schema is now, each once', async (t) => {
  const { store, registry } = await open(t)
  const spec = { type: 'object', properties: { a: { type: 'string', default: 'x' } } }
  await put(store, stored(aCrd({ spec })))
  const { storage } = registry.find('example.com', 'v1', 'widgets')!
  const old = {
    apiVersion: 'example.com/v1',
    kind: 'Widget',
    metadata: { name: 'w', labels: {} },
    spec: { gone: 1 },
  } as unknown as KubeObject
  const shown = storage!.fromStored(old)
  assert.deepEqual(shown, { ...old, spec: { a: 'x' } })
  assert.equal(storage!.fromStored(old), shown)
  assert.equal(shown.metadata, old.metadata)
  const current = { ...old, spec: { a: 'y' } } as unknown as KubeObject
  assert.equal(storage!.fromStored(current), current)
})
