import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cell, refusals, warnings, written } from '../testing.ts'
import { networkPolicies } from './network-policy.ts'

const from = (peer: object) => ({ spec: { ingress: [{ from: [peer] }] } })
const to = (port: object) => ({ spec: { egress: [{ ports: [port] }] } })
const block = (cidr: string, ...except: string[]) => from({ ipBlock: { cidr, except } })
const PEER = 'spec.ingress[0].from[0]'
const PORT = 'spec.egress[0].ports[0]'

test('a policy is for what comes in, and for what goes out if it says so', () => {
  assert.deepEqual(written(networkPolicies, {}).spec, { podSelector: {}, policyTypes: ['Ingress'] })
  assert.deepEqual(written(networkPolicies, to({ port: 53 })).spec, {
    podSelector: {},
    policyTypes: ['Ingress', 'Egress'],
    egress: [{ ports: [{ port: 53, protocol: 'TCP' }] }],
  })
})

const refused: readonly (readonly [name: string, body: object, ...expected: string[]])[] = [
  ['that denies all', {}],
  ['for a network without a part', block('10.0.0.0/8', '10.1.0.0/16')],
  ['for an IPv6 network', block('2001:DB8::/32', '2001:db8:1::/48')],
  ['with a port range', to({ port: 1000, endPort: 2000 })],
  ['with a selector that is none', { spec: { podSelector: { matchLabels: { '/': 'x' } } } }, ...selectorFaults()],
  ['with a peer that is nobody', from({}), `${PEER}: Required value: must specify a peer`],
  [
    'with a peer of two sorts',
    from({ podSelector: {}, ipBlock: { cidr: '10.0.0.0/8' } }),
    `${PEER}: Forbidden: may not specify both ipBlock and another peer`,
  ],
  ['without a network', from({ ipBlock: {} }), `${PEER}.ipBlock.cidr: Required value`],
  [
    'for a network that is none',
    block('10.0.0.0'),
    `${PEER}.ipBlock.cidr: Invalid value: "10.0.0.0": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)`,
  ],
  [
    'with host bits',
    block('10.0.0.1/8'),
    `${PEER}.ipBlock.cidr: Invalid value: "10.0.0.1/8": must not have bits set beyond the prefix length`,
  ],
  [
    'without what is not in it',
    block('10.0.0.0/8', '11.0.0.0/16', '10.0.0.0/8'),
    `${PEER}.ipBlock.except[0]: Invalid value: "11.0.0.0/16": must be a strict subset of \`cidr\``,
    `${PEER}.ipBlock.except[1]: Invalid value: "10.0.0.0/8": must be a strict subset of \`cidr\``,
  ],
  [
    'with an unknown protocol',
    to({ protocol: 'ICMP' }),
    `${PORT}.protocol: Unsupported value: "ICMP": supported values: "SCTP", "TCP", "UDP"`,
  ],
  ['with a port out of range', to({ port: 0 }), `${PORT}.port: Invalid value: 0: must be between 1 and 65535, inclusive`],
  [
    'with a range backwards',
    to({ port: 80, endPort: 79 }),
    `${PORT}.endPort: Invalid value: 79: must be greater than or equal to \`port\``,
  ],
  [
    'with a range without a start',
    to({ endPort: 80 }),
    `${PORT}.endPort: Invalid value: 80: may not be specified when \`port\` is not specified`,
  ],
  [
    'with a range from a name',
    to({ port: 'http', endPort: 80 }),
    `${PORT}.endPort: Invalid value: 80: may not be specified when \`port\` is non-numeric`,
  ],
  [
    'of an unknown type',
    { spec: { policyTypes: ['Forward'] } },
    'spec.policyTypes[0]: Unsupported value: "Forward": supported values: "Egress", "Ingress"',
  ],
  [
    'of too many types',
    { spec: { policyTypes: ['Egress', 'Ingress', 'x'] } },
    'spec.policyTypes: Invalid value: ["Egress","Ingress","x"]: may not specify more than two policyTypes',
  ],
]
for (const [name, body, ...expected] of refused)
  test(`a NetworkPolicy ${name}`, () => assert.deepEqual(refusals(networkPolicies, body), expected))

function selectorFaults(): readonly string[] {
  return refusals(networkPolicies, { spec: { podSelector: { matchLabels: { '/': 'x' } } } }).filter((fault) =>
    fault.startsWith('spec.podSelector.matchLabels: Invalid value: "/": '),
  )
}
test('an empty prefix of a label is refused', () => assert.ok(selectorFaults().length > 0))

test('a network that was stored may stay as it is', () => {
  assert.deepEqual(refusals(networkPolicies, block('10.0.0.1/8'), block('10.0.0.1/8')), [])
})

test('a NetworkPolicy is printed with its pods', () => {
  assert.equal(cell(networkPolicies, 'Pod-Selector', { spec: { podSelector: {} } }), '<none>')
  assert.equal(cell(networkPolicies, 'Pod-Selector', { spec: { podSelector: { matchLabels: { b: '2', a: '1' } } } }), 'a=1,b=2')
})

test('nobody is led to believe that traffic is stopped', () => {
  assert.deepEqual(warnings(networkPolicies, {}), [
    'Bramble does not enforce NetworkPolicies: traffic to and from the selected pods is not restricted',
  ])
})
