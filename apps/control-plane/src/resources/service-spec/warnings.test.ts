import assert from 'node:assert/strict'
import { test } from 'node:test'
import { namespaces } from '../namespace.ts'
import { services } from '../service.ts'
import { refusals, warnings } from '../testing.ts'

const ports = [{ port: 80 }]
const cases: readonly (readonly [name: string, spec: object, ...expected: string[]])[] = [
  ['an ordinary Service', { ports }],
  [
    'affinity without an address',
    { ports, clusterIP: 'None', sessionAffinity: 'ClientIP' },
    'spec.SessionAffinity is ignored for headless services',
  ],
  [
    'a name outside beside an address',
    { ports, externalName: 'a.example' },
    'spec.externalName is ignored when spec.type is not "ExternalName"',
  ],
  [
    'addresses outside beside a name',
    { type: 'ExternalName', externalName: 'a.example', externalIPs: ['192.0.2.1'] },
    'spec.externalIPs is ignored when spec.type is "ExternalName"',
  ],
  [
    'a load balancer',
    { ports, type: 'LoadBalancer' },
    'nothing in this cluster gives addresses to Services of type LoadBalancer: this one is reached through its node ports',
  ],
]
for (const [name, spec, ...expected] of cases) test(`warns of ${name}`, () => assert.deepEqual(warnings(services, { spec }), expected))

test('a load balancer is spoken of once', () => {
  const spec = { ports, type: 'LoadBalancer' }
  assert.deepEqual(warnings(services, { spec }, { spec }), [])
})
test('a namespace has finalizers that somebody can tell apart, and the phase of its life', () => {
  assert.deepEqual(refusals(namespaces, { spec: { finalizers: ['example.com/mine'] } }), [])
  assert.deepEqual(refusals(namespaces, { spec: { finalizers: ['mine'] } }), [
    'spec.finalizers: Invalid value: "mine": name is neither a standard finalizer name nor is it fully qualified',
  ])
  assert.deepEqual(refusals(namespaces, { status: { phase: 'Terminating' } }), [
    'status.Phase: Invalid value: "Terminating": may only be \'Active\' if `deletionTimestamp` is empty',
  ])
})
