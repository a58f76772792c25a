import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ResourceDefinition } from '../../api/resource.ts'
import { cell, METADATA, refusals, warnings, written } from '../testing.ts'
import { ingressClasses } from './ingress-class.ts'
import { ipAddresses } from './ip-address-object.ts'
import { serviceCidrs } from './service-cidr.ts'

const controller = 'example.com/ingress'
const withParameters = (parameters: object) => ({ spec: { controller, parameters: { kind: 'ConfigMap', name: 'p', ...parameters } } })
const named = (name: string, spec: object) => ({ metadata: { ...METADATA, name }, spec })
const parent = { resource: 'services', namespace: 'default', name: 'web' }
const cidrs = (...networks: string[]) => ({ spec: { cidrs: networks } })

type Case = readonly [name: string, kind: ResourceDefinition, body: object, before?: object, ...expected: string[]]
const cases: readonly Case[] = [
  ['an IngressClass without a controller', ingressClasses, { spec: {} }, undefined, 'spec.controller: Required value'],
  [
    'an IngressClass whose controller is no path',
    ingressClasses,
    { spec: { controller: 'nginx' } },
    undefined,
    'spec.controller: Invalid value: "nginx": must be a domain-prefixed path (such as "acme.io/foo")',
  ],
  [
    'an IngressClass whose controller is a path of odd letters',
    ingressClasses,
    { spec: { controller: 'example.com/a b' } },
    undefined,
    `spec.controller: Invalid value: "a b": Invalid path (regex used for validation is '[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+')`,
  ],
  [
    'an IngressClass that changes hands',
    ingressClasses,
    { spec: { controller: 'example.com/other' } },
    { spec: { controller } },
    'spec.controller: Invalid value: "example.com/other": field is immutable',
  ],
  ['an IngressClass with parameters', ingressClasses, withParameters({}), undefined],
  [
    'an IngressClass with parameters in a namespace, but which',
    ingressClasses,
    withParameters({ scope: 'Namespace' }),
    undefined,
    "spec.parameters.namespace: Required value: `parameters.scope` is set to 'Namespace'",
  ],
  [
    'an IngressClass with parameters of the cluster in a namespace',
    ingressClasses,
    withParameters({ namespace: 'a' }),
    undefined,
    "spec.parameters.namespace: Forbidden: `parameters.scope` is set to 'Cluster'",
  ],
  [
    'an IngressClass with parameters somewhere',
    ingressClasses,
    withParameters({ scope: 'Zone' }),
    undefined,
    'spec.parameters.scope: Unsupported value: "Zone": supported values: "Cluster", "Namespace"',
  ],
  ['an address of IPv4', ipAddresses, named('10.43.0.9', { parentRef: parent }), undefined],
  ['an address of IPv6', ipAddresses, named('2001:db8::1', { parentRef: parent }), undefined],
  [
    'an address that is none',
    ipAddresses,
    named('web', { parentRef: parent }),
    undefined,
    'metadata.name: Invalid value: "web": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
  ],
  [
    'an address in another notation',
    ipAddresses,
    named('2001:DB8:0::1', { parentRef: parent }),
    undefined,
    'metadata.name: Invalid value: "2001:DB8:0::1": must be in canonical form ("2001:db8::1")',
  ],
  ['an address of nobody', ipAddresses, named('10.43.0.9', {}), undefined, 'spec.parentRef: Required value'],
  [
    'an address of half an object',
    ipAddresses,
    named('10.43.0.9', { parentRef: { group: '' } }),
    undefined,
    'spec.parentRef.resource: Required value',
    'spec.parentRef.name: Required value',
  ],
  [
    'an address that changes hands',
    ipAddresses,
    named('10.43.0.9', { parentRef: { ...parent, name: 'b' } }),
    named('10.43.0.9', { parentRef: parent }),
    'spec.parentRef: Invalid value: {"resource":"services","namespace":"default","name":"b"}: field is immutable',
  ],
  ['a ServiceCIDR of both families', serviceCidrs, cidrs('10.43.0.0/16', '2001:db8::/112'), undefined],
  ['a ServiceCIDR of nothing', serviceCidrs, cidrs(), undefined, 'spec.cidrs: Required value: at least one CIDR required'],
  [
    'a ServiceCIDR of one family twice',
    serviceCidrs,
    cidrs('10.43.0.0/16', '10.44.0.0/16'),
    undefined,
    'spec.cidrs: Invalid value: ["10.43.0.0/16","10.44.0.0/16"]: may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64',
  ],
  [
    'a ServiceCIDR of three',
    serviceCidrs,
    cidrs('10.43.0.0/16', '2001:db8::/112', 'x'),
    undefined,
    'spec.cidrs: Invalid value: {"cidrs":["10.43.0.0/16","2001:db8::/112","x"]}: may only hold up to 2 values',
  ],
  [
    'a ServiceCIDR with zeros in front',
    serviceCidrs,
    cidrs('010.43.0.0/16'),
    undefined,
    'spec.cidrs[0]: Invalid value: "010.43.0.0/16": must not have leading 0s in IP or prefix length',
  ],
  [
    'a ServiceCIDR that moves',
    serviceCidrs,
    cidrs('10.44.0.0/16'),
    cidrs('10.43.0.0/16'),
    'spec.cidrs[0]: Invalid value: "10.44.0.0/16": field is immutable',
  ],
  ['a ServiceCIDR that gets a second family', serviceCidrs, cidrs('10.43.0.0/16', '2001:db8::/112'), cidrs('10.43.0.0/16')],
  [
    'a ServiceCIDR that loses a family',
    serviceCidrs,
    cidrs('10.43.0.0/16'),
    cidrs('10.43.0.0/16', '2001:db8::/112'),
    'spec.cidrs: Invalid value: ["10.43.0.0/16"]: field is immutable',
  ],
]
for (const [name, kind, body, before, ...expected] of cases) test(name, () => assert.deepEqual(refusals(kind, body, before), expected))

test('parameters are those of the cluster unless they say otherwise', () =>
  assert.equal(written(ingressClasses, withParameters({})).spec.parameters?.scope, 'Cluster'))

test('classes, addresses and networks are printed as Kubernetes does', () => {
  assert.equal(cell(ingressClasses, 'Parameters', { spec: {} }), '<none>')
  assert.equal(cell(ingressClasses, 'Parameters', withParameters({ apiGroup: 'example.com' })), 'ConfigMap.example.com/p')
  assert.equal(cell(ipAddresses, 'ParentRef', { spec: { parentRef: parent } }), 'services/default/web')
  assert.equal(cell(ipAddresses, 'ParentRef', { spec: { parentRef: { group: 'g.io', resource: 'Gates', name: 'a' } } }), 'gates.g.io/a')
  assert.equal(cell(serviceCidrs, 'CIDRs', cidrs('10.43.0.0/16', '2001:db8::/112')), '10.43.0.0/16,2001:db8::/112')
})

test('addresses can be found by what they belong to', () =>
  assert.equal(ipAddresses.fields!(written(ipAddresses, { spec: { parentRef: parent } }))['spec.parentRef.name'], 'web'))

test('only the ServiceCIDR of the cluster counts, and others say so', () => {
  assert.equal(warnings(serviceCidrs, named('kubernetes', { cidrs: [] })).length, 0)
  assert.match(warnings(serviceCidrs, named('more', { cidrs: [] }))[0]!, /service-network alone: this ServiceCIDR adds none/)
})
