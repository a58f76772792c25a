import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pod } from '@bramble/api/types/pod'
import { nodes } from '../../resources/node.ts'
import { pods } from '../../resources/pod.ts'
import { testBench } from '../test-bench.ts'
import { podGarbageController } from './controller.ts'
import { judge, surplus, type Verdict } from './plan.ts'

const pod = (name: string, nodeName?: string, phase: 'Running' | 'Succeeded' | 'Failed' = 'Running', deletionTimestamp?: string): Pod => ({
  metadata: {
    name,
    uid: name,
    resourceVersion: '1',
    creationTimestamp: `2026-01-01T00:00:${name.padStart(2, '0')}Z`,
    ...(deletionTimestamp && { deletionTimestamp }),
  },
  spec: { containers: [], ...(nodeName && { nodeName }) },
  status: { phase },
})

const cases: { name: string; pod: Pod; expect: Verdict }[] = [
  { name: 'on a node that is there', pod: pod('1', 'pi'), expect: 'keep' },
  { name: 'waiting for a node', pod: pod('1'), expect: 'keep' },
  { name: 'on a node that is gone', pod: pod('1', 'gone'), expect: 'orphaned' },
  { name: 'leaving, on a node that is gone', pod: pod('1', 'gone', 'Running', 'now'), expect: 'orphaned' },
  { name: 'leaving before it had a node', pod: pod('1', undefined, 'Running', 'now'), expect: 'unscheduled' },
]
for (const { name, pod: of, expect } of cases)
  test(name, () =>
    assert.equal(
      judge(of, (node) => node === 'pi'),
      expect,
    ),
  )

test('of pods that ended the oldest go when there are too many', () => {
  const all = [pod('3', 'pi', 'Failed'), pod('1', 'pi', 'Succeeded'), pod('2', 'pi'), pod('4', 'pi', 'Succeeded')]
  assert.deepEqual(
    surplus(all, 1).map((each) => each.metadata.name),
    ['1', '3'],
  )
  assert.deepEqual(surplus(all, 3), [])
})

test('a deleted node takes its pods along, unless it is back within the quarantine', async (t) => {
  const bench = await testBench(t, [podGarbageController])
  for (const name of ['pi-1', 'pi-2']) {
    await bench.addNode(name)
    await bench.client.create<Pod>(pods, {
      metadata: { name: `on-${name}`, namespace: 'default' },
      spec: { nodeName: name, containers: [{ name: 'main', image: 'x' }] },
    })
  }
  await bench.pass(1)
  await bench.client.delete(nodes, 'pi-1')
  await bench.client.delete(nodes, 'pi-2')
  await bench.pass(30_000)
  await bench.addNode('pi-2')
  await bench.pass(60_000)
  assert.deepEqual(
    bench.client.list(pods).map((each) => each.metadata.name),
    ['on-pi-2'],
  )
})
