import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, connect as dial, createServer, type Server, type Socket } from 'node:net'
import { test, type TestContext } from 'node:test'
import { connect as dialTls, type TLSSocket } from 'node:tls'
import { linkContract, type LinkUnderTest, Recorder, usage } from '@bramble/link/link.contract'
import { MqttLink } from '@bramble/link/mqtt/mqtt-link'
import { MqttLinkServer } from '@bramble/link/mqtt/mqtt-link-server'
import { downFilter, downTopic, upTopic } from '@bramble/link/mqtt/topics'
import { UP_BYTES_MAX } from '@bramble/link/mqtt/wire'
import { systemEnv } from '@bramble/reconcile/env'
import { silentLog } from '@bramble/reconcile/log'
import { issueClient, issueServer, type KeyPair, makeAuthority } from '../pki/certificates.ts'
import { keyFingerprint, NODE_GROUP, nodeUser, SERVER_NAME } from '../pki/pki.ts'
import { type BrokerOptions, MqttBroker } from './broker.ts'

const HOST = '127.0.0.1'
const LIMIT = { timeout: 20_000 }
const HELLO = { agentVersion: '1' }
const env = { ...systemEnv('test'), log: silentLog }
const nowMs = env.clock.nowMs()

const [authority, strangerAuthority] = await Promise.all([makeAuthority('bramble-ca', nowMs), makeAuthority('stranger-ca', nowMs)])
const nodeNames = ['pi-1', 'pi-1.lan', 'pi-2']
const [server, admin, stranger, ...nodePairs] = await Promise.all([
  issueServer(authority, [SERVER_NAME], [], nowMs),
  issueClient(authority, 'pi-1', 'system:masters', nowMs),
  issueClient(strangerAuthority, nodeUser('pi-1'), NODE_GROUP, nowMs),
  ...nodeNames.map((name) => issueClient(authority, nodeUser(name), NODE_GROUP, nowMs)),
])
const pairOf = (nodeName: string): KeyPair => nodePairs[nodeNames.indexOf(nodeName)]!

linkContract('the MQTT link', async () => {
  const broker = aBroker()
  const proxies = new Map<string, Proxy>()
  return {
    server: new MqttLinkServer(broker, env),
    connect: (nodeName) => ({
      open: async (hello, signal) => {
        const proxy = proxies.get(nodeName) ?? (await openProxy(await portOf(broker)))
        proxies.set(nodeName, proxy)
        return aLink(nodeName, proxy.port).open(hello, signal)
      },
    }),
    cut: (nodeName) => proxies.get(nodeName)?.cut(),
    close: async () => {
      for (const proxy of proxies.values()) await proxy.close()
    },
  } satisfies LinkUnderTest
})

test('a node that went silent is lost after one and a half keep-alives', LIMIT, async (t) => {
  const { port, handler } = await serve(t)
  const proxy = await openProxy(port)
  const session = await aLink('pi-1', proxy.port, { keepaliveSeconds: 1 }).open(HELLO, new AbortController().signal)
  proxy.silence()
  await handler.until('closed pi-1 lost')
  await session.closed
  await proxy.close()
})

test('a taken port says which flag to use', LIMIT, async (t) => {
  const { port } = await serve(t)
  await assert.rejects(aBroker(port).serve({ received() {}, disconnected() {} }, new AbortController().signal), /--mqtt-port/)
})

test("an agent with another cluster's certificate is told so, on both sides of the trust", LIMIT, async (t) => {
  const { port, handler } = await serve(t)
  const credentials = { key: stranger.key, certificate: stranger.certificate }
  await assert.rejects(
    aLink('pi-1', port, { credentials: () => ({ ...credentials, authority: strangerAuthority.certificate }) }).open(
      HELLO,
      new AbortController().signal,
    ),
    /belongs to another cluster/,
  )
  await assert.rejects(
    aLink('pi-1', port, { credentials: () => ({ ...credentials, authority: authority.certificate }) }).open(
      HELLO,
      new AbortController().signal,
    ),
    /does not accept this node's certificate/,
  )
  assert.deepEqual(handler.log, [])
})

test('a node whose clock is years off opens its link all the same', LIMIT, async (t) => {
  const { port, handler } = await serve(t, await issueServer(authority, [SERVER_NAME], [], nowMs - 800 * 86_400_000))
  const session = await aLink('pi-1', port).open(HELLO, new AbortController().signal)
  assert.ok(Math.abs(session.serverTimeMs! - env.clock.nowMs()) < 60_000, 'and is told the time')
  await handler.until('opened pi-1')
  await session.close()
})

