import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonObject, NewObject } from '@bramble/api/object'
import { isReason, StatusError } from '@bramble/api/status-error'
import type { Pod } from '@bramble/api/types/pod'
import type { Service, ServiceSpec } from '@bramble/api/types/service'
import { simEnv } from '@bramble/reconcile/sim/sim-env'
import type { ApiClient } from '../api/client.ts'
import { LocalClient } from '../api/local-client.ts'
import { Registry } from '../api/registry.ts'
import type { WriteContext } from '../api/requests.ts'
import { ResourceService } from '../api/resource-service.ts'
import type { ResourceDefinition } from '../api/resource.ts'
import { allResources } from '../resources/all.ts'
import { configMaps } from '../resources/config-map.ts'
import { endpointSlices } from '../resources/endpoint-slice.ts'
import { endpoints } from '../resources/endpoints.ts'
import { namespaces } from '../resources/namespace.ts'
import { pods } from '../resources/pod.ts'
import { serviceAccounts } from '../resources/service-account.ts'
import { services } from '../resources/service.ts'
import { STANDARD_NAMESPACES } from '../resources/standard-objects/namespaces.ts'
import { ensureStandardObjects } from '../resources/standard-objects/standard-objects.ts'
import { MemoryBackend, MemoryDisk } from '../store/backend/memory.ts'
import { openStore } from '../store/store.ts'
import { allAdmissionSteps } from './all.ts'
import { serviceRanges } from './service-addresses/ranges.ts'

const settings = { apiServiceIp: '10.43.0.1', serviceNetwork: '10.43.0.0/16', advertiseAddress: '192.0.2.10', apiPort: 6443 }
const dryRun: WriteContext = {
  user: { name: 'u', groups: [] },
  dryRun: true,
  fieldManager: 'test',
  fieldValidation: 'Strict',
  warn: () => {},
}

/** The API over a store in memory, as it is after a start. */
async function cluster({ disk = new MemoryDisk(), network = '10.43.0.0/16', apiServiceIp = '10.43.0.1' } = {}) {
  const env = simEnv()
  const store = await openStore(new MemoryBackend(disk), { volatile: () => false, env })
  const reads: Pick<ApiClient, 'get' | 'list'> = {
    get: (kind, key) => client.get(kind, key),
    list: (kind, options) => client.list(kind, options),
  }
  const resources = new ResourceService({
    store,
    registry: new Registry(allResources),
    admission: allAdmissionSteps({ reads, ranges: serviceRanges(network), env }),
    env,
  })
  const client: ApiClient = new LocalClient({ store, resources })
  await ensureStandardObjects(client, { ...settings, apiServiceIp, serviceNetwork: network })
  if (!client.get(serviceAccounts, 'default/default'))
    await client.create(serviceAccounts, { metadata: { name: 'default', namespace: 'default' }, automountServiceAccountToken: false })
  return { client, resources, store, disk }
}
const aService = (name: string, spec: Partial<ServiceSpec> = {}): NewObject<Service> => ({
  metadata: { name, namespace: 'default' },
  spec: { ports: [{ port: 80 }], ...spec },
})
const aPod = (name: string, spec: Partial<Pod['spec']> = {}, namespace = 'default'): NewObject<Pod> => ({
  metadata: { name, namespace },
  spec: { containers: [{ name: 'app', image: 'a:1' }], ...spec },
})
const message = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'no error',
    (error: Error) => error.message,
  )

test('a new cluster has its namespaces and a way to its API', async () => {
  const { client } = await cluster()
  assert.deepEqual(
    client
      .list(namespaces)
      .map(({ metadata }) => metadata.name)
      .sort(),
    [...STANDARD_NAMESPACES].sort(),
  )
  assert.equal(client.get(services, 'default/kubernetes')?.spec.clusterIP, '10.43.0.1')
  assert.deepEqual(client.get(endpointSlices, 'default/kubernetes')?.endpoints[0]?.addresses, ['192.0.2.10'])
  assert.equal(client.get(endpoints, 'default/kubernetes')?.subsets?.[0]?.ports?.[0]?.port, 6443)
})

test('a second start changes nothing', async () => {
  const { client, store } = await cluster()
  const before = store.revision
  await ensureStandardObjects(client, settings)
  assert.equal(store.revision, before)
})

