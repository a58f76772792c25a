import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { NewObject } from '@bramble/api/object'
import type { ServiceAccount } from '@bramble/api/types/core'
import type { Container, Pod, PodSpec, Volume } from '@bramble/api/types/pod'
import { simEnv } from '@bramble/reconcile/sim/sim-env'
import type { ApiClient } from '../api/client.ts'
import { LocalClient } from '../api/local-client.ts'
import { Registry } from '../api/registry.ts'
import { ResourceService } from '../api/resource-service.ts'
import { allResources } from '../resources/all.ts'
import { namespaces } from '../resources/namespace.ts'
import { shareApiAccess } from '../resources/pod-spec/api-access.ts'
import { pods } from '../resources/pod.ts'
import { serviceAccounts } from '../resources/service-account.ts'
import { MemoryBackend } from '../store/backend/memory.ts'
import { openStore } from '../store/store.ts'
import { ServiceAccountStep } from './service-account.ts'

const MOUNT_PATH = '/var/run/secrets/kubernetes.io/serviceaccount'

async function cluster(t: TestContext, account: Partial<ServiceAccount> | undefined = {}) {
  const env = simEnv(1)
  const store = await openStore(new MemoryBackend(), { env, volatile: () => false })
  t.after(() => store.close())
  const reads: Pick<ApiClient, 'get'> = { get: (kind, key) => client.get(kind, key) }
  const resources = new ResourceService({
    store,
    registry: new Registry(allResources),
    admission: [new ServiceAccountStep(reads, env)],
    env,
  })
  const client = new LocalClient({ store, resources })
  await client.create(namespaces, { metadata: { name: 'shop' } })
  const addAccount = (): Promise<ServiceAccount> =>
    client.create(serviceAccounts, { metadata: { name: 'default', namespace: 'shop' }, ...account } as NewObject<ServiceAccount>)
  return {
    client,
    clock: env.clock,
    addAccount,
    add: (spec: Partial<PodSpec> = {}, annotations = {}) => client.create(pods, aPod(spec, annotations)),
  }
}
const app: Container = { name: 'app', image: 'a:1' }
const aPod = (spec: Partial<PodSpec>, annotations: Record<string, string>): NewObject<Pod> => ({
  metadata: { name: 'web', namespace: 'shop', annotations },
  spec: { containers: [app], ...spec },
})
const refusal = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'no error',
    (error: Error & { code?: number }) => `${error.code} ${error.message}`,
  )
const mountsOf = ({ volumeMounts }: Container): readonly string[] => (volumeMounts ?? []).map(({ mountPath }) => mountPath)

test('every container of a pod can use the API', async (t) => {
  const { add, addAccount } = await cluster(t)
  await addAccount()
  const { spec } = await add({ initContainers: [{ ...app, name: 'first' }], containers: [app, { ...app, name: 'second' }] })
  const [volume, ...more] = spec.volumes!
  assert.deepEqual(more, [])
  assert.match(volume!.name, /^kube-api-access-[bcdfghjklmnpqrstvwxz2456789]{5}$/)
  assert.deepEqual(volume!.projected, {
    defaultMode: 0o644,
    sources: [
      { serviceAccountToken: { path: 'token', expirationSeconds: 3607 } },
      { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
      { downwardAPI: { items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }] } },
    ],
  })
  for (const { volumeMounts } of [...spec.initContainers!, ...spec.containers])
    assert.deepEqual(volumeMounts, [{ name: volume!.name, readOnly: true, mountPath: MOUNT_PATH }])
  assert.equal(spec.serviceAccountName, 'default')
})