test('a device that is the node no more is hung up on, and does not come back', LIMIT, async (t) => {
  const lockedOut = new Set<string>()
  const { port, handler, broker } = await serve(t, { mayConnect: (_name, device) => !lockedOut.has(device) })
  const link = aLink('pi-1', port)
  const session = await link.open(HELLO, new AbortController().signal)
  broker.recheck('pi-1')
  await session.report([usage(1)])
  lockedOut.add(keyFingerprint(new X509Certificate(pairOf('pi-1').certificate)))
  broker.recheck('pi-2')
  broker.recheck('pi-1')
  await session.closed
  await handler.until('closed pi-1 lost')
  await assert.rejects(link.open(HELLO, new AbortController().signal), /refuses this node's certificate .*join again with a new token/)
})

test('of a card and its copy the one that is connected is the node; a card that was moved is the node still', LIMIT, async (t) => {
  const seen: string[] = []
  const { port, handler } = await serve(t, { seenBoard: (name, serial) => void seen.push(`${name} ${serial}`) })
  const [card, copy] = ['10000000aaaaaaaa', '10000000bbbbbbbb'].map((board) => aLink('pi-1', port, { board })) as [MqttLink, MqttLink]
  const session = await card.open(HELLO, new AbortController().signal)
  await assert.rejects(copy.open(HELLO, new AbortController().signal), /refuses this node's certificate .*unless this card is a copy/)
  await session.report([usage(1)])
  const again = await card.open(HELLO, new AbortController().signal)
  await session.closed
  await again.close()
  await handler.until('closed pi-1 goodbye')
  await (await copy.open(HELLO, new AbortController().signal)).close()
  assert.deepEqual(seen, ['pi-1 10000000aaaaaaaa', 'pi-1 10000000aaaaaaaa', 'pi-1 10000000bbbbbbbb'])
})

test('nobody listening is said plainly', LIMIT, async () => {
  const proxy = await openProxy(1)
  await proxy.close()
  await assert.rejects(aLink('pi-1', proxy.port).open(HELLO, new AbortController().signal), /does not listen; is it running\?/)
})

const intruders = [
  { name: "a node under another node's name is refused", pair: () => pairOf('pi-2'), clientId: 'pi-1', send: [] },
  { name: "a certificate that is not a node's is refused", pair: () => admin, clientId: 'pi-1', send: [] },
  { name: 'a session that is to be kept is refused', pair: () => pairOf('pi-1'), clientId: 'pi-1', clean: false, send: [] },
  { name: 'MQTT 5 is refused', pair: () => pairOf('pi-1'), clientId: 'pi-1', level: 5, send: [] },
  {
    name: "writing another node's topic ends the connection",
    pair: () => pairOf('pi-1'),
    clientId: 'pi-1',
    send: [publish(upTopic('pi-2', 'bye'), '{}')],
  },
  {
    name: 'writing the own downward topic ends the connection',
    pair: () => pairOf('pi-1'),
    clientId: 'pi-1',
    send: [publish(downTopic('pi-1', 'end'), '{}')],
  },
  {
    name: 'a retained message ends the connection',
    pair: () => pairOf('pi-1'),
    clientId: 'pi-1',
    send: [publish(upTopic('pi-1', 'bye'), '{}', 0x01)],
  },
  {
    name: "reading another node's topics ends the connection",
    pair: () => pairOf('pi-1'),
    clientId: 'pi-1',
    send: [subscribe(downFilter('pi-2'))],
  },
  { name: 'reading everything ends the connection', pair: () => pairOf('pi-1'), clientId: 'pi-1', send: [subscribe('#')] },
  {
    name: "reading the broker's own topics ends the connection",
    pair: () => pairOf('pi-1'),
    clientId: 'pi-1',
    send: [subscribe('$SYS/#')],
  },
  {
    name: 'announcing a packet that is too large ends the connection',
    pair: () => pairOf('pi-1'),
    clientId: 'pi-1',
    send: [head(0x30, UP_BYTES_MAX * 2)],
  },
]
for (const { name, pair, clientId, clean = true, level = 4, send } of intruders) {
  test(name, LIMIT, async (t) => {
    const { port, handler } = await serve(t)
    const other = await aLink('pi-2', port).open(HELLO, new AbortController().signal)
    const intruder = await rawConnection(port, pair())
    intruder.write(connectPacket(clientId, clean, level))
    for (const packet of send) {
      await once(intruder, 'data')
      intruder.write(packet)
    }
    await once(intruder, 'close')
    await other.report([usage(1)]) // nobody else noticed
    assert.deepEqual(handler.log, ['opened pi-2', 'reported pi-2'])
    await other.close()
  })
}

test('messages that make no sense are counted and dropped, and the node goes on', LIMIT, async (t) => {
  const { port, handler, linkServer } = await serve(t)
  const raw = await rawConnection(port, pairOf('pi-1'))
  raw.write(connectPacket('pi-1', true, 4))
  await once(raw, 'data')
  for (const text of [
    '',
    'no json',
    '[]',
    '{"session":1}',
    '\x01 not deflated',
    '{"session":"a","reports":[{"type":"pod-gone"}],"batch":1}',
  ])
    raw.write(publish(upTopic('pi-1', 'report'), text))
  raw.write(publish(upTopic('pi-1', 'hello'), JSON.stringify({ session: 'abc', hello: HELLO })))
  await handler.until('opened pi-1')
  assert.equal(linkServer.badMessages, 6)
  raw.destroy()
  await handler.until('closed pi-1 lost')
})

async function serve(
  t: TestContext,
  options: Partial<BrokerOptions> = {},
): Promise<{ port: number; handler: Recorder; linkServer: MqttLinkServer; broker: MqttBroker }> {
  const broker = aBroker(0, options)
  const handler = new Recorder()
  const stop = new AbortController()
  const linkServer = new MqttLinkServer(broker, env)
  const served = linkServer.run(handler, stop.signal)
  t.after(async () => {
    stop.abort()
    await served
  })
  return { port: await portOf(broker), handler, linkServer, broker }
}

const aBroker = (port = 0, more: Partial<BrokerOptions> = {}): MqttBroker =>
  new MqttBroker(
    { host: HOST, port, certificate: server.certificate, key: server.key, authority: authority.certificate, ...more },
    silentLog,
  )

const aLink = (nodeName: string, port: number, more: Partial<ConstructorParameters<typeof MqttLink>[0]> = {}): MqttLink =>
  new MqttLink({
    nodeName,
    host: HOST,
    port,
    env,
    ...more,
    credentials: more.credentials ?? (() => ({ ...pairOf(nodeName), authority: authority.certificate })),
  })

async function portOf(broker: MqttBroker): Promise<number> {
  for (let turns = 0; turns < 10_000; turns++) {
    if (broker.port !== undefined) return broker.port
    await new Promise((resolve) => setImmediate(resolve))
  }
  return 1 // nobody listens: opening fails, as it should
}

/** Stands between a node and the broker, so that a test can break what is between them. */
interface Proxy {
  readonly port: number
  cut(): void
  silence(): void
  close(): Promise<void>
}
async function openProxy(targetPort: number): Promise<Proxy> {
  const sockets = new Set<Socket>()
  const listener: Server = createServer((near) => {
    const far = dial(targetPort, HOST)
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from)
      from.on('error', () => {})
      from.on('close', () => {
        sockets.delete(from)
        to.destroy()
      })
      from.setNoDelay(true).pipe(to)
    }
  })
  listener.listen(0, HOST)
  await once(listener, 'listening')
  return {
    port: (listener.address() as AddressInfo).port,
    cut: () => {
      for (const socket of sockets) socket.destroy()
    },
    silence: () => {
      for (const socket of sockets) socket.unpipe()
    },
    close: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => listener.close(resolve))
    },
  }
}

