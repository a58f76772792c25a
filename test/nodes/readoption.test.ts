import assert from 'node:assert/strict'
import { after, test, type TestContext } from 'node:test'
import { timestamp } from '@bramble/api/duration'
import type { JsonObject } from '@bramble/api/object'
import { DEVICE_KEY, DEVICE_MACHINE, DEVICE_SERIAL, ENROLMENT_SIGNER, READOPT } from '@bramble/api/types/node-identity'
import { readToken, type TokenTerms } from '@bramble/link/join-token'
import { SimClock } from '@bramble/reconcile/sim/sim-clock'
import { systemClock } from '@bramble/reconcile/env'
import type { ResourceDefinition } from '../../apps/control-plane/src/api/resource.ts'
import { certificateSigningRequests } from '../../apps/control-plane/src/resources/certificates/certificate-signing-request.ts'
import { nodes } from '../../apps/control-plane/src/resources/node.ts'
import { secrets } from '../../apps/control-plane/src/resources/secret.ts'
import { parseAgentConfig } from '../../apps/node-agent/src/config.ts'
import type { DeviceFacts } from '../../apps/node-agent/src/node/device-facts.ts'
import { certificateRequest } from '../../apps/node-agent/src/transport/device-key.ts'
import { EnrolmentError, GrpcEnrolmentClient } from '../../apps/node-agent/src/transport/enrolment-client.ts'
import { Membership } from '../../apps/node-agent/src/transport/membership.ts'
import { aControlPlane, anAuthority, envOf, temporaryFolder, warningsTo } from './nodes.fixture.ts'

const pki = await anAuthority({ after })
type Plane = Awaited<ReturnType<typeof aControlPlane>>

const aBoard = (digit: string, machine = digit): DeviceFacts => ({
  serial: `10000000${digit.repeat(8)}`,
  machineId: machine.repeat(32),
  hostname: 'raspberrypi',
  model: 'Raspberry Pi 4 Model B Rev 1.4',
})

/** What an agent on a card of its own does at its first start. */
async function boot(
  t: TestContext,
  plane: Plane,
  device: DeviceFacts,
  terms: Partial<TokenTerms> = {},
  more: Record<string, unknown> = {},
) {
  const folder = await temporaryFolder(t)
  const given = {
    server: 'https://127.0.0.1:6443',
    'stream-port': plane.port,
    token: await plane.token(terms),
    'node-name': 'pi-1',
    ...more,
  }
  const config = parseAgentConfig({ 'data-dir': folder, ...given })
  const clock = new SimClock(systemClock.nowMs())
  const said: string[] = []
  let waits = Promise.withResolvers<string>()
  const open = async () => {
    const membership = await Membership.open(
      config,
      `${folder}/identity`,
      envOf(
        clock,
        warningsTo((message) => waits.resolve(message)),
      ),
      AbortSignal.timeout(20_000),
      {
        device,
        progress: (step, text, isPermanent) => void said.push(`${step}${isPermanent ? '!' : ''} ${text}`),
      },
    )
    return membership!.identity
  }
  const joined = open()
  joined.catch(() => {})
  return {
    clock,
    said,
    joined,
    /** What the agent logs when it has to wait. */
    async waiting(): Promise<string> {
      const message = await waits.promise
      waits = Promise.withResolvers()
      return message
    },
  }
}

async function decide({ client, resources }: Plane, type: 'Approved' | 'Denied'): Promise<void> {
  const request = client.get(certificateSigningRequests, 'pi-1')!
  const conditions = [{ type, status: 'True', lastUpdateTime: timestamp(systemClock.nowMs()) }]
  const admin = {
    user: { name: 'root', groups: [] },
    dryRun: false,
    fieldManager: 'test',
    fieldValidation: 'Strict',
    warn: () => {},
  } as const
  const body = { ...request, status: { conditions } } as unknown as JsonObject
  await resources.update(certificateSigningRequests as ResourceDefinition, 'pi-1', body, admin, 'approval')
}

const annotations = ({ client }: Plane): Record<string, string> => client.get(nodes, 'pi-1')!.metadata.annotations!

