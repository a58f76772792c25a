import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { after, test, type TestContext } from 'node:test'
import { credentials, status } from '@grpc/grpc-js'
import { notFound, serviceUnavailable } from '@bramble/api/status-error'
import { type LogsRequest, type NodeFrame, StreamsClient } from '@bramble/link/grpc/stream'
import { systemClock } from '@bramble/reconcile/env'
import { settle, SimClock } from '@bramble/reconcile/sim/sim-clock'
import type { StreamSources } from '../../apps/node-agent/src/transport/carry-call.ts'
import { anAuthority, ShiftedClock } from './nodes.fixture.ts'
import { aCertificate, aWire, isStatus, NEVER, OPTIONS, POD, readAll } from './streams.fixture.ts'

const clock = new ShiftedClock()
const pki = await anAuthority({ after }, clock)
const [pi1, pi2] = await Promise.all([aCertificate(pki, 'pi-1'), aCertificate(pki, 'pi-2')])

/** @see aWire of the fixture, of a node that has logs. */
const withLogs = async (
  t: TestContext,
  { openLogs = async function* () {}, clock: sim }: { openLogs?: StreamSources['logs']; clock?: SimClock },
) => {
  const wire = await aWire(t, { pki, node: pi1, sources: { logs: openLogs }, ...(sim && { clock: sim }) })
  return { ...wire, logs: wire.nodeStreams }
}

test('a log arrives whole and in order, and the node is asked for exactly what the client asked for', async (t) => {
  const requests: LogsRequest[] = []
  const { logs } = await withLogs(t, {
    openLogs: async function* (request) {
      requests.push(request)
      yield Buffer.from('one\n')
      yield Buffer.alloc(0)
      yield Buffer.from('two\n')
      yield Buffer.alloc(150_000, 'x')
    },
  })
  const options = {
    container: 'c',
    follow: true,
    previous: true,
    timestamps: true,
    tailLines: 0,
    limitBytes: 10,
    sinceTimeMs: 1_767_225_600_000,
    stream: 'Stderr' as const,
  }
  assert.equal(await readAll(await logs.open(POD, options, NEVER)), `one\ntwo\n${'x'.repeat(150_000)}`)
  assert.equal(await readAll(await logs.open(POD, OPTIONS, NEVER)), `one\ntwo\n${'x'.repeat(150_000)}`)
  const named = { namespace: 'default', pod: 'web', podUid: 'u1' }
  assert.deepEqual(
    requests.map((request) => ({ ...request })),
    [
      { ...named, ...options },
      { ...named, ...OPTIONS, tailLines: undefined, limitBytes: undefined, sinceTimeMs: undefined, stream: '' },
    ],
  )
})

test('an empty log is empty, not an error', async (t) => {
  const { logs } = await withLogs(t, {})
  assert.equal(await readAll(await logs.open(POD, OPTIONS, NEVER)), '')
})

test('a large log is read on the node as fast as the client takes it, no faster', { timeout: 30_000 }, async (t) => {
  const CHUNK = Buffer.alloc(65_536, 'y')
  const CHUNKS = 500
  let read = 0
  const { logs } = await withLogs(t, {
    openLogs: async function* () {
      for (; read < CHUNKS; read++) yield CHUNK
    },
  })
  let taken = 0
  let leadMax = 0
  for await (const chunk of await logs.open(POD, OPTIONS, NEVER)) {
    taken += chunk.length
    leadMax = Math.max(leadMax, read * CHUNK.length - taken)
    await settle()
  }
  assert.equal(taken, CHUNKS * CHUNK.length)
  assert.ok(leadMax < 4e6, `the node was ${leadMax} bytes ahead`)
})

test('streams that have ended, however they ended, leave nothing behind on their connection', { timeout: 20_000 }, async (t) => {
  const { logs, cable } = await withLogs(t, {
    openLogs: async function* ({ tailLines }, signal) {
      yield Buffer.from('hello\n')
      if (tailLines === 1) throw serviceUnavailable('broken')
      if (tailLines === 2) await once(signal, 'abort')
    },
  })
  let connections = 0
  cable.server.on('connection', () => {
    connections++
  })
  for (let i = 0; i < 99; i++) {
    // more than one connection has room for at once
    const chunks = await logs.open(POD, { ...OPTIONS, tailLines: i % 3 }, NEVER)
    if (i % 3 === 2) for await (const _ of chunks) break
    else await readAll(chunks).catch(() => {})
  }
  assert.equal(connections, 1)
})

