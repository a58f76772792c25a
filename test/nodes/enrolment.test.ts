import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { existsSync, statSync } from 'node:fs'
import { cp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { readToken } from '@bramble/link/join-token'
import { SimClock } from '@bramble/reconcile/sim/sim-clock'
import { systemClock } from '@bramble/reconcile/env'
import { DEVICE_KEY } from '@bramble/api/types/node-identity'
import { keyFingerprint } from '../../apps/control-plane/src/pki/pki.ts'
import { nodes } from '../../apps/control-plane/src/resources/node.ts'
import { secrets } from '../../apps/control-plane/src/resources/secret.ts'
import { certificateRequest, newDeviceKey } from '../../apps/node-agent/src/transport/device-key.ts'
import { EnrolmentError, GrpcEnrolmentClient } from '../../apps/node-agent/src/transport/enrolment-client.ts'
import { MembershipError } from '../../apps/node-agent/src/transport/identity.ts'
import { aControlPlane, anAuthority, envOf, openMembership, temporaryFolder, warningsTo } from './nodes.fixture.ts'

const pki = await anAuthority({ after })
const otherPki = await anAuthority({ after })

/** Refused for good, with a message for the operator. */
const refusal =
  (message: RegExp) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof EnrolmentError || error instanceof MembershipError, String(error))
    assert.match(error.message, message)
    assert.equal(error.permanent, true)
    return true
  }

const urlOf = (port: number): string => `https://127.0.0.1:${port}`
const joining = (plane: { readonly port: number }, token: string, name = 'pi-1') => ({
  server: urlOf(6443),
  'stream-port': plane.port,
  token,
  'node-name': name,
})

test('a machine with a token becomes a node that keeps its key, its certificate and whom it trusts', async (t) => {
  const plane = await aControlPlane(t, { pki })
  const folder = await temporaryFolder(t)
  const membership = await openMembership(folder, joining(plane, await plane.token()))
  const { nodeName, certificate, authority, key, ...place } = membership!.identity
  assert.deepEqual(place, {
    server: urlOf(6443),
    mqttPort: 8883,
    streamPort: plane.port,
    podNetwork: '10.42.0.0/16',
    serviceNetwork: '10.43.0.0/16',
  })
  const parsed = new X509Certificate(certificate)
  assert.equal(parsed.subject, 'O=system:nodes\nCN=system:node:pi-1')
  assert.ok(parsed.verify(new X509Certificate(pki.authority).publicKey))
  assert.equal(authority.trim(), pki.authority.trim())
  assert.equal(statSync(join(folder, 'identity', 'node.key')).mode & 0o777, 0o600)
  assert.equal(await readFile(join(folder, 'identity', 'node.key'), 'utf8'), key)

  const node = plane.client.get(nodes, nodeName)!
  assert.deepEqual(
    [node.metadata.annotations?.[DEVICE_KEY], node.metadata.labels?.['kubernetes.io/hostname']],
    [keyFingerprint(parsed), 'pi-1'],
  )
  const again = await openMembership(folder, {})
  assert.deepEqual(again!.identity, membership!.identity, 'the second start asks nobody')
})

test('a token file is removed once the machine has joined, and not before', async (t) => {
  const plane = await aControlPlane(t, { pki })
  const folder = await temporaryFolder(t)
  const file = join(folder, 'token')
  const { token, ...given } = joining(plane, `${await plane.token()}\n`)
  await writeFile(file, token.replace(/.\n$/, '!\n'))
  await assert.rejects(openMembership(folder, { ...given, 'token-file': file }), refusal(/malformed/))
  assert.ok(existsSync(file))
  await writeFile(file, token)
  await openMembership(folder, { ...given, 'token-file': file })
  assert.ok(!existsSync(file))
  await writeFile(file, token)
  await openMembership(folder, { ...given, 'token-file': file })
  assert.ok(!existsSync(file), 'one that was put back is a secret that nobody needs')
})

