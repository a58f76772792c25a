import assert from 'node:assert/strict'
import { test } from 'node:test'
import { simEnv } from '@bramble/reconcile/sim/sim-env'
import { allAdmissionSteps } from '../../admission/all.ts'
import { serviceRanges } from '../../admission/service-addresses/ranges.ts'
import type { ApiClient } from '../../api/client.ts'
import { LocalClient } from '../../api/local-client.ts'
import { Registry } from '../../api/registry.ts'
import { ResourceService } from '../../api/resource-service.ts'
import { MemoryBackend } from '../../store/backend/memory.ts'
import { openStore } from '../../store/store.ts'
import { allResources } from '../all.ts'
import { flowSchemas } from '../flow-control/flow-schema.ts'
import { priorityLevelConfigurations } from '../flow-control/priority-level-configuration.ts'
import { namespaces } from '../namespace.ts'
import { serviceCidrs } from '../networking/service-cidr.ts'
import { priorityClasses } from '../scheduling/priority-class.ts'
import { storageClasses } from '../storage/storage-class.ts'
import { row } from '../testing.ts'
import { ensureStandardObjects } from './standard-objects.ts'
import type { StandardSettings } from './standard-settings.ts'

const settings: StandardSettings = {
  apiServiceIp: '10.43.0.1',
  serviceNetwork: '10.43.0.0/16',
  advertiseAddress: '192.0.2.10',
  apiPort: 6443,
}

/** A cluster after its first start, and what a later start does. */
async function started() {
  const env = simEnv()
  const store = await openStore(new MemoryBackend(), { volatile: () => false, env })
  const reads: Pick<ApiClient, 'get' | 'list'> = {
    get: (kind, key) => client.get(kind, key),
    list: (kind, options) => client.list(kind, options),
  }
  const admission = allAdmissionSteps({ reads, ranges: serviceRanges(settings.serviceNetwork), env })
  const warnings: string[] = []
  const client: ApiClient = new LocalClient({
    store,
    resources: new ResourceService({ store, registry: new Registry(allResources), admission, env }),
    warn: (message) => warnings.push(message),
  })
  const start = (more: Partial<StandardSettings> = {}) => ensureStandardObjects(client, { ...settings, ...more })
  await start()
  return { client, start, store, warnings }
}

test('a new cluster has its classes, its flows and its network, and nobody is warned', async () => {
  const { client, warnings } = await started()
  assert.deepEqual(
    client.list(storageClasses).map((one) => ({ ...row(storageClasses, one), Age: '' })),
    [
      {
        Name: 'local-path (default)',
        Provisioner: 'bramble.dev/local-path',
        ReclaimPolicy: 'Delete',
        VolumeBindingMode: 'WaitForFirstConsumer',
        AllowVolumeExpansion: false,
        Age: '',
      },
    ],
  )
  assert.deepEqual(
    client.list(priorityClasses).map(({ metadata, value, preemptionPolicy }) => [metadata.name, value, preemptionPolicy]),
    [
      ['system-cluster-critical', 2_000_000_000, 'PreemptLowerPriority'],
      ['system-node-critical', 2_000_001_000, 'PreemptLowerPriority'],
    ],
  )
  assert.deepEqual(
    client.list(flowSchemas).map((one) => row(flowSchemas, one)['MissingPL']),
    ['False', 'False'],
  )
  assert.deepEqual(
    client.list(priorityLevelConfigurations).map(({ metadata }) => metadata.name),
    ['catch-all', 'exempt'],
  )
  const { spec, status } = client.get(serviceCidrs, 'kubernetes')!
  assert.deepEqual([spec.cidrs, status?.conditions?.map(({ type, status: is }) => [type, is])], [['10.43.0.0/16'], [['Ready', 'True']]])
  assert.deepEqual(warnings, [])
})

test('a second start writes nothing', async () => {
  const { start, store } = await started()
  const before = store.revision
  await start()
  assert.equal(store.revision, before)
})

test('what an administrator did to the default StorageClass stands', async () => {
  const { client, start } = await started()
  const annotations = { 'storageclass.kubernetes.io/is-default-class': 'false' }
  await client.patch(storageClasses, 'local-path', { metadata: { annotations } })
  await start()
  assert.equal(client.get(storageClasses, 'local-path')?.metadata.annotations?.['storageclass.kubernetes.io/is-default-class'], 'false')
  await client.delete(storageClasses, 'local-path')
  await start()
  assert.equal(client.get(storageClasses, 'local-path'), undefined)
})

test('a cluster that has a default StorageClass before gets no other', async () => {
  const { client, start } = await started()
  await client.delete(storageClasses, 'local-path')
  await client.patch(namespaces, 'kube-system', { metadata: { annotations: { 'bramble.dev/given': null } } })
  const annotations = { 'storageclass.kubernetes.io/is-default-class': 'true' }
  await client.create(storageClasses, { metadata: { name: 'mine', annotations }, provisioner: 'example.com/disk' })
  await start()
  assert.deepEqual(
    client.list(storageClasses).map(({ metadata }) => metadata.name),
    ['mine'],
  )
})

test('what belongs to the server comes back', async () => {
  const { client, start } = await started()
  await client.delete(flowSchemas, 'catch-all')
  await client.delete(priorityLevelConfigurations, 'exempt')
  await assert.rejects(client.delete(priorityClasses, 'system-node-critical'), { code: 403 })
  await start()
  assert.equal(client.list(flowSchemas).length + client.list(priorityLevelConfigurations).length + client.list(priorityClasses).length, 6)
})

test('with another service network the ServiceCIDR is made anew', async () => {
  const { client, start } = await started()
  const before = client.get(serviceCidrs, 'kubernetes')!
  await start({ serviceNetwork: '10.43.128.0/17' })
  const after = client.get(serviceCidrs, 'kubernetes')!
  assert.deepEqual(after.spec.cidrs, ['10.43.128.0/17'])
  assert.notEqual(after.metadata.uid, before.metadata.uid)
  assert.equal(after.status?.conditions?.[0]?.status, 'True')
})
