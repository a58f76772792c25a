import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ClaimSpec, PersistentVolumeClaim } from '@bramble/api/types/volume'
import { simEnv } from '@bramble/reconcile/sim/sim-env'
import type { ApiClient } from '../api/client.ts'
import { LocalClient } from '../api/local-client.ts'
import { Registry } from '../api/registry.ts'
import { ResourceService } from '../api/resource-service.ts'
import { allResources } from '../resources/all.ts'
import { namespaces } from '../resources/namespace.ts'
import { persistentVolumeClaims } from '../resources/persistent-volume-claim.ts'
import { storageClasses } from '../resources/storage/storage-class.ts'
import { MemoryBackend } from '../store/backend/memory.ts'
import { openStore } from '../store/store.ts'
import { ClaimResize } from './claim-resize.ts'
import { storageProtection } from './storage-protection.ts'

async function cluster() {
  const env = simEnv(1)
  const store = await openStore(new MemoryBackend(), { env, volatile: () => false })
  const reads: Pick<ApiClient, 'get'> = { get: (kind, key) => client.get(kind, key) }
  const resources = new ResourceService({
    store,
    registry: new Registry(allResources),
    admission: [storageProtection, new ClaimResize(reads)],
    env,
  })
  const client = new LocalClient({ store, resources })
  await client.create(namespaces, { metadata: { name: 'shop' } })
  for (const [name, allowVolumeExpansion] of [
    ['grows', true],
    ['stays', false],
  ] as const)
    await client.create(storageClasses, { metadata: { name }, provisioner: 'disk.example.com', allowVolumeExpansion })
  const claim =
    (storageClassName: string, phase: 'Bound' | 'Pending') =>
    async (spec: ClaimSpec): Promise<string> => {
      const made = await client.create(persistentVolumeClaims, {
        metadata: { name: 'c', namespace: 'shop' },
        spec: { accessModes: ['ReadWriteOnce'], storageClassName, volumeName: 'v', resources: { requests: { storage: '1Gi' } } },
      })
      assert.deepEqual(made.metadata.finalizers, ['kubernetes.io/pvc-protection'])
      await client.updateStatus<PersistentVolumeClaim>(persistentVolumeClaims, { ...structuredClone(made), status: { phase } })
      return client.patch(persistentVolumeClaims, 'shop/c', { spec }).then(
        () => 'taken',
        (error: Error) => error.message,
      )
    }
  return { client, claim }
}
const ask = (storage: string): ClaimSpec => ({ resources: { requests: { storage } } })
const refused = (why: string): RegExp => new RegExp(`^persistentvolumeclaims "c" is forbidden: ${why}`)

test('a bound claim may grow where its class allows it', async () => {
  const { claim } = await cluster()
  assert.equal(await claim('grows', 'Bound')(ask('2Gi')), 'taken')
})
test('a bound claim may not grow where its class does not', async () => {
  const { claim } = await cluster()
  assert.match(await claim('stays', 'Bound')(ask('2Gi')), refused('only dynamically provisioned pvc can be resized and the storageclass'))
})
test('a claim that is not bound cannot grow at all', async () => {
  const { claim } = await cluster()
  assert.match(
    await claim('grows', 'Pending')(ask('2Gi')),
    /spec is immutable after creation|Only bound persistent volume claims can be expanded/,
  )
})
test('the same size in other words is no growth', async () => {
  const { claim } = await cluster()
  assert.equal(await claim('stays', 'Bound')(ask('1024Mi')), 'taken')
})
