import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ServiceSpec } from '@bramble/api/types/service'
import { seeded } from '@bramble/reconcile/sim/seeded'
import { ipv4Number } from '../../resources/ip-address.ts'
import { planAddresses } from './plan.ts'
import type { AddressPlan } from './plan.ts'
import { apiServiceIp, dnsServiceIp, serviceRanges } from './ranges.ts'

const ranges = serviceRanges('10.43.0.0/16')
const port = { port: 80, protocol: 'TCP' } as const

interface Given {
  readonly spec: ServiceSpec
  readonly before?: ServiceSpec
  readonly ips?: readonly string[]
  readonly ports?: readonly number[]
  readonly isApiService?: boolean
  readonly network?: string
  readonly nodePorts?: readonly [number, number]
}
const plan = (
  { spec, before, ips = [], ports = [], isApiService = false, network = '10.43.0.0/16', nodePorts = [30000, 32767] }: Given,
  seed = 1,
): AddressPlan =>
  planAddresses({
    spec,
    before,
    taken: { clusterIps: new Set(ips), nodePorts: new Set(ports) },
    ranges: serviceRanges(network, ...nodePorts),
    isApiService,
    random: seeded(seed),
  })

/** One line per plan, so that a case fits on one. */
function text(result: AddressPlan): string {
  switch (result.type) {
    case 'allocated':
      return `${result.clusterIp ?? '-'} ${result.nodePorts.join(',')}`.trim()
    case 'refused':
      return result.errors.map(({ path, message }) => `${path}: ${message}`).join('; ')
    case 'full':
      return result.what
  }
}

const cases: readonly (readonly [name: string, given: Given, expected: string])[] = [
  ['an address that is asked for and free is given', { spec: { clusterIP: '10.43.0.50', ports: [port] } }, '10.43.0.50'],
  [
    'an address that another has is refused',
    { spec: { clusterIP: '10.43.0.50' }, ips: ['10.43.0.50'] },
    'spec.clusterIPs: Invalid value: ["10.43.0.50"]: failed to allocate IP 10.43.0.50: provided IP is already allocated',
  ],
  [
    'an address outside is refused',
    { spec: { clusterIP: '10.44.0.1' } },
    'spec.clusterIPs: Invalid value: ["10.44.0.1"]: failed to allocate IP 10.44.0.1: the provided IP (10.44.0.1) is not in the valid range. The range of valid IPs is 10.43.0.0/16',
  ],
  [
    'the broadcast address is refused',
    { spec: { clusterIP: '10.43.255.255' } },
    'spec.clusterIPs: Invalid value: ["10.43.255.255"]: failed to allocate IP 10.43.255.255: the provided IP (10.43.255.255) is not in the valid range. The range of valid IPs is 10.43.0.0/16',
  ],
  ['the first address is for the API', { spec: { clusterIP: '10.43.0.1' }, isApiService: true }, '10.43.0.1'],
  [
    'the first address is for nobody else',
    { spec: { clusterIP: '10.43.0.1' } },
    'spec.clusterIPs: Invalid value: ["10.43.0.1"]: failed to allocate IP 10.43.0.1: provided IP is already allocated',
  ],
  ['the address of the names may be asked for', { spec: { clusterIP: '10.43.0.10' } }, '10.43.0.10'],
  ['a headless Service gets none', { spec: { clusterIP: 'None' } }, 'None'],
  ['another name gets none', { spec: { type: 'ExternalName' } }, '-'],
  [
    'what the Service has is not asked about',
    {
      spec: { type: 'NodePort', clusterIP: '10.99.0.1', ports: [{ ...port, nodePort: 80 }] },
      before: { clusterIP: '10.99.0.1', ports: [{ ...port, nodePort: 80 }] },
    },
    '10.99.0.1 80',
  ],
  [
    'a node port that is asked for and free is given',
    { spec: { type: 'NodePort', clusterIP: 'None', ports: [{ ...port, nodePort: 30080 }] } },
    'None 30080',
  ],
  [
    'a node port that another has is refused',
    { spec: { type: 'NodePort', clusterIP: 'None', ports: [{ ...port, nodePort: 30080 }] }, ports: [30080] },
    'spec.ports[0].nodePort: Invalid value: 30080: provided port is already allocated',
  ],
  [
    'a node port out of range is refused',
    { spec: { type: 'NodePort', clusterIP: 'None', ports: [{ ...port, nodePort: 80 }] } },
    'spec.ports[0].nodePort: Invalid value: 80: provided port is not in the valid range. The range of valid ports is 30000-32767',
  ],
  [
    'both are refused at once',
    { spec: { type: 'NodePort', clusterIP: '10.43.0.1', ports: [{ ...port, nodePort: 80 }] } },
    'spec.clusterIPs: Invalid value: ["10.43.0.1"]: failed to allocate IP 10.43.0.1: provided IP is already allocated; spec.ports[0].nodePort: Invalid value: 80: provided port is not in the valid range. The range of valid ports is 30000-32767',
  ],
  [
    'the last node port is found',
    { spec: { type: 'NodePort', clusterIP: 'None', ports: [port] }, nodePorts: [30000, 30002], ports: [30000, 30002] },
    'None 30001',
  ],
  [
    'no node port is left',
    { spec: { type: 'NodePort', clusterIP: 'None', ports: [port] }, nodePorts: [30000, 30000], ports: [30000] },
    'failed to allocate a nodePort: range is full',
  ],
  [
    'two ports need two node ports',
    { spec: { type: 'NodePort', clusterIP: 'None', ports: [port, { port: 81, protocol: 'TCP' }] }, nodePorts: [30000, 30000] },
    'failed to allocate a nodePort: range is full',
  ],
  [
    'TCP and UDP of one port share a node port',
    {
      spec: {
        type: 'NodePort',
        clusterIP: 'None',
        ports: [
          { port: 53, protocol: 'TCP', nodePort: 30053 },
          { port: 53, protocol: 'UDP' },
        ],
      },
    },
    'None 30053,30053',
  ],
  [
    'a load balancer may do without node ports',
    { spec: { type: 'LoadBalancer', clusterIP: 'None', ports: [port], ...{ allocateLoadBalancerNodePorts: false } } },
    'None',
  ],
]
for (const [name, given, expected] of cases) test(name, () => assert.equal(text(plan(given)), expected))

