import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mutableCopy } from '@bramble/api/object'
import type { Service, ServiceSpec } from '@bramble/api/types/service'
import { services } from '../service.ts'

const serviceOf = (spec: Partial<ServiceSpec>, status?: Service['status']): Service => ({
  metadata: { name: 'web', namespace: 'default', uid: 'u', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' },
  spec: mutableCopy({ ports: [{ port: 80 }], ...spec }),
  ...(status && { status }),
})

/** As the machine does it. */
function written(spec: Partial<ServiceSpec>, previous?: Service): Service {
  const draft = serviceOf(spec)
  services.prepare!(draft, previous)
  services.applyDefaults!(draft)
  return draft
}
const refusals = (spec: Partial<ServiceSpec>, previous?: Service): string[] =>
  services.validate!(written(spec, previous), previous).map(({ path, message }) => `${path}: ${message}`)

test('the smallest Service becomes what Kubernetes makes of it', () => {
  assert.deepEqual(written({}).spec, {
    type: 'ClusterIP',
    sessionAffinity: 'None',
    internalTrafficPolicy: 'Cluster',
    ipFamilies: ['IPv4'],
    ipFamilyPolicy: 'SingleStack',
    ports: [{ port: 80, protocol: 'TCP', targetPort: 80 }],
  })
})
test('a Service with node ports says what it does with traffic from outside', () =>
  assert.equal(written({ type: 'NodePort' }).spec.externalTrafficPolicy, 'Cluster'))
test('affinity to clients lasts three hours', () =>
  assert.deepEqual(written({ sessionAffinity: 'ClientIP' }).spec.sessionAffinityConfig, { clientIP: { timeoutSeconds: 10800 } }))
test('clusterIP and clusterIPs say the same', () => {
  assert.deepEqual(written({ clusterIP: 'None' }).spec.clusterIPs, ['None'])
  assert.equal(written({ clusterIPs: ['10.43.0.9'] }).spec.clusterIP, '10.43.0.9')
})

const cases: readonly (readonly [name: string, spec: Partial<ServiceSpec>, ...expected: string[]])[] = [
  [
    'with two named ports',
    {
      ports: [
        { name: 'a', port: 80 },
        { name: 'b', port: 81, targetPort: 'http' },
      ],
    },
  ],
  ['without ports', { ports: [] }, 'spec.ports: Required value'],
  ['without ports, headless', { ports: [], clusterIP: 'None' }],
  [
    'with two ports without names',
    { ports: [{ port: 80 }, { port: 81 }] },
    'spec.ports[0].name: Required value',
    'spec.ports[1].name: Required value',
  ],
  [
    'with one port name twice',
    {
      ports: [
        { name: 'a', port: 80 },
        { name: 'a', port: 81 },
      ],
    },
    'spec.ports[1].name: Duplicate value: "a"',
  ],
  [
    'with one port twice',
    {
      ports: [
        { name: 'a', port: 80 },
        { name: 'b', port: 80 },
      ],
    },
    'spec.ports[1]: Duplicate value: {"protocol":"TCP","port":80}',
  ],
  [
    'with one port over TCP and UDP',
    {
      ports: [
        { name: 'a', port: 53 },
        { name: 'b', port: 53, protocol: 'UDP' },
      ],
    },
  ],
  [
    'with a port out of range',
    { ports: [{ port: 0 }] },
    'spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive',
    'spec.ports[0].targetPort: Invalid value: 0: must be between 1 and 65535, inclusive',
  ],
  [
    'with a node port that its type does not have',
    { ports: [{ port: 80, nodePort: 30080 }] },
    "spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'",
  ],
  [
    'with one node port twice',
    {
      type: 'NodePort',
      ports: [
        { name: 'a', port: 80, nodePort: 30080 },
        { name: 'b', port: 81, nodePort: 30080 },
      ],
    },
    'spec.ports[1].nodePort: Duplicate value: 30080',
  ],
  [
    'of an unknown type',
    { type: 'Public' as 'NodePort' },
    'spec.type: Unsupported value: "Public": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"',
  ],
  [
    'headless with node ports',
    { type: 'NodePort', clusterIP: 'None' },
    `spec.clusterIPs[0]: Invalid value: "None": may not be set to 'None' for NodePort services`,
  ],
  ['that is another name', { type: 'ExternalName', externalName: 'db.example.com.', ports: [] }],
  ['that is another name, but which', { type: 'ExternalName', ports: [] }, 'spec.externalName: Required value'],
  [
    'that is another name with an address',
    { type: 'ExternalName', externalName: 'a.b', ports: [], clusterIPs: ['10.43.0.9'] },
    'spec.clusterIPs: Forbidden: may not be set for ExternalName services',
  ],
  [
    'with an address that is none',
    { clusterIP: 'x' },
    `spec.clusterIPs[0]: Invalid value: "x": must be empty, 'None', or a valid IP address`,
  ],
  [
    'with two addresses that differ',
    { clusterIP: '10.43.0.8', clusterIPs: ['10.43.0.9'] },
    'spec.clusterIPs: Invalid value: ["10.43.0.9"]: first value must match `clusterIP`',
  ],
  ['with IPv6', { ipFamilies: ['IPv6'] }, 'spec.ipFamilies[0]: Invalid value: "IPv6": not configured on this cluster'],
  [
    'that must have both families',
    { ipFamilyPolicy: 'RequireDualStack' },
    'spec.ipFamilyPolicy: Invalid value: "RequireDualStack": this cluster is not configured for dual-stack services',
  ],
  [
    'with unknown affinity',
    { sessionAffinity: 'Cookie' as 'None' },
    'spec.sessionAffinity: Unsupported value: "Cookie": supported values: "ClientIP", "None"',
  ],
  [
    'with affinity for ever',
    { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 86401 } } },
    'spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: 86401: must be greater than 0 and less than 86400',
  ],
  [
    'with a loopback address for the world',
    { externalIPs: ['127.0.0.1'] },
    'spec.externalIPs[0]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
  ],
  [
    'with a policy for traffic it cannot get',
    { externalTrafficPolicy: 'Local' },
    'spec.externalTrafficPolicy: Invalid value: "Local": may only be set for externally-accessible services',
  ],
]
for (const [name, spec, ...expected] of cases) test(`a Service ${name}`, () => assert.deepEqual(refusals(spec), expected))

