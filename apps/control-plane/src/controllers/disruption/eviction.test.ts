import assert from 'node:assert/strict'
import { test } from 'node:test'
import { StatusError } from '@bramble/api/status-error'
import type { PodDisruptionBudget } from '@bramble/api/types/policy'
import { planEviction } from './eviction.ts'
import { aBudget, aPod, NOW_MS } from './testing.ts'

const told = (pod: string, ...budgets: readonly PodDisruptionBudget[]): string => {
  try {
    const plan = planEviction(aPod(pod), budgets, NOW_MS)
    return plan.type === 'delete' && plan.exactly ? 'delete exactly' : plan.type
  } catch (error) {
    if (!(error instanceof StatusError)) throw error
    return `${error.code} ${error.reason}: ${error.details?.causes?.[0]?.message ?? error.message}`
  }
}
const ample = aBudget({}, { disruptionsAllowed: 2, currentHealthy: 4, desiredHealthy: 2, expectedPods: 4 })
const spent = aBudget({}, { disruptionsAllowed: 0, currentHealthy: 2, desiredHealthy: 2, expectedPods: 2 })
const stale = aBudget({}, { disruptionsAllowed: 2, observedGeneration: 1 })

const cases: readonly (readonly [name: string, pod: string, budgets: readonly PodDisruptionBudget[], expected: string])[] = [
  ['a pod without a budget', 'a', [], 'delete'],
  ['a pod whose budget has some left', 'a', [ample], 'spend'],
  [
    'a pod of which the others are just enough',
    'a',
    [spent],
    '429 TooManyRequests: The disruption budget budget needs 2 healthy pods and has 2 currently',
  ],
  [
    'a pod whose budget was changed just now',
    'a',
    [stale],
    '429 TooManyRequests: The disruption budget budget is still being processed by the server.',
  ],
  [
    'a pod whose budget nobody has looked at',
    'a',
    [aBudget({})],
    '429 TooManyRequests: The disruption budget budget is still being processed by the server.',
  ],
  [
    'a pod whose budget could not be computed',
    'a',
    [
      aBudget(
        {},
        { conditions: [{ type: 'DisruptionAllowed', status: 'False', reason: 'SyncFailed', message: 'found no controllers for pod "a"' }] },
      ),
    ],
    '429 TooManyRequests: The disruption budget budget does not allow evicting pods currently because it failed sync: found no controllers for pod "a"',
  ],
  ['an unready pod when the others are enough', 'a-', [spent], 'delete-unready'],
  [
    'an unready pod when the others are too few',
    'a-',
    [aBudget({}, { currentHealthy: 1, desiredHealthy: 2 })],
    '429 TooManyRequests: The disruption budget budget needs 2 healthy pods and has 1 currently',
  ],
  [
    'an unready pod that may always go',
    'a-',
    [aBudget({ unhealthyPodEvictionPolicy: 'AlwaysAllow' }, { currentHealthy: 1, desiredHealthy: 2 })],
    'delete-unready',
  ],
  [
    'a ready pod of a budget that lets unready ones go',
    'a',
    [aBudget({ unhealthyPodEvictionPolicy: 'AlwaysAllow' }, { currentHealthy: 1, desiredHealthy: 1 })],
    '429 TooManyRequests: The disruption budget budget needs 1 healthy pods and has 1 currently',
  ],
  ['a pod that has ended', 'a.', [spent], 'delete'],
  ['a pod that is leaving', 'a!', [spent], 'delete'],
  ['a pod that waits', 'a?', [spent], 'delete exactly'],
  [
    'a pod of two budgets',
    'a',
    [ample, aBudget({}, { disruptionsAllowed: 1 }, 'other')],
    '400 BadRequest: This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.',
  ],
  ['a pod that no budget selects', 'a', [aBudget({ selector: { matchLabels: { app: 'db' } } })], 'delete'],
]
for (const [name, pod, budgets, expected] of cases) test(`evicting ${name}`, () => assert.equal(told(pod, ...budgets), expected))

test('an eviction costs one, and is remembered until it is seen', () => {
  const plan = planEviction(aPod('a'), [aBudget({}, { disruptionsAllowed: 1, currentHealthy: 2, desiredHealthy: 1 })], NOW_MS)
  assert.equal(plan.type, 'spend')
  const { status } = plan as Extract<typeof plan, { type: 'spend' }>
  assert.deepEqual([status.disruptionsAllowed, status.disruptedPods], [0, { a: '2026-01-01T12:00:00Z' }])
  assert.equal(status.conditions![0]!.reason, 'InsufficientPods')
})

test('clients are told when to try again', () => {
  const refusal = (budget: PodDisruptionBudget): StatusError => {
    try {
      planEviction(aPod('a'), [budget], NOW_MS)
    } catch (error) {
      return error as StatusError
    }
    throw new Error('not refused')
  }
  assert.equal(refusal(stale).details?.retryAfterSeconds, 10)
  assert.equal(refusal(spent).message, "Cannot evict pod as it would violate the pod's disruption budget.")
  assert.equal(refusal(spent).details?.causes?.[0]?.reason, 'DisruptionBudget')
})
