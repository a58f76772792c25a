import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Node } from '@bramble/api/types/node'
import { planRoutes, routeBatch } from './plan.ts'

const aNode = (name: string, podCIDR?: string, address?: string): Node => ({
  metadata: { name, uid: name, resourceVersion: '1', creationTimestamp: '' },
  spec: { podCIDR },
  status: {
    addresses: address
      ? [
          { type: 'Hostname', address: name },
          { type: 'InternalIP', address },
        ]
      : [],
  },
})
const planned = (nodes: Node[], uplink?: string): string[] =>
  planRoutes(nodes, 'a', '10.43.0.0/16', uplink).map(({ destination, how }) => [destination, ...how].join(' '))

const cases = [
  {
    name: 'other nodes are reached via their address',
    nodes: [aNode('b', '10.42.1.0/24', '192.0.2.2')],
    routes: ['10.42.1.0/24 via 192.0.2.2'],
  },
  {
    name: 'unused addresses of the own block are unreachable',
    nodes: [aNode('a', '10.42.0.0/24', '192.0.2.1')],
    routes: ['unreachable 10.42.0.0/24'],
  },
  { name: 'a node without block or address has no route', nodes: [aNode('b'), aNode('c', '10.42.2.0/24')], routes: [] },
  { name: 'cluster IPs go by the uplink', nodes: [], uplink: 'eth0', routes: ['10.43.0.0/16 dev eth0 scope link'] },
]
for (const { name, nodes, routes, uplink } of cases) test(name, () => assert.deepEqual(planned(nodes, uplink), routes))

test('routes that nothing wants any more are deleted first, the others replaced', () => {
  assert.deepEqual(
    routeBatch(
      ['10.42.9.0/24', 'unreachable 10.42.0.0/24'],
      planRoutes([aNode('b', '10.42.1.0/24', '192.0.2.2')], 'a', '10.43.0.0/16', undefined),
    ),
    [
      'route del 10.42.9.0/24 proto 84',
      'route del unreachable 10.42.0.0/24 proto 84',
      'route replace 10.42.1.0/24 via 192.0.2.2 proto 84 metric 1024',
    ],
  )
})
