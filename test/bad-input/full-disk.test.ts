import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { systemClock } from '@bramble/reconcile/env'
import { silentLog } from '@bramble/reconcile/log'
import { openBackend } from '../../apps/control-plane/src/store/backend/open.ts'
import { anApi, type Answer, type Api, NS } from './bad-input.fixture.ts'
import { configMap } from './row.ts'

const LEASES = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases'
const ENV = { clock: systemClock, random: () => 0.5, log: silentLog }

async function onDisk(t: TestContext, bytesMax: number) {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-full-'))
  t.after(() => rm(folder, { recursive: true }))
  const path = join(folder, 'store.db')
  const open = (): Promise<Api> => anApi(openBackend({ engine: 'sqlite', path, bytesMax }, ENV))
  return { open }
}

/** Writes until the disk says no. */
async function fill(api: Api): Promise<{ readonly count: number; readonly refused: Answer }> {
  for (let count = 0; count < 100; count++) {
    const answer = await api.send({
      method: 'POST',
      path: `${NS}/configmaps`,
      body: configMap(`m${count}`, { data: { a: 'x'.repeat(20_000) } }),
    })
    if (answer.code !== 201) return { count, refused: answer }
  }
  return assert.fail('the disk never got full')
}

test('a full disk: writes are refused and leave nothing, reads and heartbeats go on, and it ends when there is room', async (t) => {
  const { open } = await onDisk(t, 400_000)
  const api = await open()
  const { count, refused } = await fill(api)
  assert.deepEqual(refused.json, {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    code: 507,
    reason: 'InsufficientStorage',
    message: "the control plane's disk is full and the change is not stored: free some space there, then try again",
  })
  assert.match(String((api.unforeseen[0]!.error as Error).message), /disk is full: free some space in /)

  assert.equal((await api.send({ method: 'GET', path: `${NS}/configmaps/m${count}` })).code, 404)
  assert.equal(
    (
      await api.send({
        method: 'PATCH',
        path: `${NS}/configmaps/m0`,
        body: { data: { b: 'y'.repeat(20_000) } },
        headers: { 'content-type': 'application/merge-patch+json' },
      })
    ).code,
    507,
  )
  const kept = await api.must('GET', `${NS}/configmaps/m0`)
  assert.deepEqual([kept.data.b, kept.data.a.length], [undefined, 20_000])
  assert.equal((await api.send({ method: 'GET', path: '/readyz' })).text, 'ok')

  await api.must('POST', LEASES, { metadata: { name: 'pi-1' }, spec: { holderIdentity: 'pi-1' } })
  const lease = await api.must('GET', `${LEASES}/pi-1`)
  assert.equal((await api.must('PUT', `${LEASES}/pi-1`, { ...lease, spec: { holderIdentity: 'pi-2' } })).spec.holderIdentity, 'pi-2')

  for (let i = 0; i < count; i += 2) await api.must('DELETE', `${NS}/configmaps/m${i}`)
  await api.must('POST', `${NS}/configmaps`, configMap('after', { data: { a: 'x'.repeat(20_000) } }))
  await api.store.close()

  const again = await open()
  const names = (await again.must('GET', `${NS}/configmaps`)).items.map(({ metadata }: { metadata: { name: string } }) => metadata.name)
  assert.deepEqual(
    names,
    [
      'after',
      ...Array.from({ length: count }, (_, i) => `m${i}`)
        .filter((_, i) => i % 2 === 1)
        .sort(),
    ].sort(),
  )
  await again.store.close()
})