/** A log that is followed: one line, then silence until its reader is told to stop. */
function aFollowedLog() {
  const { promise: ended, resolve } = Promise.withResolvers<void>()
  const openLogs: StreamSources['logs'] = async function* (_request, signal) {
    yield Buffer.from('hello\n')
    await once(signal, 'abort').catch(() => {})
    resolve()
  }
  return { openLogs, ended }
}

test('a client that goes away ends the reader on the node', { timeout: 10_000 }, async (t) => {
  const { openLogs, ended } = aFollowedLog()
  const { logs } = await withLogs(t, { openLogs })
  const client = new AbortController()
  const chunks = await logs.open(POD, { ...OPTIONS, follow: true }, client.signal)
  const lines = chunks[Symbol.asyncIterator]()
  assert.equal(Buffer.from((await lines.next()).value!).toString(), 'hello\n')
  client.abort()
  await ended
  assert.equal((await lines.next()).done, true)
})

test('a client that stops reading ends the reader on the node', { timeout: 10_000 }, async (t) => {
  const { openLogs, ended } = aFollowedLog()
  const { logs } = await withLogs(t, { openLogs })
  for await (const chunk of await logs.open(POD, { ...OPTIONS, follow: true }, NEVER)) {
    assert.equal(Buffer.from(chunk).toString(), 'hello\n')
    break
  }
  await ended
})

test('a client that has gone before the node dials gets nothing read', { timeout: 10_000 }, async (t) => {
  const { logs } = await withLogs(t, { openLogs: () => assert.fail('nobody wants this log') })
  await assert.rejects(logs.open(POD, OPTIONS, AbortSignal.abort()), isStatus(504, 'Timeout', /did not open the stream/))
})

test("a reason that the node gives is the client's answer", async (t) => {
  const why = notFound({ group: '', plural: 'pods' }, 'web')
  const { logs } = await withLogs(t, {
    openLogs: () => {
      throw why
    },
  })
  await assert.rejects(logs.open(POD, OPTIONS, NEVER), isStatus(404, 'NotFound', why.message))
})

