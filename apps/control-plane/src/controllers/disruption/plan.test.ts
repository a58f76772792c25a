import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PodDisruptionBudget } from '@bramble/api/types/policy'
import { EVICTION_MS, planBudget, selected } from './plan.ts'
import { aBudget, aPod, NOW_MS } from './testing.ts'

const cases: readonly (readonly [
  name: string,
  spec: Partial<PodDisruptionBudget['spec']>,
  pods: readonly string[],
  wanted: number,
  counts: string,
])[] = [
  ['two of three must stay', { minAvailable: 2 }, ['a', 'b', 'c'], 3, 'allowed 1, healthy 3 of 2, 3 expected'],
  ['two must stay and one is not ready', { minAvailable: 2 }, ['a', 'b', 'c-'], 3, 'allowed 0, healthy 2 of 2, 3 expected'],
  ['two must stay and one is leaving', { minAvailable: 2 }, ['a', 'b', 'c!'], 3, 'allowed 0, healthy 2 of 2, 3 expected'],
  ['half must stay, rounded up', { minAvailable: '50%' }, ['a', 'b', 'c'], 3, 'allowed 1, healthy 3 of 2, 3 expected'],
  ['a share counts what is wanted, not what is there', { minAvailable: '50%' }, ['a', 'b'], 4, 'allowed 0, healthy 2 of 2, 4 expected'],
  ['one may be away', { maxUnavailable: 1 }, ['a', 'b', 'c'], 3, 'allowed 1, healthy 3 of 2, 3 expected'],
  ['one may be away and is', { maxUnavailable: 1 }, ['a', 'b'], 3, 'allowed 0, healthy 2 of 2, 3 expected'],
  ['more than all may be away', { maxUnavailable: 5 }, ['a'], 1, 'allowed 1, healthy 1 of 0, 1 expected'],
  ['a third may be away, rounded up', { maxUnavailable: '30%' }, ['a', 'b', 'c', 'd'], 4, 'allowed 2, healthy 4 of 2, 4 expected'],
  ['no pods', { minAvailable: 0 }, [], 0, 'allowed 0, healthy 0 of 0, 0 expected'],
  ['nothing is said', {}, ['a'], 1, 'allowed 0, healthy 1 of 0, 0 expected'],
]
for (const [name, spec, pods, wanted, counts] of cases) {
  test(`a budget: ${name}`, () => {
    const { status } = planBudget(
      aBudget(spec),
      pods.map((pod) => aPod(pod)),
      { pods: wanted },
      NOW_MS,
    )
    const { disruptionsAllowed, currentHealthy, desiredHealthy, expectedPods } = status
    assert.equal(`allowed ${disruptionsAllowed}, healthy ${currentHealthy} of ${desiredHealthy}, ${expectedPods} expected`, counts)
  })
}

test('the condition says whether something may go, and of which generation', () => {
  const of = (minAvailable: number) => planBudget(aBudget({ minAvailable }), [aPod('a')], { pods: 1 }, NOW_MS).status
  assert.deepEqual(of(0).conditions, [
    {
      type: 'DisruptionAllowed',
      status: 'True',
      reason: 'SufficientPods',
      message: '',
      observedGeneration: 2,
      lastTransitionTime: '2026-01-01T12:00:00Z',
    },
  ])
  assert.equal(of(1).conditions![0]!.reason, 'InsufficientPods')
  assert.equal(of(1).observedGeneration, 2)
})

test('the condition moves only when it changes', () => {
  const budget = aBudget({ minAvailable: 0 })
  const first = planBudget(budget, [aPod('a')], { pods: 1 }, NOW_MS).status
  const later = planBudget({ ...budget, status: first }, [aPod('a')], { pods: 1 }, NOW_MS + 60_000).status
  assert.deepEqual(later, first)
})

test('a granted eviction is not healthy any more, until it lapses', () => {
  const granted = '2026-01-01T12:00:00Z'
  const budget = aBudget({ minAvailable: 1 }, { disruptedPods: { a: granted, gone: granted } })
  const pods = [aPod('a'), aPod('b')]
  const soon = planBudget(budget, pods, { pods: 2 }, NOW_MS + 1_000)
  assert.deepEqual(soon.status.disruptedPods, { a: granted })
  assert.deepEqual([soon.status.currentHealthy, soon.status.disruptionsAllowed], [1, 0])
  assert.equal(soon.againInMs, EVICTION_MS - 1_000)
  const late = planBudget(budget, pods, { pods: 2 }, NOW_MS + EVICTION_MS)
  assert.deepEqual([late.status.disruptedPods, late.status.disruptionsAllowed, late.againInMs], [undefined, 1, undefined])
  assert.deepEqual(
    late.notDeleted.map(({ metadata }) => metadata.name),
    ['a'],
  )
})

test('nothing may go while the owners cannot be asked', () => {
  const budget = aBudget({ maxUnavailable: 1 }, { disruptionsAllowed: 3, currentHealthy: 4, desiredHealthy: 1, expectedPods: 4 })
  const { status } = planBudget(budget, [aPod('a')], { fault: 'nobody knows' }, NOW_MS)
  assert.deepEqual([status.disruptionsAllowed, status.currentHealthy], [0, 4])
  assert.deepEqual([status.conditions![0]!.reason, status.conditions![0]!.message], ['SyncFailed', 'nobody knows'])
})

test('no selector selects nothing, an empty one everything', () => {
  assert.deepEqual(selected(aBudget({ selector: undefined }), [aPod('a')]), [])
  assert.equal(selected(aBudget({ selector: {} }), [aPod('a')]).length, 1)
})
