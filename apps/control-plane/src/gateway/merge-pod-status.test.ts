import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pod, PodStatus } from '@bramble/api/types/pod'
import { mergePodStatus } from './merge-pod-status.ts'

const aPod = (status: PodStatus): Pod => ({
  metadata: { name: 'web', uid: 'u', resourceVersion: '1', creationTimestamp: '' },
  spec: { containers: [] },
  status,
})

test('the node decides its own conditions and no others', () => {
  const merged = mergePodStatus(
    aPod({
      phase: 'Pending',
      qosClass: 'BestEffort',
      conditions: [
        { type: 'PodScheduled', status: 'True', lastTransitionTime: 't0' },
        { type: 'example.com/gate', status: 'True' },
        { type: 'Ready', status: 'False' },
      ],
    }),
    {
      phase: 'Running',
      podIP: '10.42.0.2',
      conditions: [
        { type: 'Ready', status: 'True' },
        { type: 'PodScheduled', status: 'False' },
        { type: 'example.com/gate', status: 'False' },
      ],
    },
  )
  assert.deepEqual(merged, {
    phase: 'Running',
    podIP: '10.42.0.2',
    qosClass: 'BestEffort',
    conditions: [
      { type: 'Ready', status: 'True' },
      { type: 'PodScheduled', status: 'True', lastTransitionTime: 't0' },
      { type: 'example.com/gate', status: 'True' },
    ],
  })
})

test('what the node no longer says is gone', () => {
  assert.deepEqual(mergePodStatus(aPod({ phase: 'Pending', reason: 'Waiting', message: 'm' }), { phase: 'Running' }), {
    phase: 'Running',
    conditions: [],
  })
})

test('a condition that did not change keeps its time', () => {
  const merged = mergePodStatus(aPod({ conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: 't0' }] }), {
    phase: 'Running',
    conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: 't1' }],
  })
  assert.equal(merged!.conditions![0]!.lastTransitionTime, 't0')
})

test('why a pod is ended is said once, by whoever is first', () => {
  const evicted = { type: 'DisruptionTarget', status: 'True' as const, reason: 'EvictionByEvictionAPI' }
  const killed = { type: 'DisruptionTarget', status: 'True' as const, reason: 'TerminationByKubelet' }
  assert.deepEqual(mergePodStatus(aPod({}), { conditions: [killed] })?.conditions, [killed])
  assert.deepEqual(mergePodStatus(aPod({ conditions: [killed] }), { conditions: [] })?.conditions, [killed])
  assert.deepEqual(mergePodStatus(aPod({ conditions: [evicted] }), { conditions: [killed] })?.conditions, [evicted])
})

test('a resize that is over leaves no condition behind', () => {
  const stored = aPod({ conditions: [{ type: 'PodResizePending', status: 'True', reason: 'Deferred' }] })
  assert.deepEqual(mergePodStatus(stored, { conditions: [] })?.conditions, [])
})

const ends: readonly { name: string; stored: PodStatus['phase']; reported: PodStatus['phase']; counts: boolean }[] = [
  { name: 'a pod that failed does not run again', stored: 'Failed', reported: 'Running', counts: false },
  { name: 'a pod that failed has not succeeded', stored: 'Failed', reported: 'Succeeded', counts: false },
  { name: 'details of an end may still come', stored: 'Succeeded', reported: 'Succeeded', counts: true },
  { name: 'a running pod may end', stored: 'Running', reported: 'Failed', counts: true },
]
for (const { name, stored, reported, counts } of ends)
  test(name, () => assert.equal(mergePodStatus(aPod({ phase: stored! }), { phase: reported! }) !== undefined, counts))
