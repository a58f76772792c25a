import '@bramble/link/mqtt/packet-lengths'
import { once } from 'node:events'
import { createServer, type Server, type TLSSocket } from 'node:tls'
import { Aedes, type AedesPublishPacket, type AuthenticateError, type Client } from 'aedes'
import { mayPublish, maySubscribe, UP_FILTER } from '@bramble/link/mqtt/topics'
import type { Broker, BrokerEvents } from '@bramble/link/mqtt/mqtt-link-server'
import { keepNoNumbers } from '@bramble/link/mqtt/small-packets'
import { UP_BYTES_MAX } from '@bramble/link/mqtt/wire'
import type { Log } from '@bramble/reconcile/env'
import { limitFrames } from './frame-limit.ts'
import { certifiedDevice, certifiedNode } from './certified-node.ts'

const HANDSHAKE_MS = 10_000
const CONNECT_MS = 10_000
/** A node that does not take what it is sent is disconnected, so that it holds up nobody. */
const DRAIN_MS = 3_000
const DELIVERIES_MAX = 1_000
const KEEPALIVE_SECONDS_MAX = 3_600
/** What a frame has besides its payload: fixed header, topic, packet id. */
const FRAME_EXTRA_BYTES = 1_024
const NOT_AUTHORIZED = 5
const BOARD = /^[0-9a-f]{8,32}$/

export interface BrokerOptions {
  readonly host: string
  readonly port: number
  /** PEM. */
  readonly certificate: string
  readonly key: string
  readonly authority: string
  /** Whether the device that a good certificate was issued to is still the node; absent: it is. @param device Fingerprint of its key. */
  readonly mayConnect?: (nodeName: string, device: string) => boolean
  /** Told the serial of the board on which a node is, each time that it connects and has one. */
  readonly seenBoard?: (nodeName: string, serial: string) => void
}

/**
 * An MQTT 3.1.1 broker in this process, for nodes with a certificate of this cluster. State is kept by the control
 * plane, so the broker keeps none: clean sessions only, nothing retained, no queue for those who are away.
 */
export class MqttBroker implements Broker {
  readonly #options: BrokerOptions
  readonly #log: Log
  readonly #current = new Map<string, Client>()
  /** Clients whose node has connected anew: nothing that they say counts any more. */
  readonly #replaced = new WeakSet<Client>()
  /** Fingerprints of their keys. */
  readonly #devices = new WeakMap<Client, string>()
  /** Serials of their boards. */
  readonly #boards = new WeakMap<Client, string>()
  #aedes: Aedes | undefined
  #server: Server | undefined

  constructor(options: BrokerOptions, log: Log) {
    this.#options = options
    this.#log = log
    keepNoNumbers()
  }

  /** The port that is listened on, while it is. */
  get port(): number | undefined {
    const address = this.#server?.address()
    return typeof address === 'object' && address ? address.port : undefined
  }

  async serve(events: BrokerEvents, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return
    const aedes = await this.#createAedes(events)
    this.#aedes = aedes
    const sockets = new Set<TLSSocket>()
    const { certificate, key, authority } = this.#options
    const server = createServer(
      {
        cert: certificate,
        key,
        ca: authority,
        requestCert: true,
        rejectUnauthorized: true,
        minVersion: 'TLSv1.2',
        noDelay: true,
        handshakeTimeout: HANDSHAKE_MS,
      },
      (socket) => {
        sockets.add(socket)
        socket.once('close', () => sockets.delete(socket))
        limitFrames(socket, UP_BYTES_MAX + FRAME_EXTRA_BYTES)
        aedes.handle(socket)
      },
    )
    server.on('tlsClientError', (error, socket) =>
      this.#log.info('a connection to the MQTT port was refused', { from: socket.remoteAddress, error }),
    )
    this.#server = server
    try {
      await this.#listen(server)
      if (!signal.aborted) await once(signal, 'abort')
    } finally {
      const closed = server.listening ? new Promise((resolve) => server.close(resolve)) : undefined
      for (const socket of sockets) socket.destroy()
      await closed
      await new Promise<void>((resolve) => aedes.close(() => resolve()))
      this.#aedes = this.#server = undefined
      this.#current.clear()
    }
  }

