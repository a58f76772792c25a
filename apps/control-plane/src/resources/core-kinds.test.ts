import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { KubeObject } from '@bramble/api/object'
import { mutableCopy } from '@bramble/api/object'
import type { ConfigMap, KubeEvent, Lease, Namespace, Secret } from '@bramble/api/types/core'
import type { Node } from '@bramble/api/types/node'
import type { Endpoints, EndpointSlice } from '@bramble/api/types/service'
import type { ResourceDefinition } from '../api/resource.ts'
import { configMaps } from './config-map.ts'
import { controllerRevisions } from './controller-revision.ts'
import { endpointSlices } from './endpoint-slice.ts'
import { endpoints } from './endpoints.ts'
import { events } from './event.ts'
import { leases } from './lease.ts'
import { namespaces } from './namespace.ts'
import { nodes } from './node.ts'
import { pods } from './pod.ts'
import { secrets } from './secret.ts'

const metadata = { name: 'x', namespace: 'default', uid: 'u', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' }
const NOW_MS = Date.UTC(2026, 0, 1, 0, 5)

function written<T extends KubeObject>(resource: ResourceDefinition<T>, body: object, previous?: T): T {
  const draft = mutableCopy({ metadata, ...body }) as unknown as T
  resource.prepare?.(draft, previous)
  resource.applyDefaults?.(draft)
  return draft
}
const refusals = <T extends KubeObject>(resource: ResourceDefinition<T>, body: object, previous?: object): string[] => {
  const before = previous && written(resource, previous)
  return resource.validate!(written(resource, body, before), before).map(({ path, message }) => `${path}: ${message}`)
}
const cell = <T extends KubeObject>(resource: ResourceDefinition<T>, name: string, body: object): unknown =>
  resource.columns.find((column) => column.name === name)!.value({ metadata, ...body } as unknown as T, NOW_MS)

const KEY_RULE =
  "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
const FROZEN = 'Forbidden: field is immutable when `immutable` is set'
const big = 'x'.repeat(1024 * 1024 + 1)

const checks: readonly (readonly [
  name: string,
  resource: ResourceDefinition,
  body: object,
  previous: object | undefined,
  ...expected: string[],
])[] = [
  ['a ConfigMap with texts and files', configMaps, { data: { 'a.txt': '1' }, binaryData: { b: 'eA==' } }, undefined],
  [
    'a ConfigMap with a key that is no file name',
    configMaps,
    { data: { 'a/b': '' } },
    undefined,
    `data[a/b]: Invalid value: "a/b": ${KEY_RULE}`,
  ],
  ['a ConfigMap with a key that climbs', configMaps, { data: { '..': '' } }, undefined, `data[..]: Invalid value: "..": must not be '..'`],
  [
    'a ConfigMap with one key twice',
    configMaps,
    { data: { a: '' }, binaryData: { a: '' } },
    undefined,
    'data[a]: Invalid value: "a": duplicate of key present in binaryData',
  ],
  ['a ConfigMap of more than a MiB', configMaps, { data: { a: big } }, undefined, ': Too long: may not be more than 1048576 bytes'],
  [
    'an immutable ConfigMap that changes',
    configMaps,
    { data: { a: '2' }, immutable: true },
    { data: { a: '1' }, immutable: true },
    `data: ${FROZEN}`,
  ],
  [
    'an immutable ConfigMap that would be mutable',
    configMaps,
    { data: { a: '1' } },
    { data: { a: '1' }, immutable: true },
    `immutable: ${FROZEN}`,
  ],
  [
    'an immutable ConfigMap that gets a label',
    configMaps,
    { data: { a: '1' }, immutable: true, metadata: { ...metadata, labels: { a: 'b' } } },
    { data: { a: '1' }, immutable: true },
  ],
  ['a ConfigMap that becomes immutable', configMaps, { data: { a: '2' }, immutable: true }, { data: { a: '1' } }],

  ['a Secret of more than a MiB', secrets, { stringData: { a: big } }, undefined, 'data: Too long: may not be more than 1048576 bytes'],
  ['a Secret that changes its type', secrets, { type: 'b' }, { type: 'a' }, 'type: Invalid value: "b": field is immutable'],
  [
    'an immutable Secret that changes',
    secrets,
    { stringData: { a: '2' }, immutable: true },
    { stringData: { a: '1' }, immutable: true },
    `data: ${FROZEN}`,
  ],
  [
    'a TLS Secret without a key',
    secrets,
    { type: 'kubernetes.io/tls', stringData: { 'tls.crt': 'x' } },
    undefined,
    'data[tls.key]: Required value',
  ],
  [
    'a docker Secret that is no JSON',
    secrets,
    { type: 'kubernetes.io/dockerconfigjson', stringData: { '.dockerconfigjson': '{"secret' } },
    undefined,
    'data[.dockerconfigjson]: Invalid value: "<secret contents redacted>": must be valid JSON',
  ],
  ['a basic Secret with a name only', secrets, { type: 'kubernetes.io/basic-auth', stringData: { username: 'x' } }, undefined],
  [
    'a token of no account',
    secrets,
    { type: 'kubernetes.io/service-account-token' },
    undefined,
    'metadata.annotations[kubernetes.io/service-account.name]: Required value',
  ],

  [
    'a taint of an unknown effect',
    nodes,
    { spec: { taints: [{ key: 'a', effect: 'NoRun' }] } },
    undefined,
    'spec.taints[0].effect: Unsupported value: "NoRun": supported values: "NoExecute", "NoSchedule", "PreferNoSchedule"',
  ],
  ['a taint without effect', nodes, { spec: { taints: [{ key: 'a' }] } }, undefined, 'spec.taints[0].effect: Required value'],
  [
    'one taint twice',
    nodes,
    {
      spec: {
        taints: [
          { key: 'a', effect: 'NoSchedule' },
          { key: 'a', value: 'b', effect: 'NoSchedule' },
        ],
      },
    },
    undefined,
    'spec.taints[1]: Duplicate value: {"key":"a","value":"b","effect":"NoSchedule"}',
  ],
  ['a node that gets its pod network', nodes, { spec: { podCIDR: '10.42.1.0/24' } }, { spec: {} }],
  [
    'a node that would change its pod network',
    nodes,
    { spec: { podCIDR: '10.42.2.0/24' } },
    { spec: { podCIDR: '10.42.1.0/24' } },
    'spec.podCIDRs: Forbidden: node updates may not change podCIDR except from "" to valid',
  ],
  [
    'a pod network that is none',
    nodes,
    { spec: { podCIDR: '10.42.1.0' } },
    undefined,
    'spec.podCIDRs[0]: Invalid value: "10.42.1.0": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)',
  ],

  ['an event beside what it is about', events, { involvedObject: { kind: 'Pod', namespace: 'default' } }, undefined],
  [
    'an event somewhere else',
    events,
    { involvedObject: { kind: 'Pod', namespace: 'web' } },
    undefined,
    'involvedObject.namespace: Invalid value: "web": does not match event.namespace',
  ],
  ['an event about a node', events, { involvedObject: { kind: 'Node', name: 'n' } }, undefined],

  [
    'a lease for no time',
    leases,
    { spec: { leaseDurationSeconds: 0 } },
    undefined,
    'spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0',
  ],
  [
    'a lease with fewer than no holders',
    leases,
    { spec: { leaseTransitions: -1 } },
    undefined,
    'spec.leaseTransitions: Invalid value: -1: must be greater than or equal to 0',
  ],

  ['endpoints', endpoints, { subsets: [{ addresses: [{ ip: '10.42.0.5' }], ports: [{ port: 80 }] }] }, undefined],
  [
    'endpoints nowhere',
    endpoints,
    { subsets: [{ ports: [{ port: 80 }] }] },
    undefined,
    'subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`',
  ],
  [
    'endpoints on loopback',
    endpoints,
    { subsets: [{ addresses: [{ ip: '127.0.0.1' }] }] },
    undefined,
    'subsets[0].addresses[0].ip: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
  ],
  [
    'two endpoint ports without names',
    endpoints,
    { subsets: [{ addresses: [{ ip: '10.42.0.5' }], ports: [{ port: 80 }, { port: 81 }] }] },
    undefined,
    'subsets[0].ports[0].name: Required value',
    'subsets[0].ports[1].name: Required value',
  ],

  ['a slice', endpointSlices, { addressType: 'IPv4', endpoints: [{ addresses: ['10.42.0.5'] }], ports: [{ port: 80 }] }, undefined],
  ['a slice of what kind of addresses', endpointSlices, { endpoints: [] }, undefined, 'addressType: Required value'],
  [
    'a slice with an address of another kind',
    endpointSlices,
    { addressType: 'IPv4', endpoints: [{ addresses: ['fe80::1'] }] },
    undefined,
    'endpoints[0].addresses[0]: Invalid value: "fe80::1": must be a valid IPv4 address',
  ],
  [
    'a slice with an endpoint nowhere',
    endpointSlices,
    { addressType: 'IPv4', endpoints: [{ addresses: [] }] },
    undefined,
    'endpoints[0].addresses: Required value: must contain at least 1 address',
  ],
  [
    'a slice with one port name twice',
    endpointSlices,
    {
      addressType: 'IPv4',
      ports: [
        { name: 'a', port: 1 },
        { name: 'a', port: 2 },
      ],
    },
    undefined,
    'ports[1].name: Duplicate value: "a"',
  ],
  [
    'a slice that is too long',
    endpointSlices,
    { addressType: 'IPv4', endpoints: Array.from({ length: 1001 }, () => ({ addresses: ['10.42.0.5'] })) },
    undefined,
    'endpoints: Too many: 1001: must have at most 1000 items',
  ],
  [
    'a slice that would change its kind of addresses',
    endpointSlices,
    { addressType: 'IPv6' },
    { addressType: 'IPv4' },
    'addressType: Invalid value: "IPv6": field is immutable',
  ],
]
for (const [name, resource, body, previous, ...expected] of checks) {
  test(expected.length === 0 ? `takes ${name}` : `refuses ${name}`, () => assert.deepEqual(refusals(resource, body, previous), expected))
}

test('text of a Secret is folded into its data and wins', () => {
  const { data, stringData, type } = written<Secret>(secrets, { data: { a: 'eA==', b: 'eQ==' }, stringData: { b: 'é' } })
  assert.deepEqual({ data, stringData, type }, { data: { a: 'eA==', b: 'w6k=' }, stringData: undefined, type: 'Opaque' })
})

test('a namespace is active and ends only when Bramble says so', () => {
  const { spec, status } = written<Namespace>(namespaces, {})
  assert.deepEqual([spec!.finalizers, status!.phase], [['kubernetes'], 'Active'])
})
test('an update cannot take the finalizers of a namespace', () => {
  assert.deepEqual(written<Namespace>(namespaces, { spec: { finalizers: [] } }, written<Namespace>(namespaces, {})).spec!.finalizers, [
    'kubernetes',
  ])
})
test('the two forms of a pod network agree', () => {
  assert.deepEqual(written<Node>(nodes, { spec: { podCIDR: '10.42.1.0/24' } }).spec.podCIDRs, ['10.42.1.0/24'])
  assert.equal(written<Node>(nodes, { spec: { podCIDRs: ['10.42.1.0/24'] } }).spec.podCIDR, '10.42.1.0/24')
})
test('ports of endpoints are TCP', () => {
  assert.equal(written<Endpoints>(endpoints, { subsets: [{ ports: [{ port: 80 }] }] }).subsets![0]!.ports![0]!.protocol, 'TCP')
  assert.deepEqual(written<EndpointSlice>(endpointSlices, { ports: [{ port: 80 }] }).ports, [{ port: 80, name: '', protocol: 'TCP' }])
})
test('a pod on a node has its grace, one that waits has none', () => {
  assert.equal(pods.gracePeriodSeconds!(written(pods, { spec: { nodeName: 'n' } })), 30)
  assert.equal(pods.gracePeriodSeconds!(written(pods, { spec: {} })), 0)
  assert.equal(pods.gracePeriodSeconds!(written(pods, { spec: { nodeName: 'n' }, status: { phase: 'Succeeded' } })), 0)
})
test('what admission gave a pod stays through an update that does not repeat it', () => {
  const lost = { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 }
  const spec = { containers: [{ name: 'a', image: 'a:1' }] }
  const before = written(pods, { spec: { ...spec, priority: 0, tolerations: [lost] } })
  assert.deepEqual(pods.validate!(written(pods, { spec }, before), before), [])
})

const ready = (status: string) => ({ conditions: [{ type: 'Ready', status }] })
const cells: readonly (readonly [name: string, resource: ResourceDefinition, column: string, body: object, text: unknown])[] = [
  ['a ready node', nodes, 'Status', { spec: {}, status: ready('True') }, 'Ready'],
  ['a node that is lost', nodes, 'Status', { spec: {}, status: ready('Unknown') }, 'NotReady'],
  ['a cordoned node', nodes, 'Status', { spec: { unschedulable: true }, status: ready('True') }, 'Ready,SchedulingDisabled'],
  ['a node that never reported', nodes, 'Status', { spec: {} }, 'Unknown'],
  [
    'roles of a node',
    nodes,
    'Roles',
    { metadata: { ...metadata, labels: { 'node-role.kubernetes.io/worker': '', 'node-role.kubernetes.io/control-plane': 'true' } } },
    'control-plane,worker',
  ],
  ['no roles', nodes, 'Roles', {}, '<none>'],
  [
    'the address of a node',
    nodes,
    'Internal-IP',
    {
      spec: {},
      status: {
        addresses: [
          { type: 'Hostname', address: 'h' },
          { type: 'InternalIP', address: '10.0.0.2' },
        ],
      },
    },
    '10.0.0.2',
  ],
  ['no address outside', nodes, 'External-IP', { spec: {} }, '<none>'],
  ['an unknown runtime', nodes, 'Container-Runtime', { spec: {} }, '<unknown>'],
  ['how much a ConfigMap holds', configMaps, 'Data', { data: { a: '' }, binaryData: { b: '' } }, 2],
  [
    'few endpoints',
    endpoints,
    'Endpoints',
    { subsets: [{ addresses: [{ ip: '10.42.0.5' }, { ip: '10.42.0.6' }], ports: [{ port: 80 }] }] },
    '10.42.0.5:80,10.42.0.6:80',
  ],
  [
    'many endpoints',
    endpoints,
    'Endpoints',
    { subsets: [{ addresses: [1, 2, 3, 4, 5].map((n) => ({ ip: `10.42.0.${n}` })), ports: [{ port: 80 }] }] },
    '10.42.0.1:80,10.42.0.2:80,10.42.0.3:80 + 2 more...',
  ],
  ['no endpoints', endpoints, 'Endpoints', {}, '<none>'],
  ['no endpoints of a slice', endpointSlices, 'Endpoints', { addressType: 'IPv4', endpoints: [] }, '<unset>'],
  ['ports of a slice', endpointSlices, 'Ports', { ports: [{ port: 80 }, { name: 'all' }] }, '80,all'],
  ['what an event is about', events, 'Object', { involvedObject: { kind: 'Pod', name: 'web' } }, 'pod/web'],
  [
    'when an event was seen last',
    events,
    'Last Seen',
    { involvedObject: {}, firstTimestamp: '2026-01-01T00:00:00Z', lastTimestamp: '2026-01-01T00:04:00Z' },
    '60s',
  ],
  ['when a single event was seen', events, 'Last Seen', { involvedObject: {}, eventTime: '2026-01-01T00:04:30.000000Z' }, '30s'],
  [
    'when a series was seen last',
    events,
    'Last Seen',
    { involvedObject: {}, series: { count: 3, lastObservedTime: '2026-01-01T00:04:50.000000Z' } },
    '10s',
  ],
  ['how often an event was seen', events, 'Count', { involvedObject: {} }, 1],
  ['where an event comes from', events, 'Source', { involvedObject: {}, source: { component: 'agent', host: 'pi-1' } }, 'agent, pi-1'],
  [
    'the owner of a revision',
    controllerRevisions,
    'Controller',
    { metadata: { ...metadata, ownerReferences: [{ apiVersion: 'apps/v1', kind: 'DaemonSet', name: 'web', uid: 'u', controller: true }] } },
    'daemonset.apps/web',
  ],
  ['an age', configMaps, 'Age', {}, '5m'],
]
for (const [name, resource, column, body, text] of cells)
  test(`kubectl get shows ${name}`, () => assert.equal(cell(resource, column, body), text))

test('field selectors find what describe asks for', () => {
  const fields = events.fields!({
    metadata,
    involvedObject: { kind: 'Pod', name: 'web', uid: 'u1' },
    type: 'Warning',
    reportingComponent: 'agent',
  } satisfies KubeEvent)
  assert.equal(fields['involvedObject.uid'], 'u1')
  assert.equal(fields['involvedObject.namespace'], '')
  assert.equal(fields['source'], 'agent')
  assert.equal(pods.fields!(written(pods, { spec: { nodeName: 'n1' } }))['spec.nodeName'], 'n1')
  assert.equal(nodes.fields!({ metadata, spec: {} })['spec.unschedulable'], 'false')
})

test('a ConfigMap and a Lease need no defaults', () => {
  assert.deepEqual(written<ConfigMap>(configMaps, {}), { metadata })
  assert.deepEqual(written<Lease>(leases, {}), { metadata })
})
