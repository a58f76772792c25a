import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Registry } from './registry.ts'
import type { ResourceDefinition } from './resource.ts'

const kind = (group: string, version: string, name: string, more: Partial<ResourceDefinition> = {}): ResourceDefinition => ({
  group,
  version,
  kind: name,
  plural: `${name.toLowerCase()}s`,
  scope: 'Namespaced',
  durability: 'durable',
  schema: { type: 'any' },
  columns: [],
  ...more,
})
const through = (resource: ResourceDefinition): ResourceDefinition['storage'] => ({
  resource,
  toStored: (object) => object,
  fromStored: (object) => object,
})

test('kinds come and go, and whoever asked is told', () => {
  const registry = new Registry([kind('', 'v1', 'Pod')])
  const generations: number[] = []
  const stop = registry.onChange(() => generations.push(registry.generation))
  registry.setCustom([kind('zoo', 'v1', 'Cage')])
  assert.ok(registry.find('zoo', 'v1', 'cages'))
  assert.ok(registry.findApiVersionKind('zoo/v1', 'Cage'))
  registry.setCustom([])
  assert.equal(registry.find('zoo', 'v1', 'cages'), undefined)
  stop()
  registry.setCustom([kind('zoo', 'v1', 'Cage')])
  assert.deepEqual(generations, [2, 3])
})

test('a kind that clashes changes nothing', () => {
  const registry = new Registry([kind('', 'v1', 'Pod')])
  assert.throws(() => registry.setCustom([kind('zoo', 'v1', 'Cage'), kind('', 'v1', 'Pod')]), /registered twice/)
  assert.throws(() => registry.setCustom([kind('zoo', 'v1', 'Cage'), kind('zoo', 'v1', 'Cage', { plural: 'others' })]), /registered twice/)
  assert.deepEqual(
    registry.all().map(({ kind: name }) => name),
    ['Pod'],
  )
  assert.equal(registry.generation, 1)
})

test('of a kind in several versions one is stored, even when that one is not served', () => {
  const stored = kind('zoo', 'v1', 'Cage')
  const registry = new Registry([kind('', 'v1', 'Pod'), kind('', 'v1', 'Review', { verbs: ['create'] })])
  registry.setCustom([
    kind('zoo', 'v1beta1', 'Cage', { storage: through(stored) }),
    kind('zoo', 'v1alpha1', 'Cage', { storage: through(stored) }),
  ])
  assert.deepEqual(
    registry.stored().map(({ version, kind: name }) => `${version} ${name}`),
    ['v1 Pod', 'v1 Cage'],
  )
  assert.equal(registry.stored(), registry.stored())
})
