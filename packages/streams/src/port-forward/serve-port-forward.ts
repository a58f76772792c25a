import type { Duplex } from 'node:stream'
import { badRequest, StatusError } from '@bramble/api/status-error'
import { IdleLimit } from '../idle-limit.ts'
import { SpdySession } from '../spdy/spdy-session.ts'
import type { SpdyStream } from '../spdy/spdy-stream.ts'
import { acceptSpdy, checkHandshake, negotiated, offeredStreamProtocols, type UpgradeRequest } from '../upgrade-request.ts'
import { acceptWebSocket } from '../web-socket.ts'
import { bridge } from './bridge.ts'
import { forwardChannels } from './forward-channels.ts'
import { type Forwarding, forwardError, type PortForwardOptions } from './forwarding.ts'
import { type StreamPair, StreamPairs } from './stream-pairs.ts'

const SPDY_PROTOCOL = 'portforward.k8s.io'
const TUNNEL_PROTOCOL = 'SPDY/3.1+portforward.k8s.io'
const CHANNEL_PROTOCOLS = ['v4.channel.k8s.io', 'v4.base64.channel.k8s.io']
const PAYLOAD_BYTES_MAX = 4 * 1024 * 1024
/** Source: kubelet, StreamingConnectionIdleTimeout and DefaultStreamCreationTimeout. */
const IDLE_MS = 4 * 60 * 60 * 1000
const PAIR_MS = 30_000
/** Each has two streams. */
const CONNECTIONS_MAX = 256

/**
 * Forwards connections for the client of an upgrade: SPDY, SPDY within the messages of a WebSocket, or channels of a WebSocket.
 *
 * @returns When the connection is taken; `ended` resolves, and never rejects, when all is over.
 * @throws StatusError, with the connection untouched: 400 for what is no handshake, or channels without ports; 403 for protocols that
 * nobody speaks.
 * @see Source: kubelet pkg/cri/streaming/portforward.
 */
export async function servePortForward(upgrade: UpgradeRequest, options: PortForwardOptions): Promise<{ readonly ended: Promise<void> }> {
  const protocol = protocolOf(upgrade)
  const over = new AbortController()
  const idle = new IdleLimit(options.clock, options.idleMs ?? IDLE_MS)
  const signal = AbortSignal.any([over.signal, ...(options.signal ? [options.signal] : [])])
  const forwarding: Forwarding = { ...options, idle, signal }
  upgrade.socket.once('close', () => over.abort())
  const serve = async (): Promise<void> => {
    if (upgrade.kind !== 'websocket') return forwardStreams(acceptSpdy(upgrade, protocol), forwarding)
    const named = protocol === '' ? {} : { protocol }
    const socket = await acceptWebSocket(upgrade, { ...named, payloadBytesMax: PAYLOAD_BYTES_MAX })
    if (protocol !== TUNNEL_PROTOCOL) return forwardChannels(socket, protocol, forwarding)
    const { createWebSocketStream } = await import('ws')
    return forwardStreams(createWebSocketStream(socket), forwarding)
  }
  if (upgrade.kind === 'websocket' && protocol !== TUNNEL_PROTOCOL && options.ports.length === 0)
    throw badRequest('query parameter "ports" is required')
  const ended = serve()
    .catch(() => void upgrade.socket.destroy())
    .finally(() => over.abort())
  return { ended }
}

function protocolOf(upgrade: UpgradeRequest): string {
  if (upgrade.kind === 'websocket') {
    checkHandshake(upgrade)
    return upgrade.protocols.length === 0 ? '' : negotiated(upgrade.protocols, [TUNNEL_PROTOCOL, ...CHANNEL_PROTOCOLS])
  }
  if (upgrade.kind !== 'spdy/3.1') throw new StatusError(400, 'BadRequest', 'unable to upgrade: missing upgrade headers in request')
  const offered = offeredStreamProtocols(upgrade.request)
  return offered.length === 0 ? '' : negotiated(offered, [SPDY_PROTOCOL])
}

async function forwardStreams(connection: Duplex, forwarding: Forwarding): Promise<void> {
  const { clock, signal, idle } = forwarding
  const pairs = new StreamPairs()
  const onStream = (stream: SpdyStream): void => {
    const pair = pairs.add(stream)
    if (pair) void forwardPair(pair, forwarding)
    else void dropLonely(stream)
  }
  const session = new SpdySession(connection, { side: 'server', clock, onStream, streamsMax: 2 * CONNECTIONS_MAX })
  const ended = new AbortController()
  void session.ended.then(() => ended.abort())
  const leaving = AbortSignal.any([signal, ended.signal])
  const dropLonely = async (stream: SpdyStream): Promise<void> => {
    await clock.sleep(PAIR_MS, leaving)
    if (pairs.forget(stream)) stream.destroy()
  }
  await idle.reached(leaving)
  session.destroy()
}

async function forwardPair({ port, data, error }: StreamPair, forwarding: Forwarding): Promise<void> {
  error.resume()
  const over = new AbortController()
  const giveUp = (): void => over.abort()
  data.once('close', giveUp)
  void data.inputEnded.then(() => {
    if (data.cutOff) giveUp()
  })
  try {
    const connection = await forwarding.connect(port, AbortSignal.any([over.signal, forwarding.signal]))
    await bridge({ input: data, output: data, abandoned: () => data.cutOff }, connection, forwarding.idle)
  } catch (failure) {
    error.end(forwardError(port, forwarding.target, failure)) // before the end of the data, which says that all is over
    data.end()
    data.resume()
  } finally {
    error.end()
    giveUp()
  }
}
