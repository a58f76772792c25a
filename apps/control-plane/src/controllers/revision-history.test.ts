import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ControllerRevision } from '@bramble/api/types/workload'
import { type HistoryOwner, planHistory, REVISION_HASH } from './revision-history.ts'

const owner: HistoryOwner = {
  name: 'web',
  namespace: 'default',
  reference: { apiVersion: 'apps/v1', kind: 'DaemonSet', name: 'web', uid: 'u', controller: true },
  labels: { app: 'web' },
  annotations: { 'kubernetes.io/change-cause': 'because' },
  collisionCount: 0,
  historyLimit: 2,
}

/** `a3`: revision 3, of data `a`. */
const aRevision = (text: string): ControllerRevision => ({
  metadata: {
    name: `web-${text}`,
    namespace: 'default',
    uid: text,
    resourceVersion: '1',
    creationTimestamp: '',
    labels: { [REVISION_HASH]: `hash-${text[0]}` },
  },
  data: { image: text[0] },
  revision: Number(text.slice(1)),
})

const cases = [
  { name: 'the first revision is number 1', now: 'a', have: [], create: 1 },
  { name: 'the present revision is found again', now: 'a', have: ['a1'], hash: 'hash-a' },
  { name: 'new data is a new revision', now: 'b', have: ['a1'], create: 2 },
  { name: 'going back gives an old revision the next number', now: 'a', have: ['a1', 'b2'], hash: 'hash-a', renumber: 3 },
  {
    name: 'of old revisions the newest are kept',
    now: 'e',
    have: ['a1', 'b2', 'c3', 'd4', 'e5'],
    hash: 'hash-e',
    remove: ['web-a1', 'web-b2'],
  },
  {
    name: 'what pods still run is kept and does not count',
    now: 'e',
    have: ['a1', 'b2', 'c3', 'd4', 'e5'],
    live: ['hash-a'],
    hash: 'hash-e',
    remove: ['web-b2'],
  },
  { name: 'doubles are removed', now: 'a', have: ['a1', 'a2'], hash: 'hash-a', remove: ['web-a1'] },
]

for (const { name, now, have, live = [], create, hash, renumber, remove = [] } of cases)
  test(name, () => {
    const plan = planHistory(owner, { image: now }, have.map(aRevision), new Set(live))
    assert.equal(plan.create?.revision, create)
    assert.equal(plan.renumber?.number, renumber)
    if (hash !== undefined) assert.equal(plan.hash, hash)
    assert.deepEqual(
      plan.remove.map((revision) => revision.metadata.name),
      remove,
    )
  })

test('a new revision is found by the labels of the pods and says why it came to be', () => {
  const { create, hash } = planHistory(owner, { image: 'a' }, [], new Set())
  assert.deepEqual(create!.metadata, {
    name: `web-${hash}`,
    namespace: 'default',
    labels: { app: 'web', [REVISION_HASH]: hash },
    annotations: { 'kubernetes.io/change-cause': 'because' },
    ownerReferences: [owner.reference],
  })
})