test('a board with a new card waits, is approved, and its old card is locked out', { timeout: 30_000 }, async (t) => {
  const plane = await aControlPlane(t, { pki })
  const old = await (await boot(t, plane, aBoard('a'))).joined
  const { [DEVICE_KEY]: oldKey, [DEVICE_SERIAL]: serial, [DEVICE_MACHINE]: machine } = annotations(plane)
  assert.deepEqual([serial, machine], ['10000000aaaaaaaa', 'a'.repeat(32)])
  assert.ok(plane.enrolment.mayConnect('pi-1', oldKey!))

  const again = await boot(t, plane, aBoard('a', 'b'), { ttlMs: 60_000 })
  assert.match(await again.waiting(), /^cannot join yet: waiting for approval: bramble node approve pi-1/)
  assert.match(again.said[0]!, /^joining waiting for approval: bramble node approve pi-1/)
  const { spec, metadata } = plane.client.get(certificateSigningRequests, 'pi-1')!
  assert.deepEqual([spec.signerName, metadata.annotations?.[DEVICE_SERIAL]], [ENROLMENT_SIGNER, '10000000aaaaaaaa'])
  assert.equal(annotations(plane)[DEVICE_KEY], oldKey, 'nothing has changed')
  const usedBy = plane.client.list(secrets).flatMap((secret) => readToken(secret).usedBy)
  assert.equal(usedBy.length, 2, 'the token is kept for this device')

  await decide(plane, 'Approved')
  await again.clock.advance(1_000)
  const identity = await again.joined
  assert.equal(identity.nodeName, 'pi-1')
  const newKey = annotations(plane)[DEVICE_KEY]!
  assert.notEqual(newKey, oldKey)
  assert.equal(annotations(plane)[DEVICE_MACHINE], 'b'.repeat(32))
  assert.deepEqual([plane.enrolment.mayConnect('pi-1', oldKey!), plane.enrolment.mayConnect('pi-1', newKey)], [false, true])
  assert.ok(plane.client.get(certificateSigningRequests, 'pi-1')!.status!.certificate, 'kubectl says Approved,Issued')

  const client = new GrpcEnrolmentClient('127.0.0.1', plane.port, systemClock)
  await assert.rejects(client.renew(old, await certificateRequest(old.key)), (error: unknown) => {
    assert.ok(error instanceof EnrolmentError && error.permanent)
    assert.match(error.message, /is another device now/)
    return true
  })
})

test('a board that is denied hears it once, and does not ask for ever', { timeout: 30_000 }, async (t) => {
  const plane = await aControlPlane(t, { pki })
  await (await boot(t, plane, aBoard('a'))).joined
  const again = await boot(t, plane, aBoard('a', 'b'))
  await again.waiting()
  await decide(plane, 'Denied')
  await again.clock.advance(1_000)
  await assert.rejects(again.joined, /denied this device the name "pi-1"/)
  assert.match(again.said.at(-1)!, /^failed! an operator has denied/)
})

test('a third card of the same board takes the place of the second in the queue', { timeout: 30_000 }, async (t) => {
  const plane = await aControlPlane(t, { pki })
  await (await boot(t, plane, aBoard('a'))).joined
  const second = await boot(t, plane, aBoard('a', 'b'))
  await second.waiting()
  const key = () => plane.client.get(certificateSigningRequests, 'pi-1')!.metadata.annotations![DEVICE_KEY]
  const before = key()
  const third = await boot(t, plane, aBoard('a', 'c'))
  await third.waiting()
  assert.notEqual(key(), before)
  await decide(plane, 'Approved')
  await third.clock.advance(1_000)
  await third.joined
  assert.equal(annotations(plane)[DEVICE_MACHINE], 'c'.repeat(32), 'approval is for the device that was shown')
})

for (const { name, terms, before } of [
  { name: 'a card made for its host name', terms: { nodeName: 'pi-1' }, before: undefined },
  { name: 'a card made for its board', terms: { serial: '10000000aaaaaaaa' }, before: undefined },
  { name: 'a Node that says so', terms: {}, before: { [READOPT]: 'true' } },
])
  test(`a re-flashed board is taken back without a question: ${name}`, { timeout: 30_000 }, async (t) => {
    const plane = await aControlPlane(t, { pki })
    await (await boot(t, plane, aBoard('a'))).joined
    await plane.client.patch(nodes, 'pi-1', { metadata: { labels: { room: 'attic' }, annotations: before ?? {} } })
    await (await boot(t, plane, aBoard('a', 'b'), terms)).joined
    assert.deepEqual([annotations(plane)[DEVICE_MACHINE], annotations(plane)[READOPT]], ['b'.repeat(32), undefined])
    assert.equal(plane.client.get(nodes, 'pi-1')!.metadata.labels!['room'], 'attic', 'what operators put on it stays')
    const third = await boot(t, plane, aBoard('a', 'c'))
    assert.match(await third.waiting(), /waiting for approval/, 'and it counted once')
  })

