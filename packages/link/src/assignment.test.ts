import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { KubeObject } from '@bramble/api/object'
import { seeded } from '@bramble/reconcile/sim/seeded'
import { applyAssignment, type Assigned } from './assignment.ts'
import type { Assignment } from './link.ts'

const object = (name: string, text = ''): KubeObject & { text: string } => ({
  kind: 'ConfigMap',
  text,
  metadata: { name, namespace: 'default', uid: name, resourceVersion: '1', creationTimestamp: '' },
})
const complete = (version: string, ...names: string[]): Assignment => ({
  type: 'complete',
  version,
  objects: names.map((name) => object(name)),
})
const increment = (after: string, version: string, upserts: string[], removals: string[] = []): Assignment => ({
  type: 'incremental',
  after,
  version,
  upserts: upserts.map((name) => object(name)),
  removals: removals.map((name) => ({ kind: 'ConfigMap', namespace: 'default', name })),
})
const held = (version: string, ...names: string[]): Assigned => applyAssignment(undefined, complete(version, ...names)) as Assigned
const shown = (assigned: Assigned | 'resync'): unknown =>
  assigned === 'resync' ? 'resync' : [assigned.version, ...assigned.objects.keys()]

const cases: readonly { name: string; current: Assigned | undefined; message: Assignment; next: unknown }[] = [
  { name: 'a complete one needs nothing before it', current: undefined, message: complete('v1', 'a'), next: ['v1', 'ConfigMap default/a'] },
  {
    name: 'a complete one replaces everything',
    current: held('v1', 'a', 'b'),
    message: complete('v9', 'c'),
    next: ['v9', 'ConfigMap default/c'],
  },
  { name: 'an empty complete one takes everything away', current: held('v1', 'a'), message: complete('v2'), next: ['v2'] },
  {
    name: 'an increment adds',
    current: held('v1', 'a'),
    message: increment('v1', 'v2', ['b']),
    next: ['v2', 'ConfigMap default/a', 'ConfigMap default/b'],
  },
  {
    name: 'an increment removes',
    current: held('v1', 'a', 'b'),
    message: increment('v1', 'v2', [], ['a']),
    next: ['v2', 'ConfigMap default/b'],
  },
  {
    name: 'an object removed and made again under its name is kept',
    current: held('v1', 'a'),
    message: increment('v1', 'v2', ['a'], ['a']),
    next: ['v2', 'ConfigMap default/a'],
  },
  { name: 'removing what is not there does no harm', current: held('v1'), message: increment('v1', 'v2', [], ['a']), next: ['v2'] },
  {
    name: 'a repeated increment changes nothing',
    current: held('v2', 'a'),
    message: increment('v1', 'v2', ['b']),
    next: ['v2', 'ConfigMap default/a'],
  },
  {
    name: 'an increment that builds on something else asks for all',
    current: held('v1', 'a'),
    message: increment('v7', 'v8', ['b']),
    next: 'resync',
  },
  { name: 'an increment with nothing before it asks for all', current: undefined, message: increment('v1', 'v2', ['b']), next: 'resync' },
]
for (const { name, current, message, next } of cases) test(name, () => assert.deepEqual(shown(applyAssignment(current, message)), next))

test('the state before stays as it was', () => {
  const before = held('v1', 'a')
  applyAssignment(before, increment('v1', 'v2', ['b'], ['a']))
  assert.deepEqual([...before.objects.keys()], ['ConfigMap default/a'])
})

test('whatever is lost, repeated or reordered: it ends in the right state or asks for all', () => {
  for (let seed = 1; seed <= 500; seed++) {
    const random = seeded(seed)
    const pick = (below: number): number => Math.floor(random() * below)
    const states = new Map<string, Map<string, KubeObject>>()
    const messages: Assignment[] = []
    let objects = new Map<string, KubeObject>()
    let version = 'v0'
    states.set(version, objects)
    messages.push({ type: 'complete', version, objects: [] })
    for (let i = 1; i <= 12; i++) {
      const upsert = object('abcdef'[pick(6)]!, `${i}`)
      const removal = 'abcdef'[pick(6)]!
      objects = new Map(objects)
      objects.delete(`ConfigMap default/${removal}`)
      objects.set(`ConfigMap default/${upsert.metadata.name}`, upsert)
      messages.push({
        type: 'incremental',
        after: version,
        version: `v${i}`,
        upserts: [upsert],
        removals: [{ kind: 'ConfigMap', namespace: 'default', name: removal }],
      })
      version = `v${i}`
      states.set(version, objects)
    }
    const arriving = messages.flatMap((message) => (random() < 0.1 ? [] : random() < 0.2 ? [message, message] : [message]))
    for (let swaps = pick(4); swaps > 0 && arriving.length > 1; swaps--) {
      const at = pick(arriving.length - 1)
      ;[arriving[at], arriving[at + 1]] = [arriving[at + 1]!, arriving[at]!]
    }
    let current: Assigned | undefined
    for (const message of arriving) {
      const next = applyAssignment(current, message)
      if (next === 'resync') continue
      current = next
      assert.deepEqual(new Map(current.objects), states.get(current.version), `seed ${seed}`)
    }
  }
})
