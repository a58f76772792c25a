import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, test, type TestContext } from 'node:test'
import { MqttLink } from '@bramble/link/mqtt/mqtt-link'
import { systemClock } from '@bramble/reconcile/env'
import { SimClock } from '@bramble/reconcile/sim/sim-clock'
import { bramble, serverFlags, startServer, temporaryFolder } from '../../apps/cli/src/cli.fixture.ts'
import { openCluster } from '../../apps/cli/src/cluster.ts'
import { parseAgentConfig } from '../../apps/node-agent/src/config.ts'
import { certificateRequest } from '../../apps/node-agent/src/transport/device-key.ts'
import { GrpcEnrolmentClient } from '../../apps/node-agent/src/transport/enrolment-client.ts'
import type { Identity } from '../../apps/node-agent/src/transport/identity.ts'
import { Membership } from '../../apps/node-agent/src/transport/membership.ts'
import { envOf, warningsTo } from './nodes.fixture.ts'

// A real control plane, its command, and what an agent does until its link is open.

const LIMIT = { timeout: 60_000 }
const folder = await temporaryFolder({ after })
const flags = await serverFlags(folder)
const server = startServer({ after }, ...flags)
await server.ready
const here = ['--data-dir', folder]
const streamPort = Number(flags.at(-1))

async function tokenFor(...options: readonly string[]): Promise<string> {
  const { stdout, stderr } = await bramble('token', 'create', ...here, ...options)
  return / --token (\S+)/.exec(stdout)?.[1] ?? assert.fail(stderr)
}

/** A card's first start on a board. */
async function boot(t: TestContext, name: string, board: string, card: string, token: string) {
  const data = await temporaryFolder(t)
  const config = parseAgentConfig({ server: `https://127.0.0.1:${flags[7]}`, 'stream-port': streamPort, token, 'node-name': name })
  const clock = new SimClock(systemClock.nowMs())
  const waits = Promise.withResolvers<string>()
  const env = envOf(
    clock,
    warningsTo((message) => waits.resolve(message)),
  )
  const device = {
    serial: `10000000${board.repeat(8)}`,
    machineId: card.repeat(32),
    hostname: name,
    model: 'Raspberry Pi 4 Model B Rev 1.4',
  }
  const joined = Membership.open(config, data, env, AbortSignal.timeout(30_000), { device }).then((membership) => membership!.identity)
  joined.catch(() => {})
  return { clock, joined, waits: waits.promise }
}

const linkOf = (identity: Identity): MqttLink =>
  new MqttLink({
    nodeName: identity.nodeName,
    host: '127.0.0.1',
    port: identity.mqttPort,
    credentials: () => identity,
    env: envOf(systemClock),
  })
const connect = (identity: Identity) => linkOf(identity).open({ agentVersion: '1' }, AbortSignal.timeout(20_000))
const rows = async (): Promise<readonly string[]> => (await bramble('node', 'list', ...here)).stdout.trimEnd().split('\n').slice(1)

