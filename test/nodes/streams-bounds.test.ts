import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, test, type TestContext } from 'node:test'
import { settle } from '@bramble/reconcile/sim/sim-clock'
import type { StreamSources } from '../../apps/node-agent/src/transport/carry-call.ts'
import { aControlPlane, anAuthority } from './nodes.fixture.ts'
import { aCertificate, aProcess, aWire, isStatus, NEVER, OPTIONS, POD, readAll, until } from './streams.fixture.ts'

const pki = await anAuthority({ after })
const pi1 = await aCertificate(pki, 'pi-1')
const LIMIT = { timeout: 30_000 }
/** What may be under way on one stream: 16 messages of 16 KiB that gRPC takes in, HTTP/2's window, the buffers of both ends. */
const IN_FLIGHT_BYTES_MAX = 640 * 1024
const BLOCK = Buffer.alloc(65_536, 'x')
const wire = (t: TestContext, sources: Partial<StreamSources>) => aWire(t, { pki, node: pi1, sources })

/** How far it has come when nothing moves any more. */
async function still(count: () => number): Promise<number> {
  for (let calm = 0, last = count(); calm < 300; calm++, last = count()) {
    await settle()
    if (count() !== last) calm = 0
  }
  return count()
}

test('output that the client does not read stops its source, and no other stream', LIMIT, async (t) => {
  let givenBytes = 0
  const logs: StreamSources['logs'] = async function* ({ container }) {
    if (container === 'short') return yield Buffer.from('short')
    for (; ; givenBytes += BLOCK.length) yield BLOCK
  }
  const { nodeStreams, cable } = await wire(t, { logs })
  const client = new AbortController()
  const chunks = (await nodeStreams.open(POD, OPTIONS, client.signal))[Symbol.asyncIterator]()
  await chunks.next()
  const aheadBytes = await still(() => givenBytes)
  assert.ok(aheadBytes < IN_FLIGHT_BYTES_MAX, `${aheadBytes} bytes were read before anybody wanted them`)
  assert.equal(await readAll(await nodeStreams.open(POD, { ...OPTIONS, container: 'short' }, NEVER)), 'short')
  assert.equal(cable.open(), 1)
  let takenBytes = 0
  while (takenBytes < 8_000_000) takenBytes += (await chunks.next()).value!.length
  const leadBytes = (await still(() => givenBytes)) - takenBytes
  assert.ok(leadBytes < IN_FLIGHT_BYTES_MAX, `${leadBytes} bytes ahead of the reader`)
  client.abort()
})

test('input that the command does not read stops the client', LIMIT, async (t) => {
  const { nodeStreams } = await wire(t, { exec: async ({ command }, signal) => aProcess(command, signal) })
  const client = new AbortController()
  const stdio = { stdin: true, stdout: true, stderr: false, tty: false }
  const { stdin, ended } = await nodeStreams.exec(POD, 'c', ['sleep', '1000'], stdio, client.signal)
  let takenBytes = 0
  const fill = (): void => {
    stdin!.write(BLOCK, (error) => {
      if (error) return
      takenBytes += BLOCK.length
      fill()
    })
  }
  fill()
  const aheadBytes = await still(() => takenBytes)
  assert.ok(aheadBytes < IN_FLIGHT_BYTES_MAX, `${aheadBytes} bytes are on their way to somebody who does not read`)
  client.abort()
  await assert.rejects(ended)
})

test('several streams that are opened at once share one connection', LIMIT, async (t) => {
  const logs: StreamSources['logs'] = async function* ({ container }) {
    yield Buffer.from(container)
  }
  const { nodeStreams, cable } = await wire(t, { logs })
  let connections = 0
  cable.server.on('connection', () => {
    connections++
  })
  const names = Array.from({ length: 60 }, (_, index) => `c${index}`)
  const texts = await Promise.all(names.map(async (container) => readAll(await nodeStreams.open(POD, { ...OPTIONS, container }, NEVER))))
  assert.deepEqual(texts, names)
  assert.equal(connections, 1)
})

test('a node carries 128 streams, refuses one more with 429, and has room again when one has ended', LIMIT, async (t) => {
  const logs: StreamSources['logs'] = async function* (_request, signal) {
    yield Buffer.from('x')
    if (!signal.aborted) await once(signal, 'abort')
  }
  const { nodeStreams, cable, asked } = await wire(t, { logs })
  const clients = Array.from({ length: 128 }, () => new AbortController())
  await Promise.all(clients.map(({ signal }) => nodeStreams.open(POD, OPTIONS, signal)))
  assert.equal(cable.open(), 1)
  await assert.rejects(nodeStreams.open(POD, OPTIONS, NEVER), isStatus(429, 'TooManyRequests', /^node "pi-1" carries 128 streams/))
  assert.equal(asked.length, 128, 'the node is not asked')
  clients[5]!.abort()
  let another: unknown
  await until(() => {
    if (another === undefined) another = nodeStreams.open(POD, OPTIONS, clients[6]!.signal).catch(() => (another = undefined))
    return another !== undefined
  })
  await another
  for (const client of clients) client.abort()
})

test('512 streams to all nodes are open or being opened, and one more is refused with 503', LIMIT, async (t) => {
  const { streams } = await aControlPlane(t, { pki, ask: () => Promise.resolve() })
  const client = new AbortController()
  const opening = Array.from({ length: 512 }, (_, index) => streams.open(`pi-${index % 16}`, client.signal).catch(() => {}))
  await assert.rejects(streams.open('pi-99', NEVER), isStatus(503, 'ServiceUnavailable', /^512 streams to nodes are open/))
  client.abort()
  await Promise.all(opening)
  await assert.rejects(streams.open('pi-99', client.signal), isStatus(504, 'Timeout', /did not open the stream/))
})