const refusals: readonly {
  readonly name: string
  readonly board: DeviceFacts
  readonly terms?: Partial<TokenTerms>
  readonly node?: string
  readonly message: RegExp
}[] = [
  { name: 'another board', board: aBoard('b'), message: /belongs to another device \(board 10000000aaaaaaaa\)/ },
  { name: 'a copied card', board: aBoard('b', 'a'), node: 'pi-2', message: /this card is a copy.*systemd-machine-id-setup/ },
  {
    name: 'a token for another name',
    board: aBoard('b'),
    terms: { nodeName: 'pi-7' },
    message: /is for a node named "pi-7", and this one calls itself "pi-1"/,
  },
  {
    name: 'a token for another board',
    board: aBoard('b'),
    terms: { serial: '10000000cccccccc' },
    message: /for the board with serial 10000000cccccccc, and this one has 10000000bbbbbbbb/,
  },
  {
    name: 'a token for other networks',
    board: aBoard('b'),
    terms: { cidrs: ['192.0.2.0/24', '2001:db8::/32'] },
    message: /may be used from 192\.0\.2\.0\/24, 2001:db8::\/32, and this request came from 127\.0\.0\.1/,
  },
  { name: 'an expired token', board: aBoard('b'), terms: { ttlMs: -1_000 }, node: 'pi-2', message: /expired at / },
]
for (const { name, board, terms, node = 'pi-1', message } of refusals)
  test(`${name} is refused for good, with what to do, and its token is left`, { timeout: 30_000 }, async (t) => {
    const plane = await aControlPlane(t, { pki })
    await (await boot(t, plane, aBoard('a'))).joined
    const refused = await boot(t, plane, board, terms, { 'node-name': node })
    await assert.rejects(refused.joined, message)
    assert.match(refused.said.join(), /^failed! /)
    if (name === 'an expired token') assert.match(refused.said[0]!, /make a new card$/)
    assert.equal(plane.client.list(secrets).flatMap((secret) => readToken(secret).usedBy).length, 1)
  })

test('a node has the labels and taints of its token, and its own taints only when it joins', { timeout: 30_000 }, async (t) => {
  const plane = await aControlPlane(t, { pki })
  const gifts = {
    labels: ['room=attic', 'kubernetes.io/os=plan9', 'node-role.kubernetes.io/admin=true'],
    taints: ['dedicated=camera:NoSchedule', 'what'],
  }
  await (await boot(t, plane, aBoard('a'), gifts, { taint: ['slow:PreferNoSchedule'] })).joined
  const { metadata, spec } = plane.client.get(nodes, 'pi-1')!
  assert.deepEqual(metadata.labels, { room: 'attic', 'kubernetes.io/hostname': 'pi-1' })
  const taint = (key: string) => spec.taints?.find((each) => each.key === key)
  assert.deepEqual([taint('dedicated')?.effect, taint('slow')?.effect], ['NoSchedule', 'PreferNoSchedule'])
  await plane.client.patch(nodes, 'pi-1', { spec: { taints: [] } })
  await (await boot(t, plane, aBoard('a', 'b'), { nodeName: 'pi-1' }, { taint: ['slow:PreferNoSchedule'] })).joined
  assert.equal(plane.client.get(nodes, 'pi-1')!.spec.taints?.some(({ key }) => key === 'slow') ?? false, false)
})

test('a Node learns on which board its card is', { timeout: 30_000 }, async (t) => {
  const plane = await aControlPlane(t, { pki })
  await (await boot(t, plane, { ...aBoard('a'), serial: '' })).joined
  assert.equal(annotations(plane)[DEVICE_SERIAL], undefined)
  for (const serial of ['10000000aaaaaaaa', '10000000bbbbbbbb']) {
    await plane.enrolment.seenBoard('pi-1', serial)
    assert.equal(annotations(plane)[DEVICE_SERIAL], serial)
  }
  await plane.enrolment.seenBoard('pi-9', '10000000bbbbbbbb')
})

test('a machine whose host name is the one it came with is called after its board', { timeout: 30_000 }, async (t) => {
  const plane = await aControlPlane(t, { pki })
  const identity = await (await boot(t, plane, aBoard('a'), {}, { 'node-name': undefined })).joined
  assert.equal(identity.nodeName, 'bramble-aaaaaaaa')
})