const stored = (spec: Partial<ServiceSpec>): Service => written({ clusterIP: '10.43.7.7', ...spec })

test('an update without addresses keeps those that the Service has', () => {
  const before = stored({
    type: 'NodePort',
    ports: [
      { name: 'a', port: 80, nodePort: 30100 },
      { name: 'b', port: 81, nodePort: 30101 },
    ],
  })
  const after = written(
    {
      type: 'NodePort',
      ports: [
        { name: 'b', port: 81 },
        { name: 'c', port: 82 },
      ],
    },
    before,
  ).spec
  assert.deepEqual(after.clusterIPs, ['10.43.7.7'])
  assert.deepEqual(
    after.ports!.map(({ nodePort }) => nodePort),
    [30101, undefined],
  )
})
test('a kept node port is not given to two', () => {
  const before = stored({ type: 'NodePort', ports: [{ name: 'a', port: 80, nodePort: 30100 }] })
  const after = written(
    {
      type: 'NodePort',
      ports: [
        { name: 'a', port: 80 },
        { name: 'b', port: 81, nodePort: 30100 },
      ],
    },
    before,
  ).spec
  assert.deepEqual(
    after.ports!.map(({ nodePort }) => nodePort),
    [undefined, 30100],
  )
})
test('turned into a ClusterIP, a Service gives its node ports back', () => {
  const before = stored({ type: 'NodePort', ports: [{ port: 80, nodePort: 30100 }] })
  const { spec } = written({ ...before.spec, type: 'ClusterIP' }, before)
  assert.equal(spec.ports![0]!.nodePort, undefined)
  assert.equal(spec.externalTrafficPolicy, undefined)
  assert.deepEqual(refusals({ ...before.spec, type: 'ClusterIP' }, before), [])
})
test('turned into another name, a Service gives its address back', () => {
  const before = stored({})
  const { spec } = written({ ...before.spec, type: 'ExternalName', externalName: 'a.b' }, before)
  assert.deepEqual([spec.clusterIP, spec.clusterIPs, spec.ipFamilies], [undefined, undefined, undefined])
  assert.deepEqual(refusals({ ...before.spec, type: 'ExternalName', externalName: 'a.b' }, before), [])
})
test('a cluster IP does not change', () => {
  assert.deepEqual(refusals({ clusterIP: '10.43.7.8' }, stored({})), [
    'spec.clusterIPs[0]: Invalid value: ["10.43.7.8"]: may not change once set',
  ])
})

const shown: readonly (readonly [name: string, service: Service, row: string])[] = [
  ['a cluster IP', stored({}), 'ClusterIP 10.43.7.7 <none> 80/TCP <none>'],
  [
    'a node port',
    stored({
      type: 'NodePort',
      ports: [
        { port: 80, nodePort: 30080, protocol: 'TCP' },
        { name: 'd', port: 53, protocol: 'UDP' },
      ],
      selector: { b: '2', a: '1' },
    }),
    'NodePort 10.43.7.7 <none> 80:30080/TCP,53/UDP a=1,b=2',
  ],
  ['a load balancer that has no address yet', stored({ type: 'LoadBalancer' }), 'LoadBalancer 10.43.7.7 <pending> 80/TCP <none>'],
  ['another name', written({ type: 'ExternalName', externalName: 'a.b', ports: [] }), 'ExternalName <none> a.b <none> <none>'],
  ['a headless Service', stored({ clusterIP: 'None', ports: [] }), 'ClusterIP None <none> <none> <none>'],
  ['addresses of its own', stored({ externalIPs: ['192.0.2.1', '192.0.2.2'] }), 'ClusterIP 10.43.7.7 192.0.2.1,192.0.2.2 80/TCP <none>'],
]
for (const [name, service, row] of shown) {
  test(`kubectl get services shows ${name}`, () => {
    const cells = services.columns
      .filter((column) => column.name !== 'Name' && column.name !== 'Age')
      .map((column) => column.value(service, 0))
    assert.equal(cells.join(' '), row)
  })
}
