import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonObject } from '@bramble/api/object'
import type { ManagedFieldsEntry } from './managed-fields/managers.ts'
import { aConfigMap, bench, CONFIG_MAPS } from './test-bench.ts'

const config = (data: JsonObject): JsonObject => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'y' }, data })
const letters = [...'abcdefghij']

test('of many who apply at once to nothing one makes the object, and all have what they state', async (t) => {
  const { service, context } = await bench(t)
  const results = await Promise.all(
    letters.map((letter) => service.apply(CONFIG_MAPS, 'default/y', config({ [letter]: '1' }), context({ fieldManager: letter }))),
  )
  assert.equal(results.filter(({ isNew }) => isNew).length, 1)
  const object = await service.get(CONFIG_MAPS, 'default/y')
  assert.deepEqual(Object.keys((object as unknown as { data: JsonObject }).data).sort(), letters)
  const owned = (object.metadata.managedFields as ManagedFieldsEntry[]).map(({ manager, fieldsV1 }) => [manager, fieldsV1])
  assert.deepEqual(
    owned,
    letters.map((letter) => [letter, { 'f:data': { [`f:${letter}`]: {} } }]),
  )
})

test('an apply meets deletions, patches and creations of others, and always ends', async (t) => {
  const { service, context } = await bench(t)
  const others = (round: number): Promise<unknown>[] => [
    service.create(CONFIG_MAPS, 'default', aConfigMap('y', { made: '1' }), context({ fieldManager: `maker${round}` })),
    service.patch(CONFIG_MAPS, 'default/y', 'merge', { data: { [`p${round}`]: '1' } }, context({ fieldManager: 'patcher' })),
    service.delete(CONFIG_MAPS, 'default/y', {}, context()),
  ]
  const applies: Promise<unknown>[] = []
  const all: Promise<unknown>[] = []
  for (let round = 0; round < 30; round++) {
    applies.push(service.apply(CONFIG_MAPS, 'default/y', config({ a: '1' }), context({ fieldManager: 'A', force: true })))
    all.push(...others(round))
  }
  await Promise.all(applies)
  await Promise.allSettled(all)
  const { object } = await service.apply(CONFIG_MAPS, 'default/y', config({ a: '2' }), context({ fieldManager: 'A', force: true }))
  assert.equal((object as unknown as { data: JsonObject }).data['a'], '2')
})
