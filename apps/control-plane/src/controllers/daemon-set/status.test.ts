import assert from 'node:assert/strict'
import { test } from 'node:test'
import { daemonSetStatus } from './status.ts'
import { aNode, aPod, aSet, NOW_MS } from './testing.ts'

const status = (nodes: readonly string[], pods: readonly string[], set = aSet()) =>
  daemonSetStatus(set, nodes.map(aNode), pods.map(aPod), 'new', NOW_MS)

test('counts what is wanted, there, ready, new, and where it should not be', () => {
  assert.deepEqual(status(['a', 'b', 'c', 'd:gpu'], ['a:p1*', 'b:p2?', 'd:p3']), {
    desiredNumberScheduled: 3,
    currentNumberScheduled: 2,
    numberMisscheduled: 1,
    numberReady: 1,
    observedGeneration: 2,
    updatedNumberScheduled: 1,
    numberAvailable: 1,
    numberUnavailable: 2,
  })
})

test('a node that is away for long does not hang kubectl rollout status, and is named', () => {
  const { conditions, desiredNumberScheduled, updatedNumberScheduled, numberAvailable } = status(['a~', 'b'], ['a:p1?', 'b:p2*'])
  assert.deepEqual(
    { desiredNumberScheduled, updatedNumberScheduled, numberAvailable },
    { desiredNumberScheduled: 1, updatedNumberScheduled: 1, numberAvailable: 1 },
  )
  assert.equal(conditions?.[0]?.message, '1 node is offline and will be caught up on return: a')
  const before = aSet()
  before.status = status(['a~', 'b'], [])
  assert.equal(status(['a', 'b'], [], before).conditions, undefined)
})

test('a short outage changes no number that is wanted', () => {
  assert.equal(status(['a~5', 'b'], ['a:p1*?', 'b:p2*']).desiredNumberScheduled, 2)
})

test('a pod must have been ready for as long as it was asked to be', () => {
  const set = aSet()
  set.spec.minReadySeconds = 3601
  assert.equal(status(['a'], ['a:p1*'], set).numberAvailable, undefined)
  set.spec.minReadySeconds = 3600
  assert.equal(status(['a'], ['a:p1*'], set).numberAvailable, 1)
})