  publish(topic: string, payload: Buffer, qos: 0 | 1): void {
    this.#aedes?.publish({ cmd: 'publish', topic, payload, qos, retain: false, dup: false }, (error) => {
      if (error) this.#log.warn('a message was not published', { topic, error })
    })
  }

  /** Hangs up if the connected device is not the node any more. */
  recheck(nodeName: string): void {
    const client = this.#current.get(nodeName)
    if (!client || this.#mayConnect(client, nodeName)) return
    this.#log.warn('an MQTT client was disconnected: another device is the node now, or it was removed', { node: nodeName })
    client.conn.destroy()
  }

  async #createAedes(events: BrokerEvents): Promise<Aedes> {
    const aedes = await Aedes.createBroker({
      concurrency: DELIVERIES_MAX,
      drainTimeout: DRAIN_MS,
      connectTimeout: CONNECT_MS,
      keepaliveLimit: KEEPALIVE_SECONDS_MAX,
      authenticate: (client, username, _password, done) => {
        if (username && BOARD.test(username)) this.#boards.set(client, username)
        const refusal = this.#refusal(client)
        if (refusal === undefined) return done(null, true)
        this.#log.warn('an MQTT client was refused', { client: client.id, reason: refusal })
        done(Object.assign(new Error(refusal), { returnCode: NOT_AUTHORIZED }) as AuthenticateError, false)
      },
      authorizePublish: (client, packet, done) => {
        if (client && this.#replaced.has(client)) return done(new Error('the node has connected anew'))
        if (client && mayPublish(client.id, packet.topic) && !packet.retain && packet.qos < 2) return done()
        done(this.#violation(client, 'publish to', packet.topic))
      },
      authorizeSubscribe: (client, subscription, done) => {
        if (maySubscribe(client.id, subscription.topic)) return done(null, subscription)
        done(this.#violation(client, 'subscribe to', subscription.topic))
      },
    })
    aedes.on('client', (client) => this.#connected(client, events))
    aedes.on('clientError', (client, error) => this.#log.debug('an MQTT connection failed', { node: client.id, error }))
    aedes.on('connectionError', (_client, error) => this.#log.debug('an MQTT connection failed before it named itself', { error }))
    const deliver = (packet: AedesPublishPacket, done: () => void): void => {
      events.received(packet.topic, Buffer.from(packet.payload))
      done()
    }
    await new Promise<void>((resolve) => aedes.subscribe(UP_FILTER, deliver, resolve))
    return aedes
  }

  #refusal(client: Client): string | undefined {
    const nodeName = certifiedNode((client.conn as TLSSocket).getPeerCertificate())
    if (nodeName === undefined) return 'the certificate is not that of a node'
    this.#devices.set(client, certifiedDevice((client.conn as TLSSocket).getPeerCertificate()))
    if (!this.#mayConnect(client, nodeName)) return `another device is node "${nodeName}" now, or the node was removed`
    if (client.id !== nodeName) return `the client id must be the node name in the certificate, ${nodeName}`
    if (!client.clean) return 'only clean sessions are served'
    const before = this.#current.get(nodeName)
    const [board, boardBefore] = [this.#boards.get(client), before && this.#boards.get(before)]
    if (board !== undefined && boardBefore !== undefined && board !== boardBefore)
      return `its card is a copy: node "${nodeName}" is connected from board ${boardBefore}, and this is board ${board}; join the copy anew under another name`
    if (before) this.#replaced.add(before) // its last will must not tell that the node is lost
    return undefined
  }

  #mayConnect(client: Client, nodeName: string): boolean {
    return this.#options.mayConnect?.(nodeName, this.#devices.get(client)!) ?? true
  }

  #connected(client: Client, events: BrokerEvents): void {
    const nodeName = client.id
    this.#current.get(nodeName)?.conn.destroy()
    this.#current.set(nodeName, client)
    const board = this.#boards.get(client)
    if (board !== undefined) this.#options.seenBoard?.(nodeName, board)
    const gone = (): void => {
      if (this.#current.get(nodeName) !== client) return
      this.#current.delete(nodeName)
      events.disconnected(nodeName)
    }
    // Not the broker's own event: it is missed when a connection is taken over while it closes.
    if (client.conn.destroyed) gone()
    else client.conn.once('close', gone)
  }

  #violation(client: Client | null, verb: string, topic: string): Error {
    this.#log.warn('an MQTT client was disconnected: it used a topic that is not its own', { node: client?.id, verb, topic })
    return new Error(`not allowed to ${verb} ${topic}`)
  }

  async #listen(server: Server): Promise<void> {
    const { host, port } = this.#options
    try {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject)
        server.listen(port, host, resolve)
      })
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      const why = code === 'EADDRINUSE' ? 'another program listens there already' : message
      throw new Error(`cannot listen on ${host}:${port} for MQTT: ${why}. Choose another port with --mqtt-port`, { cause: error })
    }
    server.on('error', (error) => this.#log.error('the MQTT port has failed', { error }))
  }
}