test('a card that was stolen is locked out the moment its board is approved with a new one', LIMIT, async (t) => {
  const old = await (await boot(t, 'pi-1', 'a', 'a', await tokenFor())).joined
  const stolen = await connect(old)
  assert.ok(Math.abs(stolen.serverTimeMs! - systemClock.nowMs()) < 60_000)

  const again = await boot(t, 'pi-1', 'a', 'b', await tokenFor())
  assert.match(await again.waits, /waiting for approval: bramble node approve pi-1/)
  const listed = await rows()
  assert.match(listed[0]!, /^pi-1 +NotReady +<none> +10000000aaaaaaaa +Raspberry Pi 4 Model B Rev 1\.4 +<none> +\d+s$/)
  assert.match(listed[1]!, /^pi-1 +Pending approval +<none> +10000000aaaaaaaa +Raspberry Pi 4 Model B Rev 1\.4 +127\.0\.0\.1 +\d+s$/)
  assert.match(listed.at(-1)!, /^1 waiting; let one in with: bramble node approve pi-1/)

  const approved = await bramble('node', 'approve', 'pi-1', ...here)
  assert.match(approved.stdout, /^node "pi-1" approved for board 10000000aaaaaaaa \(Raspberry Pi 4 .*\) at 127\.0\.0\.1/)
  await again.clock.advance(1_000)
  const identity = await again.joined
  await stolen.closed
  await assert.rejects(connect(old), /refuses this node's certificate/)
  const client = new GrpcEnrolmentClient('127.0.0.1', streamPort, systemClock)
  await assert.rejects(client.renew(old, await certificateRequest(old.key)), /is another device now/)
  const session = await connect(identity)
  assert.equal((await session.assignments[Symbol.asyncIterator]().next()).value?.type, 'complete', 'it is told everything anew')
  await session.close()
  assert.equal((await bramble('node', 'approve', 'pi-1', ...here)).code, 0, 'saying it twice is fine')
  const { code, stderr } = await bramble('node', 'deny', 'pi-1', ...here)
  assert.deepEqual(
    [code, stderr],
    [2, 'bramble: node "pi-1" was approved before; that stays. To be asked again: kubectl delete csr pi-1\n'],
  )
})

test('a device that is denied hears why', LIMIT, async (t) => {
  await (await boot(t, 'pi-2', 'c', 'c', await tokenFor())).joined
  const again = await boot(t, 'pi-2', 'c', 'd', await tokenFor())
  await again.waits
  assert.match((await bramble('node', 'deny', 'pi-2', ...here)).stdout, /^board 10000000cccccccc .* denied the name "pi-2"/)
  await again.clock.advance(1_000)
  await assert.rejects(again.joined, /an operator has denied this device the name "pi-2"/)
})

test('a node that was removed does not come back with its old certificate, and does with a new token', LIMIT, async (t) => {
  const identity = await (await boot(t, 'pi-3', 'e', 'e', await tokenFor('--label', 'room=attic'))).joined
  const session = await connect(identity)
  assert.match((await bramble('node', 'remove', 'pi-3', ...here)).stdout, /^node "pi-3" removed; its certificate is worth nothing now/)
  await session.closed
  await assert.rejects(connect(identity), /refuses this node's certificate/)
  assert.ok(!(await rows()).some((line) => line.startsWith('pi-3')))

  const client = new GrpcEnrolmentClient('127.0.0.1', streamPort, systemClock)
  await assert.rejects(client.renew(identity, await certificateRequest(identity.key)), /or was removed/)
  const enrolled = await client.enrol(await tokenFor(), { nodeName: 'pi-3', csr: await certificateRequest(identity.key) })
  await (await connect({ ...identity, ...enrolled })).close()
})

test('what cannot be done is said, with what to do', LIMIT, async () => {
  for (const [args, message] of [
    [['node', 'approve', 'pi-9'], 'no device waits to be node "pi-9"; "bramble node list" shows those that do'],
    [['node', 'deny', 'pi-9'], 'no device waits to be node "pi-9"; "bramble node list" shows those that do'],
    [['node', 'remove', 'pi-9'], 'no node is called "pi-9"; "bramble node list" shows them'],
  ] as const) {
    const { code, stderr } = await bramble(...args, ...here)
    assert.deepEqual([code, stderr], [2, `bramble: ${message}\n`])
  }
  const bad = [
    '--hostname',
    'Pi 1',
    '--serial',
    'xyz',
    '--uses',
    '2',
    '--label',
    'kubernetes.io/os=plan9',
    '--taint',
    'a=b',
    '--cidr',
    '10.0.0.1',
  ]
  const { code, stderr } = await bramble('token', 'create', ...here, ...bad)
  assert.equal(code, 2)
  const lines = stderr.trimEnd().split('\n')
  for (const [index, start] of [
    '--hostname Pi 1: must be',
    '--serial xyz: must be',
    '--uses: a token for one',
    'label "kub',
    'taint "a=b": must',
    '--cidr 10.0.0.1: must',
  ].entries())
    assert.ok(lines[index]?.startsWith(`bramble: ${start}`), lines[index])
  assert.equal(lines.length, 6)
})

test('a token says for whom it is, from where it may be used and what it gives', LIMIT, async () => {
  await openCluster(folder).call('DELETE', '/api/v1/namespaces/kube-system/secrets?fieldSelector=type%3Dbramble.dev%2Fjoin-token')
  await tokenFor('--hostname', 'pi-7', '--cidr', '10.0.0.0/8', '--label', 'a=b', '--taint', 'c=d:NoSchedule')
  const { stdout } = await bramble('token', 'list', ...here)
  assert.match(stdout, /^ID .* FOR +FROM +GIVES\n\w{6} +\S+ +0\/1 +<none> +pi-7 +10\.0\.0\.0\/8 +a=b,c=d:NoSchedule\n$/)
})

test('an agent whose token has expired ends for good: systemd does not start it again', LIMIT, async (t) => {
  const token = await tokenFor('--ttl', '1s')
  const data = await temporaryFolder(t)
  const card = await temporaryFolder(t)
  await writeFile(join(card, 'node.env'), "FORMAT='1'\n")
  const listed = async (): Promise<boolean> => (await bramble('token', 'list', ...here)).stdout.includes('expired')
  while (!(await listed())) await new Promise((resolve) => setImmediate(resolve))
  const given = ['--server', `https://127.0.0.1:${flags[7]}`, '--stream-port', `${streamPort}`, '--node-name', 'pi-8', '--token', token]
  const { code, stderr } = await bramble('agent', '--data-dir', data, '--card-dir', card, ...given)
  assert.equal(code, 78)
  assert.match(stderr, /^bramble: the join token expired at 20.*; create one with "bramble token create"\n$/m)
  assert.match(
    await readFile(join(card, 'status.txt'), 'utf8'),
    /^\d+ failed the join token expired at .*; if this machine boots from a flashed card, make a new card\n$/m,
  )
})
