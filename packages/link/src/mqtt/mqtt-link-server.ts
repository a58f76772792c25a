import type { Env } from '@bramble/reconcile/env'
import type { LinkHandler, LinkServer } from '../link.ts'
import type { DownMessage, LinkTiming } from '../protocol.ts'
import { SessionTable } from '../session-table.ts'
import { downTopic, parseUpTopic } from './topics.ts'
import { decodeUp, encodeDown } from './wire.ts'

/** What the server's end needs of a broker. It sees to it that nodes write and read their own topics only. */
export interface Broker {
  /**
   * Accepts connections until `signal` aborts.
   * @throws Error when it cannot listen.
   */
  serve(events: BrokerEvents, signal: AbortSignal): Promise<void>
  /** To the node if it is connected; lost otherwise. Never waits. */
  publish(topic: string, payload: Buffer, qos: 0 | 1): void
}
export interface BrokerEvents {
  received(topic: string, payload: Buffer): void
  /** The node's connection is gone, and no other has taken its place. */
  disconnected(nodeName: string): void
}

const TIMING: LinkTiming = { resendMs: 20_000, giveUpMs: 60_000 }

/** The server's end over MQTT. */
export class MqttLinkServer implements LinkServer {
  readonly #broker: Broker
  readonly #env: Env
  /** Messages that made no sense and were dropped. */
  badMessages = 0

  constructor(broker: Broker, env: Env) {
    this.#broker = broker
    this.#env = env
  }

  async run(handler: LinkHandler, signal: AbortSignal): Promise<void> {
    const table = new SessionTable(handler, this.#env, TIMING, (nodeName, message) => this.#send(nodeName, message))
    const stop = new AbortController() // the sessions end before the connections, so that nobody counts as lost
    const stopped = new Promise<void>((resolve) => {
      const end = (): void => {
        void table.stop().then(() => {
          stop.abort()
          resolve()
        })
      }
      if (signal.aborted) end()
      else signal.addEventListener('abort', end, { once: true })
    })
    await this.#broker.serve(
      {
        received: (topic, payload) => this.#received(table, topic, payload),
        disconnected: (nodeName) => table.lost(nodeName),
      },
      stop.signal,
    )
    await stopped
  }

  #received(table: SessionTable, topic: string, payload: Buffer): void {
    const parsed = parseUpTopic(topic)
    if (!parsed) return
    try {
      table.received(parsed.nodeName, decodeUp(parsed.type, payload))
    } catch (error) {
      this.badMessages++
      this.#env.log.warn('a message of a node was dropped: it cannot be read', {
        node: parsed.nodeName,
        type: parsed.type,
        bytes: payload.length,
        error,
      })
    }
  }

  #send(nodeName: string, message: DownMessage): void {
    const isAnswer = message.type === 'taken' || message.type === 'welcome' // lost answers are asked for again
    this.#broker.publish(downTopic(nodeName, message.type), encodeDown(message), isAnswer ? 0 : 1)
  }
}
