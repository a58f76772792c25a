import './packet-lengths.ts'
import type { TLSSocket } from 'node:tls'
import { connect, type IClientOptions, type MqttClient } from 'mqtt'
import type { Env } from '@bramble/reconcile/env'
import { AgentSession } from '../agent-session.ts'
import { faultOfServer, NotControlPlane, SERVER_NAME } from '../control-plane-certificate.ts'
import type { NodeHello, NodeLink, NodeSession } from '../link.ts'
import type { LinkTiming, UpMessage } from '../protocol.ts'
import { keepNoNumbers } from './small-packets.ts'
import { downFilter, parseDownTopic, upTopic } from './topics.ts'
import { decodeDown, encodeUp } from './wire.ts'

/** TCP loses nothing inside a connection, so sending again mends faults of a broker only; a slow uplink needs its time. */
const TIMING: LinkTiming = { resendMs: 20_000, giveUpMs: 60_000 }
const CONNECT_MS = 15_000
const GOODBYE_MS = 2_000
const KEEPALIVE_SECONDS = 10
/** With TLS 1.3 a refused client certificate looks like a connection that ends right after the handshake. */
const NOT_ACCEPTED = new Error("it closed the connection at once; it does not accept this node's certificate, or it is stopping")

export interface MqttLinkOptions {
  readonly nodeName: string
  readonly host: string
  readonly port: number
  /** PEM, read at each open: a renewed certificate is used from the next session on. */
  credentials(): { readonly key: string; readonly certificate: string; readonly authority: string }
  /** Serial of this machine's board: a copied card has a good certificate, and another board. Absent where there is none. */
  readonly board?: string
  /** How often an idle connection is probed. Both ends notice its loss after 1.5 times this. */
  readonly keepaliveSeconds?: number
  readonly env: Env
}

/** The node's end over MQTT 3.1.1 and mutual TLS. Opens one connection per session and never reconnects by itself. */
export class MqttLink implements NodeLink {
  readonly #options: MqttLinkOptions
  /** Messages that made no sense and were dropped. */
  badMessages = 0
  readonly traffic = { sentBytes: 0, receivedBytes: 0 }

  constructor(options: MqttLinkOptions) {
    this.#options = options
    keepNoNumbers()
  }

  async open(hello: NodeHello, signal: AbortSignal): Promise<NodeSession> {
    signal.throwIfAborted()
    const { nodeName, env } = this.#options
    const id = Math.floor(env.random() * 2 ** 48).toString(16)
    const client = connect(this.#connectOptions(id))
    const socket = client.stream as TLSSocket
    const { authority } = this.#options.credentials()
    socket.prependOnceListener('secureConnect', () => {
      const fault = faultOfServer(socket, authority)
      if (fault) socket.destroy(fault) // before a byte of it was read
    })
    const agent = new AgentSession(
      id,
      { send: (message) => this.#send(client, message), close: () => hangUp(client, env) },
      env.clock,
      TIMING,
    )

    let accepted = false
    let cause: Error | undefined
    client.on('error', (error) => {
      cause ??= error
    }) // 'close' follows
    client.on('close', () => agent.broken(cause ? this.#explain(cause) : 'the connection was closed'))
    client.on('message', (topic, payload) => this.#received(agent, topic, payload))
    const abort = (): void => agent.broken('opening was aborted')
    signal.addEventListener('abort', abort, { once: true })
    try {
      const ended = agent.closed.then(() => {
        throw new Error('the connection ended')
      })
      await Promise.race([connected(client), ended])
      accepted = true
      await Promise.race([client.subscribeAsync(downFilter(nodeName), { qos: 1 }), ended])
      await agent.hello(hello)
      return agent
    } catch (error) {
      agent.broken('opening failed')
      client.end(true)
      throw new Error(`cannot open the link: ${this.#explain(cause ?? (accepted || signal.aborted ? (error as Error) : NOT_ACCEPTED))}`, {
        cause: cause ?? error,
      })
    } finally {
      signal.removeEventListener('abort', abort)
    }
  }

  #connectOptions(session: string): IClientOptions & { readonly noDelay: true } {
    const { nodeName, host, port, board, keepaliveSeconds = KEEPALIVE_SECONDS } = this.#options
    const { key, certificate, authority } = this.#options.credentials()
    return {
      host,
      port,
      protocol: 'mqtts',
      servername: SERVER_NAME,
      key,
      cert: certificate,
      ca: authority,
      rejectUnauthorized: false, // `open` looks for itself
      clientId: nodeName,
      ...(board && { username: board }),
      protocolVersion: 4,
      clean: true,
      keepalive: keepaliveSeconds,
      connectTimeout: CONNECT_MS,
      reconnectPeriod: 0,
      queueQoSZero: false,
      resubscribe: false,
      timerVariant: 'native',
      noDelay: true,
      will: { topic: upTopic(nodeName, 'bye'), payload: encodeUp({ type: 'bye', session, why: 'lost' }), qos: 1, retain: false },
    }
  }

  #send(client: MqttClient, message: UpMessage): void {
    const payload = encodeUp(message)
    if (!client.connected) return
    this.traffic.sentBytes += payload.length
    // Answers may be lost (the question comes again), so they need no acknowledgement of their own.
    client.publish(upTopic(this.#options.nodeName, message.type), payload, { qos: message.type === 'got' ? 0 : 1 }, () => {})
  }

  #received(agent: AgentSession, topic: string, payload: Buffer): void {
    this.traffic.receivedBytes += payload.length
    const type = parseDownTopic(this.#options.nodeName, topic)
    try {
      if (type) agent.received(decodeDown(type, payload))
    } catch (error) {
      this.badMessages++
      this.#options.env.log.warn('a message of the control plane was dropped: it cannot be read', { topic, bytes: payload.length, error })
    }
  }

  #explain(error: Error & { code?: unknown }): string {
    const { host, port } = this.#options
    const at = `the control plane at ${host}:${port}`
    if (error.code === 'ECONNREFUSED') return `${at} does not listen; is it running?`
    if (error instanceof NotControlPlane)
      return `${at} belongs to another cluster: its certificate was not issued by this node's authority (${error.message})`
    if (/\balert\b|not authorized/i.test(error.message))
      return `${at} refuses this node's certificate (${error.message}); join again with a new token, unless this card is a copy of one that is connected now`
    return `${at}: ${error.message}`
  }
}

const connected = (client: MqttClient): Promise<void> => new Promise((resolve) => client.once('connect', () => resolve()))

/** Lets what was sent leave, within a limit. */
async function hangUp(client: MqttClient, env: Env): Promise<void> {
  if (!client.connected) return void client.end(true)
  const left = new AbortController()
  client.end(false, () => left.abort())
  await env.clock.sleep(GOODBYE_MS, left.signal)
  if (!left.signal.aborted) client.stream.destroy()
}