async function rawConnection(port: number, { key, certificate }: KeyPair): Promise<TLSSocket> {
  const socket = dialTls({ host: HOST, port, key, cert: certificate, ca: authority.certificate, servername: SERVER_NAME })
  socket.on('error', () => {})
  await once(socket, 'secureConnect')
  socket.resume()
  return socket
}

// MQTT 3.1.1 packets, by hand: an intruder does not use our library.
function head(type: number, length: number): Buffer {
  const bytes = [type]
  for (let left = length; ; left >>= 7) {
    if (left < 0x80) return Buffer.from([...bytes, left])
    bytes.push((left & 0x7f) | 0x80)
  }
}
function field(text: string): Buffer {
  const bytes = Buffer.from(text)
  return Buffer.concat([Buffer.of(bytes.length >> 8, bytes.length & 0xff), bytes])
}
function packet(type: number, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts)
  return Buffer.concat([head(type, body.length), body])
}
function connectPacket(clientId: string, clean: boolean, level: number): Buffer {
  const properties = level === 5 ? [Buffer.of(0)] : []
  return packet(0x10, field('MQTT'), Buffer.of(level, clean ? 2 : 0, 0, 30), ...properties, field(clientId))
}
function publish(topic: string, payload: string, flags = 0): Buffer {
  return packet(0x30 | flags, field(topic), Buffer.from(payload))
}
function subscribe(filter: string): Buffer {
  return packet(0x82, Buffer.of(0, 1), field(filter), Buffer.of(1))
}