test('what nobody foresaw on the node is a 500 that says nothing about its insides', async (t) => {
  const { logs } = await withLogs(t, {
    openLogs: () => {
      throw new TypeError('secret 42')
    },
  })
  await assert.rejects(
    logs.open(POD, OPTIONS, NEVER),
    isStatus(500, 'InternalError', /^the node could not carry the stream; see the agent's own log$/),
  )
})

test('a log that breaks off on the node is not taken for a whole one', async (t) => {
  const { logs } = await withLogs(t, {
    openLogs: async function* () {
      yield Buffer.from('half')
      throw serviceUnavailable('the disk is gone')
    },
  })
  const chunks = await logs.open(POD, OPTIONS, NEVER)
  await assert.rejects(readAll(chunks), isStatus(503, 'ServiceUnavailable', 'the disk is gone'))
})

test('a cable that is cut is not taken for the end of a log, and the next stream finds its way', { timeout: 20_000 }, async (t) => {
  const { openLogs } = aFollowedLog()
  const { logs, cable } = await withLogs(t, { openLogs })
  const chunks = await logs.open(POD, { ...OPTIONS, follow: true }, NEVER)
  const read = readAll(chunks)
  cable.cut()
  await assert.rejects(read, isStatus(503, 'ServiceUnavailable', /^node "pi-1" went away before the stream ended/))
  for await (const chunk of await logs.open(POD, OPTIONS, NEVER)) {
    assert.equal(Buffer.from(chunk).toString(), 'hello\n')
    break
  }
})

test('a node that is not connected is a 503 that says so', async (t) => {
  const { logs } = await withLogs(t, {})
  const elsewhere = { ...POD, spec: { ...POD.spec, nodeName: 'pi-9' } }
  await assert.rejects(
    logs.open(elsewhere, OPTIONS, NEVER),
    isStatus(503, 'ServiceUnavailable', /^node "pi-9" is not connected; its pods may be running/),
  )
})

test('a node that does not dial in is a 504 after 15 seconds, not before', async (t) => {
  const sim = new SimClock(systemClock.nowMs())
  const { logs, unplug } = await withLogs(t, { clock: sim })
  unplug()
  let answered = false
  const opening = logs.open(POD, OPTIONS, NEVER).finally(() => {
    answered = true
  })
  const rejected = assert.rejects(opening, isStatus(504, 'Timeout', 'Timeout: node "pi-1" did not open the stream within 15 s'))
  await sim.advance(14_900)
  assert.equal(answered, false)
  await sim.advance(200)
  await rejected
})

test('a connection is kept between streams, and closed after a minute without any', { timeout: 10_000 }, async (t) => {
  const sim = new SimClock(systemClock.nowMs())
  const { logs, cable, allCarried } = await withLogs(t, { clock: sim })
  let connections = 0
  const closed = new Promise<void>((resolve) => {
    cable.server.on('connection', (socket: Socket) => {
      connections++
      socket.once('close', () => resolve())
    })
  })
  await readAll(await logs.open(POD, OPTIONS, NEVER))
  await allCarried()
  await sim.advance(59_000)
  await readAll(await logs.open(POD, OPTIONS, NEVER))
  await allCarried()
  await sim.advance(59_000)
  assert.deepEqual([connections, cable.open()], [1, 1])
  await sim.advance(2_000)
  await closed
  await readAll(await logs.open(POD, OPTIONS, NEVER))
  assert.equal(connections, 2)
})

/** Dials like a node and says which stream it brings. @returns the gRPC status that it ends with. */
async function dial(
  t: TestContext,
  port: number,
  secure: ReturnType<typeof credentials.createSsl>,
  first?: NodeFrame,
): Promise<{ readonly code: status; readonly details: string }> {
  const client = new StreamsClient(`127.0.0.1:${port}`, secure, {
    'grpc.ssl_target_name_override': 'bramble-control-plane',
    'grpc.default_authority': 'bramble-control-plane',
  })
  t.after(() => client.close())
  const call = client.carry()
  call.on('error', () => {}).on('data', () => {})
  if (first) call.write(first)
  return new Promise((resolve) => call.on('status', ({ code, details }) => resolve({ code, details })))
}
const tlsOf = ({ key, certificate }: { readonly key: string; readonly certificate: string }) =>
  credentials.createSsl(Buffer.from(pki.authority), Buffer.from(key), Buffer.from(certificate))
const streamId = (value: string): NodeFrame => ({ frame: { $case: 'streamId', value } })

test('a stream is given to the node that was asked and to nobody else', { timeout: 20_000 }, async (t) => {
  const otherPki = await anAuthority(t)
  clock.shiftMs = -400 * 86_400_000
  const expired = await aCertificate(pki, 'pi-1')
  clock.shiftMs = 0
  const { logs, port, asked, carry, unplug } = await withLogs(t, {
    openLogs: async function* () {
      yield Buffer.from('mine')
    },
  })
  unplug()
  const opening = logs.open(POD, OPTIONS, NEVER)
  while (asked.length === 0) await settle()
  const id = streamId(asked[0]!)
  const strangers = {
    'another node': tlsOf(pi2),
    'a node of another cluster with its name': tlsOf(await aCertificate(otherPki, 'pi-1')),
    'its certificate that has run out': tlsOf(expired),
    'an administrator': tlsOf(pki.admin),
    'somebody without a certificate': credentials.createSsl(Buffer.from(pki.authority)),
  }
  const answers: Record<string, string> = {}
  for (const [who, secure] of Object.entries(strangers)) answers[who] = status[(await dial(t, port, secure, id)).code]!
  assert.deepEqual(answers, {
    'another node': 'PERMISSION_DENIED',
    'a node of another cluster with its name': 'UNAUTHENTICATED',
    'its certificate that has run out': 'UNAUTHENTICATED',
    'an administrator': 'UNAUTHENTICATED',
    'somebody without a certificate': 'UNAUTHENTICATED',
  })
  carry(asked[0]!)
  assert.equal(await readAll(await opening), 'mine')
  assert.equal((await dial(t, port, tlsOf(pi1), id)).code, status.PERMISSION_DENIED, 'once')
})

test('a stream that nobody waits for is refused, and so is a call that does not say which', { timeout: 10_000 }, async (t) => {
  const sim = new SimClock(systemClock.nowMs())
  const { port } = await withLogs(t, { clock: sim })
  assert.deepEqual(await dial(t, port, tlsOf(pi1), streamId('guessed')), {
    code: status.PERMISSION_DENIED,
    details: 'nobody waits for this stream',
  })
  assert.equal(
    (await dial(t, port, tlsOf(pi1), { frame: { $case: 'chunk', value: { channel: 1, data: Buffer.from('x') } } })).code,
    status.PERMISSION_DENIED,
  )
  const mute = dial(t, port, tlsOf(pi1))
  let isOver = false
  void mute.then(() => {
    isOver = true
  })
  while (!isOver) await sim.advance(1_000)
  assert.equal((await mute).code, status.DEADLINE_EXCEEDED)
})
