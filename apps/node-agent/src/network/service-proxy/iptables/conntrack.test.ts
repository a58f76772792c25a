import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ServiceTable } from '../service-table.ts'
import { staleFlows } from './conntrack.ts'

const udp = (backends: readonly string[], nodePort?: number): ServiceTable => ({
  podNetwork: '',
  serviceNetwork: '',
  forwards: [
    {
      id: 'default/dns:53',
      protocol: 'UDP',
      clusterIp: '10.43.0.10',
      port: 53,
      ...(nodePort && { nodePort }),
      externalLocal: false,
      internalLocal: false,
      backends: backends.map((ip) => ({ ip, port: 53, local: false })),
    },
  ],
})
const NONE: ServiceTable = { podNetwork: '', serviceNetwork: '', forwards: [] }
const calls = (before: ServiceTable | undefined, after: ServiceTable): string[] => staleFlows(before, after).map((args) => args.join(' '))

const cases = [
  { name: 'an unchanged Service drops nothing', before: udp(['a']), after: udp(['a']), calls: [] },
  {
    name: 'flows to a backend that is gone are dropped',
    before: udp(['a', 'b']),
    after: udp(['b']),
    calls: ['-D -p udp --orig-dst 10.43.0.10 --dst-nat a'],
  },
  {
    name: 'also those through its node port',
    before: udp(['a'], 30053),
    after: udp(['b'], 30053),
    calls: ['-D -p udp --orig-dst 10.43.0.10 --dst-nat a', '-D -p udp --orig-port-dst 30053 --dst-nat a'],
  },
  { name: 'a first backend drops flows that went nowhere', before: udp([]), after: udp(['a']), calls: ['-D -p udp --orig-dst 10.43.0.10'] },
  { name: 'a deleted Service drops its flows', before: udp(['a']), after: NONE, calls: ['-D -p udp --orig-dst 10.43.0.10 --dst-nat a'] },
]
for (const { name, before, after, calls: expected } of cases) test(name, () => assert.deepEqual(calls(before, after), expected))

test('TCP is left alone', () => {
  const tcp = (ips: readonly string[]): ServiceTable => ({
    ...NONE,
    forwards: udp(ips).forwards.map((forward) => ({ ...forward, protocol: 'TCP' })),
  })
  assert.deepEqual(calls(tcp(['a']), tcp(['b'])), [])
})