test('a start at another address moves the API there', async () => {
  const { client } = await cluster()
  await ensureStandardObjects(client, { ...settings, advertiseAddress: '192.0.2.11', apiPort: 7443 })
  assert.deepEqual(client.get(endpointSlices, 'default/kubernetes')?.endpoints[0]?.addresses, ['192.0.2.11'])
  assert.equal(client.get(services, 'default/kubernetes')?.spec.ports?.[0]?.targetPort, 7443)
})

test('a control plane on loopback leads nobody astray', async () => {
  const { client } = await cluster()
  await ensureStandardObjects(client, { ...settings, advertiseAddress: '127.0.0.1' })
  assert.deepEqual(client.get(endpointSlices, 'default/kubernetes')?.endpoints, [])
})

test('with another service network the way to the API is made anew', async () => {
  const { disk } = await cluster()
  const { client } = await cluster({ disk, network: '10.96.0.0/16', apiServiceIp: '10.96.0.1' })
  assert.equal(client.get(services, 'default/kubernetes')?.spec.clusterIP, '10.96.0.1')
})

test('Services made at the same time get addresses of their own', async () => {
  const { client } = await cluster({ network: '10.43.0.0/26' })
  const made = await Promise.all(
    Array.from({ length: 40 }, (_, index) => client.create(services, aService(`s${index}`, { type: 'NodePort' }))),
  )
  assert.equal(new Set(made.map(({ spec }) => spec.clusterIP)).size, 40)
  assert.equal(new Set(made.map(({ spec }) => spec.ports![0]!.nodePort)).size, 40)
})

test('of two that ask for one address at the same time, one gets it', async () => {
  const { client } = await cluster()
  const outcomes = await Promise.all(
    ['a', 'b'].map((name) => message(client.create(services, aService(name, { clusterIP: '10.43.0.77' })))),
  )
  assert.deepEqual(outcomes.sort(), [
    'Service "b" is invalid: spec.clusterIPs: Invalid value: ["10.43.0.77"]: failed to allocate IP 10.43.0.77: provided IP is already allocated',
    'no error',
  ])
})

test('a Service that goes away gives its address and port back', async () => {
  const { client } = await cluster()
  const wanted = { type: 'NodePort', clusterIP: '10.43.0.77', ports: [{ port: 80, nodePort: 30080 }] } as const
  for (const name of ['a', 'b', 'c']) {
    await client.create(services, aService(name, { ...wanted, ports: [...wanted.ports] }))
    await client.delete(services, `default/${name}`)
  }
})

test('a Service that changes its type gives its port back', async () => {
  const { client } = await cluster()
  await client.create(services, aService('a', { type: 'NodePort', ports: [{ port: 80, nodePort: 30080 }] }))
  await client.patch(services, 'default/a', { spec: { type: 'ClusterIP' } })
  const b = await client.create(services, aService('b', { type: 'NodePort', ports: [{ port: 80, nodePort: 30080 }] }))
  assert.equal(b.spec.ports![0]!.nodePort, 30080)
  await client.patch(services, 'default/b', { spec: { ports: [{ port: 80, nodePort: 30081 }] } })
  await client.create(services, aService('c', { type: 'NodePort', ports: [{ port: 80, nodePort: 30080 }] }))
})

test('a Service that becomes reachable from outside gets a port and keeps its address', async () => {
  const { client } = await cluster()
  const { spec } = await client.create(services, aService('a'))
  const changed = await client.patch(services, 'default/a', { spec: { type: 'NodePort' } })
  assert.equal(changed.spec.clusterIP, spec.clusterIP)
  assert.ok(changed.spec.ports![0]!.nodePort! >= 30086)
})

test('what a dry run was given is free again', async () => {
  const { client, resources } = await cluster()
  const body = aService('a', { clusterIP: '10.43.0.77' }) as unknown as JsonObject
  await resources.create(services as ResourceDefinition, 'default', body, dryRun)
  await client.create(services, aService('b', { clusterIP: '10.43.0.77' }))
})

test('what a write was given that the disk refused is free again', async () => {
  const { client, disk } = await cluster()
  disk.full = true
  assert.match(await message(client.create(services, aService('a', { clusterIP: '10.43.0.77' }))), /not stored/)
  disk.full = false
  await client.create(services, aService('b', { clusterIP: '10.43.0.77' }))
})

