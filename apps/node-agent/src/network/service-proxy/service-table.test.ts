import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EndpointSlice, Service } from '@bramble/api/types/service'
import { serviceTable } from './service-table.ts'

const meta = (name: string) => ({ name, namespace: 'default', uid: name, resourceVersion: '1', creationTimestamp: '' })
const aService = (spec: Partial<Service['spec']> = {}): Service => ({
  metadata: meta('web'),
  spec: { clusterIP: '10.43.0.10', ports: [{ port: 80, protocol: 'TCP' }], ...spec },
})
/** `10.42.1.2@pi-1`, with `!` not ready, with `~` serving while it terminates. */
const aSlice = (endpoints: readonly string[], port = 8080, name = ''): EndpointSlice => ({
  metadata: { ...meta('web-1'), labels: { 'kubernetes.io/service-name': 'web' } },
  addressType: 'IPv4',
  ports: [{ port, name, protocol: 'TCP' }],
  endpoints: endpoints.map((text) => {
    const [ip, nodeName] = text.replace(/[!~]$/, '').split('@')
    return {
      addresses: [ip!],
      nodeName,
      conditions: text.endsWith('~') ? { ready: false, serving: true, terminating: true } : { ready: !text.endsWith('!') },
    }
  }),
})
const tableOf = (services: Service[], slices: EndpointSlice[]) =>
  serviceTable({ nodeName: 'pi-1', podNetwork: '10.42.0.0/16', serviceNetwork: '10.43.0.0/16', services, slices }).forwards

const backendCases = [
  {
    name: 'ready endpoints are backends, those here are local',
    endpoints: ['10.42.1.2@pi-1', '10.42.2.2@pi-2'],
    backends: ['10.42.1.2:8080 local', '10.42.2.2:8080'],
  },
  { name: 'an endpoint that is not ready is none', endpoints: ['10.42.1.2@pi-1!', '10.42.2.2@pi-2'], backends: ['10.42.2.2:8080'] },
  {
    name: 'while others are ready a terminating one is none',
    endpoints: ['10.42.1.2@pi-1~', '10.42.2.2@pi-2'],
    backends: ['10.42.2.2:8080'],
  },
  {
    name: 'with nothing ready, a terminating one still serves',
    endpoints: ['10.42.1.2@pi-1~', '10.42.2.2@pi-2!'],
    backends: ['10.42.1.2:8080 local'],
  },
  { name: 'no endpoints are no backends', endpoints: [], backends: [] },
]
for (const { name, endpoints, backends } of backendCases) {
  test(name, () => {
    const [forward] = tableOf([aService()], [aSlice(endpoints)])
    assert.deepEqual(
      forward!.backends.map(({ ip, port, local }) => `${ip}:${port}${local ? ' local' : ''}`),
      backends,
    )
  })
}

const serviceCases = [
  { name: 'a headless Service is left out', spec: { clusterIP: 'None' }, forwards: [] },
  { name: 'an ExternalName is left out', spec: { type: 'ExternalName' as const, clusterIP: '' }, forwards: [] },
  {
    name: 'each named port is a forward',
    spec: {
      ports: [
        { name: 'b', port: 81 },
        { name: 'a', port: 80 },
      ],
    },
    forwards: ['default/web:a', 'default/web:b'],
  },
  { name: 'SCTP is left out', spec: { ports: [{ port: 80, protocol: 'SCTP' as const }] }, forwards: [] },
]
for (const { name, spec, forwards } of serviceCases)
  test(name, () =>
    assert.deepEqual(
      tableOf([aService(spec)], []).map(({ id }) => id),
      forwards,
    ),
  )

test('a port takes the backends of the slice port with its name', () => {
  const [a, b] = tableOf(
    [
      aService({
        ports: [
          { name: 'a', port: 80 },
          { name: 'b', port: 81 },
        ],
      }),
    ],
    [aSlice(['10.42.1.2@pi-1'], 1234, 'b')],
  )
  assert.deepEqual([a!.backends.length, b!.backends[0]!.port], [0, 1234])
})

test('affinity, node port and policies come along', () => {
  const [forward] = tableOf(
    [
      aService({
        type: 'NodePort',
        sessionAffinity: 'ClientIP',
        externalTrafficPolicy: 'Local',
        internalTrafficPolicy: 'Local',
        ports: [{ port: 80, nodePort: 30080 }],
      }),
    ],
    [],
  )
  assert.deepEqual(
    { ...forward, id: 0, backends: 0 },
    {
      id: 0,
      protocol: 'TCP',
      clusterIp: '10.43.0.10',
      port: 80,
      nodePort: 30080,
      affinitySeconds: 10800,
      externalLocal: true,
      internalLocal: true,
      backends: 0,
    },
  )
})

test('of the same objects the same forwards come again, of changed ones others, whatever was built before', () => {
  const [service, slice, other] = [aService(), aSlice(['10.42.1.2@pi-1']), aSlice(['10.42.1.3@pi-2'])]
  const [first] = tableOf([service], [slice])
  assert.equal(tableOf([service], [slice])[0], first)
  assert.deepEqual(
    tableOf([service], [other])[0]!.backends.map(({ ip }) => ip),
    ['10.42.1.3'],
  )
  assert.deepEqual(tableOf([service], [])[0]!.backends, [])
  assert.equal(tableOf([service], [slice, other])[0]!.backends.length, 2)
  const elsewhere = serviceTable({ nodeName: 'pi-2', podNetwork: '', serviceNetwork: '', services: [service], slices: [slice, other] })
  assert.deepEqual(
    elsewhere.forwards[0]!.backends.map(({ local }) => local),
    [false, true],
  )
})
