import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { OwnerReference } from '@bramble/api/object'
import type { ConfigMap, Lease } from '@bramble/api/types/core'
import { Registry } from '../../api/registry.ts'
import { allResources } from '../../resources/all.ts'
import { configMaps } from '../../resources/config-map.ts'
import { leases } from '../../resources/lease.ts'
import { nodes } from '../../resources/node.ts'
import { type TestBench, testBench } from '../test-bench.ts'
import { garbageCollector } from './controller.ts'

const collector = (t: TestContext) => testBench(t, [garbageCollector(new Registry(allResources))])
const left = ({ client }: TestBench): string[] => client.list(configMaps).map((each) => each.metadata.name)

/** A ConfigMap with owners; `uid` stands in for an owner of that name which is another one. */
async function make(
  { client }: TestBench,
  name: string,
  owners: readonly string[] = [],
  { uid, blocks = false, finalizers }: { uid?: string; blocks?: boolean; finalizers?: string[] } = {},
): Promise<void> {
  const ownerReferences = owners.map(
    (owner): OwnerReference => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      name: owner,
      uid: uid ?? client.get(configMaps, `default/${owner}`)!.metadata.uid,
      ...(blocks && { blockOwnerDeletion: true }),
    }),
  )
  await client.create<ConfigMap>(configMaps, {
    metadata: { name, namespace: 'default', ...(owners.length > 0 && { ownerReferences }), ...(finalizers && { finalizers }) },
  })
}
const remove = ({ client }: TestBench, name: string, propagationPolicy?: 'Background' | 'Foreground' | 'Orphan'): Promise<void> =>
  client.delete(configMaps, `default/${name}`, propagationPolicy ? { propagationPolicy } : {})

test('what an object owned goes after it, and what that owned', async (t) => {
  const bench = await collector(t)
  await make(bench, 'a')
  await make(bench, 'b', ['a'])
  await make(bench, 'c', ['b'])
  await make(bench, 'z')
  await bench.pass(1)
  assert.deepEqual(left(bench), ['a', 'b', 'c', 'z'])
  await remove(bench, 'a')
  await bench.pass(1)
  assert.deepEqual(left(bench), ['z'])
})

test('an owner of the same name but another uid is not the owner', async (t) => {
  const bench = await collector(t)
  await make(bench, 'a')
  await make(bench, 'b', ['a'], { uid: 'somebody-else' })
  await bench.pass(1)
  assert.deepEqual(left(bench), ['a'])
})

test('with another owner left only the reference goes', async (t) => {
  const bench = await collector(t)
  for (const name of ['a', 'b']) await make(bench, name)
  await make(bench, 'c', ['a', 'b'])
  await remove(bench, 'a')
  await bench.pass(1)
  assert.deepEqual(left(bench), ['b', 'c'])
  assert.deepEqual(
    bench.client.get(configMaps, 'default/c')!.metadata.ownerReferences?.map(({ name }) => name),
    ['b'],
  )
})

test('orphaning lets them go first', async (t) => {
  const bench = await collector(t)
  await make(bench, 'a')
  await make(bench, 'b', ['a'])
  await remove(bench, 'a', 'Orphan')
  await bench.pass(1)
  assert.deepEqual(left(bench), ['b'])
  assert.equal(bench.client.get(configMaps, 'default/b')!.metadata.ownerReferences?.length ?? 0, 0)
})

test('in the foreground the owner goes last, after those that block it', async (t) => {
  const bench = await collector(t)
  await make(bench, 'a')
  await make(bench, 'b', ['a'], { blocks: true })
  await make(bench, 'c', ['b'], { blocks: true, finalizers: ['example.com/hold'] })
  await remove(bench, 'a', 'Foreground')
  await bench.pass(1)
  assert.deepEqual(left(bench), ['a', 'b', 'c'])
  await bench.client.patch(configMaps, 'default/c', { metadata: { finalizers: [] } })
  await bench.pass(1)
  assert.deepEqual(left(bench), [])
})

test('a cluster-scoped owner of another kind counts in every namespace; an unknown kind keeps what it owns', async (t) => {
  const bench = await collector(t)
  await bench.addNode('pi')
  const node = { apiVersion: 'v1', kind: 'Node', name: 'pi', uid: bench.client.get(nodes, 'pi')!.metadata.uid }
  const lease = (name: string, owner: OwnerReference) =>
    bench.client.create<Lease>(leases, { metadata: { name, namespace: 'default', ownerReferences: [owner] }, spec: {} })
  await lease('pi', node)
  await lease('strange', { apiVersion: 'example.com/v1', kind: 'Thing', name: 'x', uid: 'x' })
  await bench.pass(1)
  assert.equal(bench.client.list(leases).length, 2)
  await bench.client.delete(nodes, 'pi')
  await bench.pass(1)
  assert.deepEqual(
    bench.client.list(leases).map((each) => each.metadata.name),
    ['strange'],
  )
})

test('a large family goes as well', async (t) => {
  const bench = await collector(t)
  await make(bench, 'a')
  for (let index = 0; index < 300; index++) await make(bench, `b-${index}`, ['a'])
  await remove(bench, 'a')
  await bench.pass(1)
  assert.deepEqual(left(bench), [])
})