test('after a restart the addresses of stored Services are taken', async () => {
  const { client, disk } = await cluster()
  await client.create(services, aService('a', { clusterIP: '10.43.0.77' }))
  const { client: later } = await cluster({ disk })
  assert.match(await message(later.create(services, aService('b', { clusterIP: '10.43.0.77' }))), /provided IP is already allocated/)
})

test('nothing new comes into a namespace that is going away', async () => {
  const { client } = await cluster()
  await client.create(namespaces, { metadata: { name: 'old' } })
  await client.delete(namespaces, 'old')
  const refusal = await client.create(pods, aPod('p', {}, 'old')).catch((error: StatusError) => error)
  assert.ok(refusal instanceof StatusError && isReason(refusal, 'Forbidden'))
  assert.equal(refusal.message, 'pods "p" is forbidden: unable to create new content in namespace old because it is being terminated')
  assert.deepEqual(refusal.details?.causes, [
    { reason: 'NamespaceTerminating', message: 'namespace old is being terminated', field: 'metadata.namespace' },
  ])
})

for (const name of ['default', 'kube-system', 'kube-public']) {
  test(`the namespace ${name} stays`, async () => {
    const { client } = await cluster()
    assert.equal(await message(client.delete(namespaces, name)), `namespaces "${name}" is forbidden: this namespace may not be deleted`)
  })
}

test('a namespace that nobody made has no room', async () => {
  const { client } = await cluster()
  assert.equal(
    await message(client.create(configMaps, { metadata: { name: 'c', namespace: 'nowhere' } })),
    'namespaces "nowhere" not found',
  )
})

const lost = (key: string) => ({ key: `node.kubernetes.io/${key}`, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 })

test('a pod stays five minutes on a node that is lost', async () => {
  const { client } = await cluster()
  assert.deepEqual((await client.create(pods, aPod('p'))).spec.tolerations, [lost('not-ready'), lost('unreachable')])
})

test('a pod that says how long it stays is believed', async () => {
  const { client } = await cluster()
  const own = { key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 5 } as const
  assert.deepEqual((await client.create(pods, aPod('p', { tolerations: [own] }))).spec.tolerations, [own, lost('not-ready')])
  assert.deepEqual((await client.create(pods, aPod('q', { tolerations: [{ operator: 'Exists' }] }))).spec.tolerations, [
    { operator: 'Exists' },
  ])
})

test('a pod has the priority of its class', async () => {
  const { client } = await cluster()
  assert.equal((await client.create(pods, aPod('p'))).spec.priority, 0)
  assert.equal((await client.create(pods, aPod('q', { priorityClassName: 'system-node-critical' }))).spec.priority, 2_000_001_000)
  assert.equal(
    await message(client.create(pods, aPod('r', { priorityClassName: 'mine' }))),
    'pods "r" is forbidden: no PriorityClass with name mine was found',
  )
  assert.match(
    await message(client.create(pods, aPod('s', { priority: 7 }))),
    /the integer value of priority \(7\) must not be provided in pod spec/,
  )
})

test('replacing a pod by its own manifest changes nothing', async () => {
  const { client } = await cluster()
  const made = await client.create(pods, aPod('p'))
  const again = await client.update(pods, { ...aPod('p'), metadata: { ...made.metadata } } as Pod)
  assert.equal(again.metadata.resourceVersion, made.metadata.resourceVersion)
})

test('a bound pod can report, and its spec still stands', async () => {
  const { client } = await cluster()
  const made = await client.create(pods, aPod('p'))
  assert.deepEqual(made.status, { phase: 'Pending', qosClass: 'BestEffort' })
  await client.bind('default/p', made.metadata.uid, 'pi-1')
  const running = await client.patch(pods, 'default/p', { status: { phase: 'Running', podIP: '10.42.0.5' } }, 'status')
  assert.equal(running.status?.phase, 'Running')
  assert.match(
    await message(client.patch(pods, 'default/p', { spec: { nodeName: 'pi-2' } })),
    /^Pod "p" is invalid: spec: Forbidden: pod updates may not change fields other than/,
  )
})
