import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pod } from '@bramble/api/types/pod'
import { podForNode, targetNode } from './pod-for-node.ts'
import { aPod, aSet } from './testing.ts'

test('the name depends on set, node and revision alone, and is never too long', () => {
  const set = aSet()
  const name = podForNode(set, 'a', 'r1').metadata.name!
  assert.equal(podForNode(set, 'a', 'r1').metadata.name, name)
  assert.match(name, /^log-[a-z0-9]{8}$/)
  assert.notEqual(podForNode(set, 'b', 'r1').metadata.name, name)
  assert.notEqual(podForNode(set, 'a', 'r2').metadata.name, name)
  set.metadata.name = `${'x'.repeat(56)}.${'y'.repeat(100)}`
  assert.match(podForNode(set, 'a', 'r1').metadata.name!, /^x{56}-[a-z0-9]{8}$/)
})

test('the pod is for its node alone, bears what a node may suffer, and carries its revision', () => {
  const set = aSet({ spec: { tolerations: [{ key: 'gpu', operator: 'Exists' }], affinity: { podAntiAffinity: { kept: true } } } })
  const pod = podForNode(set, 'a', 'r1')
  assert.equal(targetNode(pod as Pod), 'a')
  assert.deepEqual(pod.spec.affinity?.podAntiAffinity, { kept: true })
  assert.equal(pod.metadata.labels!['controller-revision-hash'], 'r1')
  assert.deepEqual(
    pod.spec.tolerations!.map(({ key }) => key),
    [
      'gpu',
      ...['not-ready', 'unreachable', 'disk-pressure', 'memory-pressure', 'pid-pressure', 'unschedulable'].map(
        (key) => `node.kubernetes.io/${key}`,
      ),
    ],
  )
  const onHost = podForNode(aSet({ spec: { hostNetwork: true } }), 'a', 'r1')
  assert.equal(onHost.spec.tolerations!.at(-1)!.key, 'node.kubernetes.io/network-unavailable')
})

test('a bound pod is where it is bound, an unbound one where it was made for', () => {
  assert.equal(targetNode(aPod('a:p1')), 'a')
  assert.equal(targetNode(aPod('b:p1…')), 'b')
  assert.equal(targetNode({ ...aPod('b:p1…'), spec: { containers: [] } }), undefined)
})