test('no address is left in a small network but those reserved', () => {
  const ips = Array.from({ length: 14 }, (_, index) => `10.43.0.${index + 1}`).filter((ip) => ip !== '10.43.0.1' && ip !== '10.43.0.10')
  assert.equal(text(plan({ spec: {}, network: '10.43.0.0/28', ips })), 'failed to allocate a serviceIP: range is full')
  assert.equal(text(plan({ spec: {}, network: '10.43.0.0/28', ips: ips.slice(1) })), ips[0])
})

test('what is picked is free, in range, and above what people ask for', () => {
  for (let seed = 1; seed <= 200; seed++) {
    const result = plan({ spec: { type: 'NodePort', ports: [port, { port: 81, protocol: 'TCP' }] } }, seed)
    assert.ok(result.type === 'allocated')
    const offset = ipv4Number(result.clusterIp!)! - ranges.network.base
    assert.ok(offset > 256 && offset < 65535, `seed ${seed}: ${result.clusterIp}`)
    const [a = 0, b = 0] = result.nodePorts
    assert.ok(a !== b && [a, b].every((one) => one >= 30086 && one <= 32767), `seed ${seed}: ${a} ${b}`)
  }
})

test('the well-known addresses stand at their places', () => {
  assert.deepEqual([apiServiceIp(ranges), dnsServiceIp(ranges)], ['10.43.0.1', '10.43.0.10'])
})
for (const network of ['10.43.0.0', '10.43.0.0/8', '10.43.0.0/30', 'fd00::/112', 'x']) {
  test(`${network} is no service network`, () => assert.throws(() => serviceRanges(network), /the service network must be an IPv4 network/))
}
test('a port range that is none is refused', () =>
  assert.throws(() => serviceRanges('10.43.0.0/16', 32767, 30000), /the node ports must be a range/))
