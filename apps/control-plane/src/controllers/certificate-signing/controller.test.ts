import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { timestamp } from '@bramble/api/duration'
import type { JsonObject } from '@bramble/api/object'
import type { CertificateSigningRequest } from '@bramble/api/types/certificates'
import type { ResourceDefinition } from '../../api/resource.ts'
import { makeAuthority } from '../../pki/certificates.ts'
import { requestOf } from '../../resources/certificates/certificate-request.fixture.ts'
import { certificateSigningRequests } from '../../resources/certificates/certificate-signing-request.ts'
import { testBench } from '../test-bench.ts'
import { certificateSigningController } from './controller.ts'
import type { CertificateSigner, CertificateWish } from './signer.ts'

const HOUR_MS = 3_600_000
const request = requestOf('/CN=jane')
const { certificate } = await makeAuthority('test', Date.UTC(2026, 0, 1))
const admin = {
  user: { name: 'root', groups: [] },
  dryRun: false,
  fieldManager: 'test',
  fieldValidation: 'Strict',
  warn: () => {},
} as const

/** A cluster with one request for a certificate, and a signer that fails as often as `failures`. */
async function requested(t: TestContext, { usages = ['client auth'], failures = 0 } = {}) {
  const wishes: CertificateWish[] = []
  const certificates: CertificateSigner = {
    certifyRequest: async (wish) => {
      wishes.push(wish)
      if (wishes.length <= failures) throw new Error('no memory for a worker')
      return certificate
    },
  }
  const bench = await testBench(t, [
    { ...certificateSigningController, create: (deps) => certificateSigningController.create({ ...deps, certificates }) },
  ])
  const { client, clock, service } = bench
  const spec = { request, usages, signerName: 'kubernetes.io/kube-apiserver-client', expirationSeconds: 600 }
  await client.create<CertificateSigningRequest>(certificateSigningRequests, { metadata: { name: 'jane' }, spec })
  const decide = async (type: string): Promise<void> => {
    const conditions = [{ type, status: 'True', lastUpdateTime: timestamp(clock.nowMs()) }]
    const body = { metadata: { name: 'jane' }, status: { conditions } } as JsonObject
    await service.update(certificateSigningRequests as ResourceDefinition, 'jane', body, admin, 'approval')
    await bench.pass(1)
  }
  const current = () => client.get(certificateSigningRequests, 'jane')
  return { ...bench, wishes, decide, current }
}

test('an approved request is signed once, and goes when it has been fetched', async (t) => {
  const { pass, wishes, decide, current } = await requested(t)
  await pass(HOUR_MS)
  assert.equal(wishes.length, 0)
  await decide('Approved')
  assert.equal(Buffer.from(current()!.status!.certificate!, 'base64').toString(), certificate)
  assert.deepEqual([wishes.length, wishes[0]!.durationMs], [1, 600_000])
  await pass(HOUR_MS - 10_000)
  assert.ok(current())
  await pass(20_000)
  assert.deepEqual([current(), wishes.length], [undefined, 1])
})

test('signing is tried again when it did not work', async (t) => {
  const { pass, wishes, decide, current } = await requested(t, { failures: 3 })
  await decide('Approved')
  await pass(60_000)
  assert.equal(wishes.length, 4)
  assert.ok(current()!.status!.certificate)
})

test('a request that no client certificate can fulfil fails, and says why', async (t) => {
  const { wishes, decide, current } = await requested(t, { usages: ['server auth'] })
  await decide('Approved')
  const { conditions, certificate: none } = current()!.status!
  assert.deepEqual(
    conditions!.map(({ type, reason, message }) => [type, reason, message]),
    [
      ['Approved', undefined, undefined],
      ['Failed', 'SignerValidationFailure', 'invalid usage for client certificate: server auth'],
    ],
  )
  assert.deepEqual([none, wishes.length], [undefined, 0])
})

test('a denied request is not signed, and goes', async (t) => {
  const { pass, wishes, decide, current } = await requested(t)
  await decide('Denied')
  assert.equal(wishes.length, 0)
  await pass(HOUR_MS + 10_000)
  assert.equal(current(), undefined)
})

test('a request that nobody looks at goes after a day', async (t) => {
  const { pass, current } = await requested(t)
  await pass(23 * HOUR_MS)
  assert.ok(current())
  await pass(2 * HOUR_MS)
  assert.equal(current(), undefined)
})