test('a device whose answer was lost repeats its request with the same token, and the token counts once', async (t) => {
  const plane = await aControlPlane(t, { pki })
  const token = await plane.token({ uses: 1 })
  const key = newDeviceKey()
  const client = new GrpcEnrolmentClient('127.0.0.1', plane.port, systemClock)
  const enrol = async () =>
    new X509Certificate((await client.enrol(token, { nodeName: 'pi-1', csr: await certificateRequest(key) })).certificate)
  const [first, second] = [await enrol(), await enrol()]
  assert.equal(keyFingerprint(first), keyFingerprint(second))
  assert.equal(readToken(plane.client.list(secrets)[0]!).usedBy.length, 1)
  await assert.rejects(client.enrol(token, { nodeName: 'pi-2', csr: await certificateRequest(key) }), refusal(/used up \(1 of 1\)/))
})

test('many machines join at once with one token; each use is counted', async (t) => {
  const plane = await aControlPlane(t, { pki })
  const token = await plane.token({ uses: 3 })
  const client = new GrpcEnrolmentClient('127.0.0.1', plane.port, systemClock)
  const outcomes = await Promise.allSettled(
    ['a', 'b', 'c', 'd'].map(async (nodeName) => client.enrol(token, { nodeName, csr: await certificateRequest(newDeviceKey()) })),
  )
  assert.deepEqual(outcomes.map(({ status }) => status).sort(), ['fulfilled', 'fulfilled', 'fulfilled', 'rejected'])
  assert.equal(plane.client.list(nodes).length, 3)
})

test('a control plane that cannot be reached is asked again, until the node is told to stop', async (t) => {
  const plane = await aControlPlane(t, { pki })
  const token = await plane.token()
  await plane.stop()
  const clock = new SimClock(systemClock.nowMs())
  let warned = Promise.withResolvers<string>()
  const env = envOf(
    clock,
    warningsTo((message) => warned.resolve(message)),
  )
  const stop = new AbortController()
  const given = joining(plane, token)
  const folder = await temporaryFolder(t)

  const givenUp = openMembership(folder, given, env, stop.signal)
  assert.match(
    await warned.promise,
    new RegExp(`^cannot join yet: cannot reach the control plane's stream port at 127.0.0.1:${plane.port}: .*ECONNREFUSED`),
  )
  stop.abort()
  assert.equal(await givenUp, undefined)

  warned = Promise.withResolvers()
  const joined = openMembership(folder, given, env)
  await warned.promise
  await plane.start()
  await clock.advance(1_000)
  assert.equal((await joined)!.identity.nodeName, 'pi-1')
})

const bad: readonly {
  readonly name: string
  readonly given: (plane: Awaited<ReturnType<typeof aControlPlane>>) => Promise<Record<string, unknown>>
  readonly message: RegExp
}[] = [
  {
    name: 'a token that nobody made',
    given: async (plane) => joining(plane, (await plane.token()).replace(/.{4}$/, '0000')),
    message: /join token is wrong or has been deleted; create one/,
  },
  {
    name: 'a token with an unknown id',
    given: async (plane) => joining(plane, (await plane.token()).replace(/\.[a-z0-9]{6}\./, '.zzzzzz.')),
    message: /join token is wrong or has been deleted/,
  },
  {
    name: 'a token that was used up',
    given: async (plane) => {
      const token = await plane.token({ uses: 1 })
      await new GrpcEnrolmentClient('127.0.0.1', plane.port, systemClock).enrol(token, {
        nodeName: 'pi-9',
        csr: await certificateRequest(newDeviceKey()),
      })
      return joining(plane, token)
    },
    message: /used up \(1 of 1\)/,
  },
  {
    name: 'a token that has expired',
    given: async (plane) => joining(plane, await plane.token({ ttlMs: -1000 })),
    message: /join token expired at 20/,
  },
  {
    name: 'half a token',
    given: async (plane) => joining(plane, (await plane.token()).slice(0, 80)),
    message: /malformed .* paste the whole line/,
  },
  {
    name: 'the token of another cluster',
    given: async (plane) => {
      const token = await plane.token()
      return joining(plane, `b1.${keyFingerprint(new X509Certificate(otherPki.authority))}.${token.split('.').slice(2).join('.')}`)
    },
    message: /is not the one that made this token \(its authority differs\); check --server/,
  },
  {
    name: 'no token',
    given: async (plane) => ({ ...joining(plane, ''), token: undefined }),
    message: /has not joined a cluster; say --token/,
  },
  {
    name: 'a token file that is not there',
    given: async (plane) => ({ ...joining(plane, ''), token: undefined, 'token-file': '/nowhere/token' }),
    message: /has not joined a cluster; say --token/,
  },
  { name: 'no server', given: async (plane) => ({ token: await plane.token() }), message: /say --server and --token/ },
  {
    name: 'a node name that is no DNS name',
    given: async (plane) => joining(plane, await plane.token(), 'pi..1'),
    message: /node name "pi\.\.1" must be at most 63 lower case letters/,
  },
  {
    name: 'a node name that another device has',
    given: async (plane) => {
      await new GrpcEnrolmentClient('127.0.0.1', plane.port, systemClock).enrol(await plane.token(), {
        nodeName: 'pi-1',
        csr: await certificateRequest(newDeviceKey()),
      })
      return joining(plane, await plane.token())
    },
    message: /node name "pi-1" belongs to another device; .*bramble token create --hostname pi-1.*bramble node remove pi-1/,
  },
]
for (const { name, given, message } of bad)
  test(`${name} is refused for good, and leaves no node and no used token behind`, async (t) => {
    const plane = await aControlPlane(t, { pki })
    const folder = await temporaryFolder(t)
    const settings = await given(plane)
    const before = plane.store.revision
    await assert.rejects(openMembership(folder, settings), refusal(message))
    assert.equal(plane.store.revision, before)
    assert.ok(!existsSync(join(folder, 'identity', 'node.crt')))
  })

