import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { after, test, type TestContext } from 'node:test'
import { type Env, systemClock } from '@bramble/reconcile/env'
import { SimClock } from '@bramble/reconcile/sim/sim-clock'
import { keyFingerprint } from '../../apps/control-plane/src/pki/pki.ts'
import { nodes } from '../../apps/control-plane/src/resources/node.ts'
import { certificateRequest, newDeviceKey } from '../../apps/node-agent/src/transport/device-key.ts'
import { EnrolmentError, GrpcEnrolmentClient } from '../../apps/node-agent/src/transport/enrolment-client.ts'
import type { Identity } from '../../apps/node-agent/src/transport/identity.ts'
import type { Membership } from '../../apps/node-agent/src/transport/membership.ts'
import { aControlPlane, anAuthority, envOf, openMembership, ShiftedClock, temporaryFolder, warningsTo } from './nodes.fixture.ts'

const DAY_MS = 86_400_000
const clock = new ShiftedClock()
const pki = await anAuthority({ after }, clock)
const otherPki = await anAuthority({ after })

/** A node that joined `daysAgo`, as it is found today. */
async function aNode(t: TestContext, daysAgo = 0) {
  const plane = await aControlPlane(t, { pki, clock })
  const folder = await temporaryFolder(t)
  clock.shiftMs = -daysAgo * DAY_MS
  const given = { server: 'https://127.0.0.1:6443', 'stream-port': plane.port, token: await plane.token(), 'node-name': 'pi-1' }
  const membership = (await openMembership(folder, given))!
  clock.shiftMs = 0
  return { plane, folder, membership, first: membership.identity }
}

/** Lets the membership keep itself until `told`; returns after it has stopped. */
async function keepUntil(membership: Membership, told: Promise<unknown>): Promise<void> {
  const stop = new AbortController()
  const kept = membership.keep(stop.signal)
  await told
  stop.abort()
  await kept
}

const daysLeft = ({ certificate }: Identity): number =>
  Math.round((new X509Certificate(certificate).validToDate.getTime() - systemClock.nowMs()) / DAY_MS)

/** An Env that tells when a certificate was renewed. */
function watchingRenewals(base: Env): { readonly env: Env; readonly renewed: Promise<void>; readonly count: () => number } {
  const { promise: renewed, resolve } = Promise.withResolvers<void>()
  let count = 0
  const info = (message: string): void => {
    if (message !== 'certificate renewed') return
    count++
    resolve()
  }
  return { env: { ...base, log: { ...base.log, info } }, renewed, count: () => count }
}

for (const { name, daysAgo } of [
  { name: 'has a third of its time left', daysAgo: 250 },
  { name: 'ran out while the node was off', daysAgo: 400 },
])
  test(`a certificate that ${name} is renewed for the same key`, { timeout: 20_000 }, async (t) => {
    const { folder, first } = await aNode(t, daysAgo)
    assert.equal(daysLeft(first), 365 - daysAgo)
    const { env, renewed } = watchingRenewals(envOf(systemClock))
    const membership = (await openMembership(folder, {}, env))!
    await keepUntil(membership, renewed)
    assert.equal(daysLeft(membership.identity), 365)
    assert.deepEqual({ ...membership.identity, certificate: '' }, { ...first, certificate: '' })
    assert.equal(
      keyFingerprint(new X509Certificate(membership.identity.certificate)),
      keyFingerprint(new X509Certificate(first.certificate)),
    )
    assert.deepEqual((await openMembership(folder, {}))!.identity, membership.identity, 'and kept')
  })

test('a fresh certificate is left alone', async (t) => {
  const { folder, first } = await aNode(t)
  const sim = new SimClock(systemClock.nowMs())
  const { env, count } = watchingRenewals(envOf(sim))
  const membership = (await openMembership(folder, {}, env))!
  await keepUntil(membership, sim.advance(7 * DAY_MS))
  assert.deepEqual([count(), membership.identity], [0, first])
})

