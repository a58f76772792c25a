import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Node } from '@bramble/api/types/node'
import { nodes } from '../../resources/node.ts'
import { testBench } from '../test-bench.ts'
import { podCidrController } from './controller.ts'
import { freeBlock } from './plan.ts'

const node = (podCIDR: string): Node => ({
  metadata: { name: podCIDR, uid: '', resourceVersion: '', creationTimestamp: '' },
  spec: { podCIDR, podCIDRs: [podCIDR] },
})

const cases: { name: string; network?: string; prefix?: number; taken: string[]; expect: string | undefined }[] = [
  { name: 'the first', taken: [], expect: '10.42.0.0/24' },
  { name: 'the lowest that is free', taken: ['10.42.1.0/24', '10.42.0.0/24', '10.42.3.0/24'], expect: '10.42.2.0/24' },
  { name: 'none that overlaps a larger block', taken: ['10.42.0.0/22'], expect: '10.42.4.0/24' },
  { name: 'none that overlaps a smaller block', taken: ['10.42.0.128/25'], expect: '10.42.1.0/24' },
  { name: 'blocks of other networks do not matter', taken: ['10.41.0.0/24', '192.168.0.0/16'], expect: '10.42.0.0/24' },
  { name: 'IPv6 blocks do not matter', taken: ['fd00::/64'], expect: '10.42.0.0/24' },
  { name: 'none is left', network: '10.42.0.0/23', taken: ['10.42.0.0/24', '10.42.1.0/24'], expect: undefined },
  { name: 'one block is all', network: '10.42.7.0/24', taken: [], expect: '10.42.7.0/24' },
  { name: 'high addresses', network: '192.168.0.0/16', prefix: 26, taken: ['192.168.0.0/26'], expect: '192.168.0.64/26' },
]
for (const { name, network = '10.42.0.0/16', prefix = 24, taken, expect } of cases)
  test(name, () => assert.equal(freeBlock(network, prefix, taken.map(node)), expect))

test('a network that cannot be split is refused', () => {
  for (const [network, prefix] of [
    ['10.42.0.0/25', 24],
    ['10.42.0.0', 24],
    ['300.0.0.0/8', 24],
  ] as const)
    assert.throws(() => freeBlock(network, prefix, []), RangeError, network)
})

test('nodes keep their blocks, a freed one is used again, and when none is left a node waits for one', async (t) => {
  const bench = await testBench(t, [podCidrController])
  const block = (name: string) => bench.client.get(nodes, name)?.spec.podCIDR
  for (let index = 0; index < 256; index++) await bench.client.create<Node>(nodes, { metadata: { name: `pi-${index}` }, spec: {} })
  await bench.pass(10_000)
  const before = bench.client.list(nodes).map((each) => [each.metadata.name, each.spec.podCIDR, each.spec.podCIDRs?.join()])
  assert.equal(new Set(before.map(([, each]) => each)).size, 256)
  assert.ok(before.every(([, one, all]) => one === all && /^10\.42\.\d+\.0\/24$/.test(one!)))

  await bench.addNode('late')
  await bench.pass(1_000)
  assert.equal(block('late'), undefined)
  assert.match(bench.told[0]!, /^Warning CIDRNotAvailable late: No block of pod addresses is left in 10\.42\.0\.0\/16/)
  const freed = block('pi-7')
  await bench.client.delete(nodes, 'pi-7')
  await bench.pass(1_000)
  assert.equal(block('late'), freed)
  assert.deepEqual(
    bench.client
      .list(nodes)
      .map((each) => [each.metadata.name, each.spec.podCIDR])
      .filter(([name]) => name !== 'late'),
    before.map(([name, each]) => [name, each]).filter(([name]) => name !== 'pi-7'),
  )
})