test('a node that joined is not moved by accident', async (t) => {
  const plane = await aControlPlane(t, { pki })
  const folder = await temporaryFolder(t)
  await openMembership(folder, joining(plane, await plane.token()))
  await assert.rejects(openMembership(folder, { 'node-name': 'pi-2' }), refusal(/joined as node "pi-1", not "pi-2"; .*bramble reset --yes/))
  const other = await aControlPlane(t, { pki: otherPki })
  await assert.rejects(
    openMembership(folder, { token: await other.token() }),
    refusal(/is a node of another cluster .*bramble reset --yes/),
  )
  await assert.rejects(openMembership(folder, { token: 'b1.what' }), refusal(/malformed/))
  assert.equal(
    (await openMembership(folder, { token: await plane.token(), server: 'https://10.0.0.1:6443' }))!.identity.server,
    'https://10.0.0.1:6443',
  )
  assert.equal((await openMembership(folder, {}))!.identity.server, 'https://10.0.0.1:6443', 'a new address is kept')
})

test('damaged files of the identity are named, with what to do', async (t) => {
  const plane = await aControlPlane(t, { pki })
  const good = await temporaryFolder(t)
  await openMembership(good, joining(plane, await plane.token()))
  const damages: readonly (readonly [string, string | undefined])[] = [
    ['node.key', 'no key'],
    ['node.key', newDeviceKey()],
    ['node.key', undefined],
    ['node.crt', ''],
    ['node.crt', pki.server.certificate],
    ['ca.crt', otherPki.authority],
    ['ca.crt', undefined],
    ['place.json', '{"server'],
    ['place.json', 'null'],
    ['place.json', '{}'],
    ['place.json', undefined],
  ]
  for (const [file, text] of damages) {
    const folder = await temporaryFolder(t)
    await cp(good, folder, { recursive: true })
    await rm(join(folder, 'identity', file))
    if (text !== undefined) await writeFile(join(folder, 'identity', file), text)
    await assert.rejects(
      openMembership(folder, {}),
      refusal(/identity\/[\w.]+ is damaged \(.*\); remove .*identity and join again with a new token/),
      `${file}: ${text}`,
    )
  }
})

test('a join that was cut before its certificate was written is repeated with the same key', async (t) => {
  const plane = await aControlPlane(t, { pki })
  const folder = await temporaryFolder(t)
  const given = joining(plane, await plane.token({ uses: 1 }))
  const { identity } = (await openMembership(folder, given))!
  await rm(join(folder, 'identity', 'node.crt'))
  assert.equal((await openMembership(folder, given))!.identity.key, identity.key)
})
