import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { after, test, type TestContext } from 'node:test'
import { credentials, Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js'
import { StatusError } from '@bramble/api/status-error'
import { type NodeFrame, type ServerFrame, StreamsClient, StreamsService } from '@bramble/link/grpc/stream'
import { systemClock } from '@bramble/reconcile/env'
import { seeded } from '@bramble/reconcile/sim/seeded'
import type { RemoteProcess } from '@bramble/streams/remote-process'
import { StreamCarrier } from '../../apps/node-agent/src/transport/stream-carrier.ts'
import { anAuthority, envOf, warningsTo } from './nodes.fixture.ts'
import { aCertificate, aWire, NEVER, NO_SOURCES, OPTIONS, POD, readAll, until } from './streams.fixture.ts'

const pki = await anAuthority({ after })
const pi1 = await aCertificate(pki, 'pi-1')
const LIMIT = { timeout: 60_000 }
const ALL = { stdin: true, stdout: true, stderr: true, tty: false }
const REF = { namespace: 'default', pod: 'web', podUid: 'u1', container: 'c' }

type Frame = NodeFrame['frame'] & ServerFrame['frame']
const chunk = (channel: number, bytes: number) =>
  ({ frame: { $case: 'chunk', value: { channel, data: Buffer.alloc(bytes) } } }) as { frame: Frame }
const closed = (channel: number) => ({ frame: { $case: 'closed', value: { channel } } }) as { frame: Frame }
const opened: NodeFrame = { frame: { $case: 'opened', value: {} } }
const ended = (code = 0, exitCode = 0, reason = '', message = ''): NodeFrame => ({
  frame: { $case: 'ended', value: { code, reason, message, exitCode } },
})
const nothing: { readonly frame: undefined } = { frame: undefined }
const streamId: NodeFrame = { frame: { $case: 'streamId', value: 'again' } }

/** A control plane, and a node that answers the next stream with whatever it likes. */
async function aHostileNode(t: TestContext) {
  const plane = await aWire(t, { pki, node: pi1 })
  plane.unplug()
  const secure = credentials.createSsl(Buffer.from(pki.authority), Buffer.from(pi1.key), Buffer.from(pi1.certificate))
  const client = new StreamsClient(`127.0.0.1:${plane.port}`, secure, {
    'grpc.ssl_target_name_override': 'bramble-control-plane',
    'grpc.default_authority': 'bramble-control-plane',
  })
  t.after(() => client.close())
  let count = 0
  const answer = async (frames: readonly NodeFrame[], hangUp = false): Promise<void> => {
    await until(() => plane.asked.length > count)
    const call = client.carry()
    call.on('error', () => {}).on('data', () => {})
    for (const frame of [{ frame: { $case: 'streamId', value: plane.asked[count++]! } } as const, ...frames]) call.write(frame)
    if (hangUp) call.end()
  }
  return { ...plane, answer }
}

/** How an exec ends for its client; reads all there is. */
async function outcome(opening: Promise<RemoteProcess>): Promise<string> {
  try {
    const process = await opening
    await Promise.all([process.stdout && readAll(process.stdout), process.stderr && readAll(process.stderr)])
    return `exit ${(await process.ended).exitCode}`
  } catch (error) {
    assert.ok(error instanceof StatusError, String(error))
    return `${error.code} ${error.message}`
  }
}

const broke = (what: string): string => `500 Internal error occurred: node "pi-1" broke the protocol of streams: ${what}`
const cases: readonly { readonly name: string; readonly frames: readonly NodeFrame[]; readonly end: string }[] = [
  { name: 'keeps to the protocol', frames: [opened, chunk(1, 5), closed(1), closed(2), ended(0, 3)], end: 'exit 3' },
  { name: 'ends without closing channels', frames: [opened, chunk(1, 5), ended()], end: 'exit 0' },
  { name: 'sends bytes before it opens', frames: [chunk(1, 5)], end: broke('bytes before it was opened') },
  { name: 'closes before it opens', frames: [closed(1)], end: broke('bytes before it was opened') },
  { name: 'opens twice', frames: [opened, opened], end: broke('opened twice') },
  { name: 'ends well without opening', frames: [ended()], end: broke('it ended well before it was opened') },
  { name: 'uses a channel that there is not', frames: [opened, chunk(7, 5)], end: broke('channel 7 is not in use') },
  { name: 'sends on the input', frames: [opened, chunk(0, 5)], end: broke('channel 0 is not in use') },
  { name: 'closes a negative channel', frames: [opened, closed(-1)], end: broke('channel -1 is not in use') },
  { name: 'sends after it closed', frames: [opened, closed(1), chunk(1, 5)], end: broke('channel 1 was closed') },
  { name: 'closes twice', frames: [opened, closed(2), closed(2)], end: broke('channel 2 was closed') },
  { name: 'sends a chunk that is too large', frames: [opened, chunk(1, 65_537)], end: broke('a chunk is too large') },
  {
    name: 'sends 256 KiB at once',
    frames: [opened, chunk(1, 262_144)],
    end: '503 node "pi-1" went away before the stream ended; try again',
  },
  { name: 'names the stream again', frames: [opened, streamId], end: broke('a frame "streamId" in the middle of a stream') },
  { name: 'sends an empty frame', frames: [opened, nothing as unknown as NodeFrame], end: broke('a frame "" in the middle of a stream') },
  { name: 'says why', frames: [ended(404, 0, 'NotFound', 'no such pod')], end: '404 no such pod' },
  { name: 'fails with a code that is no error', frames: [ended(200, 0, '', 'fine')], end: '500 fine' },
  {
    name: 'says more than anybody reads',
    frames: [opened, ended(500, 0, 'x'.repeat(9_000), 'm'.repeat(9_000))],
    end: `500 ${'m'.repeat(4_096)}`,
  },
]
for (const { name, frames, end } of cases)
  test(`a node that ${name}: ${end.slice(0, 60)}`, LIMIT, async (t) => {
    const { nodeStreams, answer } = await aHostileNode(t)
    const opening = nodeStreams.exec(POD, 'c', ['true'], ALL, NEVER)
    await answer(frames)
    assert.equal(await outcome(opening), end)
  })

test('whatever a node sends, every client gets an end, and the next one is served', LIMIT, async (t) => {
  const { nodeStreams, answer } = await aHostileNode(t)
  const kinds = [
    opened,
    opened,
    chunk(1, 10),
    chunk(2, 70_000),
    chunk(1, 65_536),
    chunk(0, 1),
    closed(1),
    closed(2),
    closed(9),
    ended(),
    ended(404),
    ended(-1),
    streamId,
    nothing as unknown as NodeFrame,
  ]
  for (let seed = 1; seed <= 150; seed++) {
    const random = seeded(seed)
    const frames = Array.from({ length: 1 + Math.floor(random() * 8) }, () => kinds[Math.floor(random() * kinds.length)]!)
    const opening = nodeStreams.exec(POD, 'c', ['true'], ALL, NEVER)
    await answer(frames, true)
    assert.match(await outcome(opening), /^(exit 0|404|500|503)/, `seed ${seed}`)
  }
  const log = nodeStreams.open(POD, OPTIONS, NEVER)
  await answer([opened, chunk(1, 3), ended()])
  assert.equal((await readAll(await log)).length, 3)
})

/** A server that sends a node whatever it likes. */
async function aHostileServer(t: TestContext) {
  const server = new Server()
  const calls: ServerDuplexStream<NodeFrame, ServerFrame>[] = []
  server.addService(StreamsService, {
    carry: (call: ServerDuplexStream<NodeFrame, ServerFrame>) => void calls.push(call.on('error', () => {})),
  })
  const secure = ServerCredentials.createSsl(null, [
    { cert_chain: Buffer.from(pki.server.certificate), private_key: Buffer.from(pki.server.key) },
  ])
  const port = await new Promise<number>((resolve) => server.bindAsync('127.0.0.1:0', secure, (_error, bound) => resolve(bound)))
  const stop = new AbortController()
  t.after(() => {
    stop.abort()
    server.forceShutdown()
  })
  const identity = { ...pi1, server: 'https://127.0.0.1:6443', mqttPort: 1, streamPort: port, podNetwork: '', serviceNetwork: '' }
  const open: PassThrough[] = []
  const warned: string[] = []
  const warnings = warningsTo((_message, { error }) => void warned.push(error instanceof Error ? error.message : String(error)))
  const exec = async (_request: unknown, signal: AbortSignal): Promise<RemoteProcess> => {
    const [stdin, stdout] = [new PassThrough().resume(), new PassThrough()]
    open.push(stdin, stdout)
    const end = Promise.withResolvers<{ readonly exitCode: number }>()
    signal.addEventListener('abort', () => end.resolve({ exitCode: 137 }))
    stdin.on('finish', () => {
      stdout.end()
      end.resolve({ exitCode: 0 })
    })
    return { stdin, stdout, resize: () => {}, ended: end.promise }
  }
  const carrier = new StreamCarrier(() => identity, { ...NO_SOURCES, exec }, envOf(systemClock, warnings))
  /** @returns how the node ends the stream, or what it warns of, when it has let go of it. */
  const send = async (frames: readonly ServerFrame[]): Promise<string> => {
    const carried = carrier.carry({ id: 'x' }, stop.signal)
    await until(() => calls.length > 0)
    const call = calls.shift()!
    let end = 'nothing'
    call.on('data', ({ frame }: NodeFrame) => {
      if (frame?.$case !== 'ended') return
      end = `${frame.value.code} ${frame.value.message}`
      call.end()
    })
    for (const frame of frames) call.write(frame)
    await carried
    await until(() => open.every(({ destroyed }) => destroyed))
    return warned.splice(0).at(-1) ?? end
  }
  return { send }
}
const exec: ServerFrame = { frame: { $case: 'exec', value: { container: REF, command: ['cat'], stdio: ALL } } }
const bareExec: ServerFrame = { frame: { $case: 'exec', value: { container: undefined, command: [], stdio: undefined } } }
const resize: ServerFrame = { frame: { $case: 'resize', value: { width: 4e9, height: 0 } } }

const orders: readonly { readonly name: string; readonly frames: readonly ServerFrame[]; readonly end: RegExp }[] = [
  { name: 'keeps to the protocol', frames: [exec, resize, chunk(0, 5), closed(0)], end: /^0 $/ },
  { name: 'begins with bytes', frames: [chunk(0, 5)], end: /^400 this node does not know such a stream/ },
  { name: 'begins with nothing', frames: [nothing as unknown as ServerFrame], end: /^400 this node does not know/ },
  { name: 'asks for something else halfway', frames: [exec, exec], end: /^only the first frame/ },
  { name: 'sends on an output', frames: [exec, chunk(1, 5)], end: /^channel 1 is not open/ },
  { name: 'sends after it closed', frames: [exec, closed(0), chunk(0, 5)], end: /^(0 $|channel 0 is not open)/ },
  { name: 'closes what is not there', frames: [exec, closed(9)], end: /^channel 9 is not open/ },
  { name: 'sends input that was not agreed on', frames: [bareExec, chunk(0, 5)], end: /^channel 0 is not open/ },
  { name: 'sends a chunk that is too large', frames: [exec, chunk(0, 262_144)], end: /^a chunk is too large/ },
  { name: 'sends an empty frame', frames: [exec, nothing as unknown as ServerFrame], end: /^only the first frame/ },
]
for (const { name, frames, end } of orders)
  test(`a server that ${name}: ${end.source}`, LIMIT, async (t) => {
    const { send } = await aHostileServer(t)
    assert.match(await send(frames), end)
  })

test('whatever a server sends, the node lets go of everything', LIMIT, async (t) => {
  const { send } = await aHostileServer(t)
  const kinds = [
    exec,
    exec,
    resize,
    chunk(0, 10),
    chunk(0, 65_536),
    chunk(0, 70_000),
    chunk(1, 1),
    closed(0),
    closed(2),
    nothing as unknown as ServerFrame,
  ]
  for (let seed = 1; seed <= 100; seed++) {
    const random = seeded(seed)
    const frames = Array.from({ length: 1 + Math.floor(random() * 6) }, () => kinds[Math.floor(random() * kinds.length)]!)
    await send([exec, ...frames, chunk(2, 1)])
  }
  assert.equal(await send([exec, closed(0)]), '0 ')
})