const mountCases: readonly { name: string; account?: Partial<ServiceAccount>; spec: Partial<PodSpec>; mounts: boolean }[] = [
  { name: 'a pod that wants no token', spec: { automountServiceAccountToken: false }, mounts: false },
  { name: 'a pod whose account wants no token', account: { automountServiceAccountToken: false }, spec: {}, mounts: false },
  {
    name: 'a pod that wants one though its account does not',
    account: { automountServiceAccountToken: false },
    spec: { automountServiceAccountToken: true },
    mounts: true,
  },
  {
    name: 'a pod that mounts something there itself',
    spec: { containers: [{ ...app, volumeMounts: [{ name: 'own', mountPath: MOUNT_PATH }] }], volumes: [{ name: 'own', emptyDir: {} }] },
    mounts: false,
  },
]
for (const { name, account, spec, mounts } of mountCases)
  test(`${name} gets ${mounts ? 'one' : 'none'}`, async (t) => {
    const { add, addAccount } = await cluster(t, account)
    await addAccount()
    const pod = await add(spec)
    assert.equal(
      (pod.spec.volumes ?? []).some((volume: Volume) => volume.projected !== undefined),
      mounts,
    )
    assert.equal(mountsOf(pod.spec.containers[0]!).length, mounts || spec.containers ? 1 : 0)
  })

test('pull secrets come from the account unless the pod has its own', async (t) => {
  const { add, addAccount, client } = await cluster(t, { imagePullSecrets: [{ name: 'registry' }] })
  await addAccount()
  assert.deepEqual((await add()).spec.imagePullSecrets, [{ name: 'registry' }])
  await client.delete(pods, 'shop/web', { gracePeriodSeconds: 0 })
  assert.deepEqual((await add({ imagePullSecrets: [{ name: 'own' }] })).spec.imagePullSecrets, [{ name: 'own' }])
})

test('a pod of an account that is not there is refused at once', async (t) => {
  const { add } = await cluster(t)
  assert.equal(
    await refusal(add({ serviceAccountName: 'robot' })),
    '403 pods "web" is forbidden: error looking up service account shop/robot: serviceaccount "robot" not found',
  )
})

test('the default account of a new namespace is waited for, a second or two', async (t) => {
  const { add, addAccount, clock } = await cluster(t)
  const creation = add()
  await clock.advance(500)
  await addAccount()
  await clock.advance(500)
  assert.equal((await creation).spec.serviceAccountName, 'default')
})

test('a namespace that never gets one gets no pods', async (t) => {
  const { add, clock } = await cluster(t)
  const told = refusal(add())
  await clock.advance(2_000)
  assert.match(
    await told,
    /^403 pods "web" is forbidden: error looking up service account shop\/default: serviceaccount "default" not found$/,
  )
})

const mirrors: readonly { name: string; spec: Partial<PodSpec>; expect: string }[] = [
  { name: 'nothing', spec: {}, expect: 'no error' },
  { name: 'an account', spec: { serviceAccountName: 'default' }, expect: 'a mirror pod may not reference service accounts' },
  { name: 'a pull secret', spec: { imagePullSecrets: [{ name: 's' }] }, expect: 'a mirror pod may not reference secrets' },
  {
    name: 'a token',
    spec: { volumes: [{ name: 'v', projected: { sources: [{ serviceAccountToken: { path: 'token' } }] } }] },
    expect: 'a mirror pod may not use ServiceAccountToken volume projections',
  },
]
for (const { name, spec, expect } of mirrors)
  test(`a mirror pod that names ${name}`, async (t) => {
    const { add, addAccount, client } = await cluster(t)
    await addAccount()
    const told = await refusal(add(spec, { 'kubernetes.io/config.mirror': 'abc' }))
    assert.equal(told, expect === 'no error' ? expect : `403 pods "web" is forbidden: ${expect}`)
    if (expect === 'no error') assert.deepEqual(client.get(pods, 'shop/web')?.spec.volumes, undefined)
  })

test('pods that are read from the disk share what is the same in all of them', async (t) => {
  const { add, addAccount } = await cluster(t)
  await addAccount()
  const stored = await add()
  const [one, two] = [structuredClone(stored), structuredClone(stored)]
  for (const pod of [one, two]) shareApiAccess(pod)
  assert.equal(one.spec.volumes![0]!.projected, two.spec.volumes![0]!.projected)
  assert.deepEqual(one, stored)
})