test('a renewal that fails is tried again, with the certificate that there is', { timeout: 20_000 }, async (t) => {
  const { plane, folder, first } = await aNode(t, 300)
  await plane.stop()
  const sim = new SimClock(systemClock.nowMs())
  const { promise: warned, resolve } = Promise.withResolvers<string>()
  const { env, renewed } = watchingRenewals(envOf(sim, warningsTo(resolve)))
  const membership = (await openMembership(folder, {}, env))!
  await keepUntil(
    membership,
    (async () => {
      assert.equal(await warned, 'the certificate could not be renewed, will retry')
      assert.deepEqual(membership.identity, first)
      await plane.start()
      await sim.advance(1_000)
      await renewed
    })(),
  )
  assert.equal(daysLeft(membership.identity), 365)
})

test('a node whose clock is far ahead renews now and then, not without end', { timeout: 20_000 }, async (t) => {
  const { plane, folder, first } = await aNode(t)
  const sim = new SimClock(systemClock.nowMs() + 300 * DAY_MS)
  const { env, renewed, count } = watchingRenewals(envOf(sim))
  const client = new GrpcEnrolmentClient('127.0.0.1', plane.port, systemClock)
  const meanwhile = async (): Promise<void> => {
    await renewed
    for (let i = 0; i < 3; i++) await client.renew(first, await certificateRequest(first.key)) // time enough for another of its own
  }
  await keepUntil((await openMembership(folder, {}, env))!, meanwhile())
  assert.equal(count(), 1)
})

type Request = { readonly identity: Identity; readonly csr: Uint8Array }
const refusals: readonly {
  readonly name: string
  readonly request: (node: Awaited<ReturnType<typeof aNode>>) => Promise<Partial<Request>>
  readonly message: RegExp
}[] = [
  {
    name: 'the certificate of another cluster',
    request: async ({ first }) => ({
      identity: { ...first, certificate: await otherPki.certifyNode('pi-1', await certificateRequest(first.key)) },
    }),
    message: /not from this cluster; join again/,
  },
  {
    name: "a certificate that is no node's",
    request: async ({ first }) => ({ identity: { ...first, certificate: pki.admin.certificate } }),
    message: /not from this cluster/,
  },
  {
    name: 'a request for another key',
    request: async () => ({ csr: await certificateRequest(newDeviceKey()) }),
    message: /signed with another key/,
  },
  {
    name: 'a request that is none',
    request: async () => ({ csr: Buffer.from('what?') }),
    message: /request is malformed or its signature is wrong/,
  },
  {
    name: 'a request whose signature is wrong',
    request: async ({ first }) => ({ csr: flipLastBit(await certificateRequest(first.key)) }),
    message: /request is malformed or its signature is wrong/,
  },
  {
    name: 'a node whose name another device has taken since',
    request: async ({ plane }) => {
      await plane.client.delete(nodes, 'pi-1')
      await new GrpcEnrolmentClient('127.0.0.1', plane.port, systemClock).enrol(await plane.token(), {
        nodeName: 'pi-1',
        csr: await certificateRequest(newDeviceKey()),
      })
      return {}
    },
    message: /is another device now, or was removed/,
  },
]
for (const { name, request, message } of refusals)
  test(`${name} is not renewed`, async (t) => {
    const node = await aNode(t)
    const { identity = node.first, csr = await certificateRequest(node.first.key) } = await request(node)
    const client = new GrpcEnrolmentClient('127.0.0.1', node.plane.port, systemClock)
    await assert.rejects(client.renew(identity, csr), (error: unknown) => {
      assert.ok(error instanceof EnrolmentError)
      assert.match(error.message, message)
      assert.equal(error.permanent, true)
      return true
    })
  })

test('a node sends its request to no server that its own authority has not certified', async (t) => {
  const { first } = await aNode(t)
  const impostor = await aControlPlane(t, { pki: otherPki })
  const client = new GrpcEnrolmentClient('127.0.0.1', impostor.port, systemClock)
  await assert.rejects(
    client.renew(first, await certificateRequest(first.key)),
    (error: unknown) => error instanceof EnrolmentError && !error.permanent,
  )
})

function flipLastBit(bytes: Uint8Array): Uint8Array {
  const flipped = Uint8Array.from(bytes)
  flipped[flipped.length - 1]! ^= 1
  return flipped
}
