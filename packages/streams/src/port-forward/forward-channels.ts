import type { Readable, Writable } from 'node:stream'
import type { WebSocket } from 'ws'
import { WebSocketChannels } from '../web-socket-channels.ts'
import { bridge } from './bridge.ts'
import { type Forwarding, forwardError } from './forwarding.ts'

/**
 * One connection for each port that the client named, over two channels each: data, then errors. Both begin with the port, in two bytes,
 * the lower one first. @see Source: kubelet pkg/cri/streaming/portforward, websocket.go.
 */
export async function forwardChannels(socket: WebSocket, protocol: string, forwarding: Forwarding): Promise<void> {
  const channels = new WebSocketChannels(socket, protocol, forwarding.clock)
  const all = forwarding.ports.map((port, index) => {
    const first = Buffer.from([port & 0xff, port >> 8])
    channels.send(2 * index, first)
    channels.send(2 * index + 1, first)
    return forwardChannel(port, channels.input(2 * index), channels.output(2 * index), channels.output(2 * index + 1), forwarding)
  })
  const leaving = AbortSignal.any([channels.gone, forwarding.signal])
  await Promise.race([Promise.all(all), forwarding.idle.reached(leaving)])
  await channels.close()
}

async function forwardChannel(port: number, input: Readable, output: Writable, errors: Writable, forwarding: Forwarding): Promise<void> {
  const over = new AbortController()
  input.once('close', () => over.abort())
  try {
    const connection = await forwarding.connect(port, AbortSignal.any([over.signal, forwarding.signal]))
    await bridge({ input, output, endless: true }, connection, forwarding.idle)
  } catch (failure) {
    errors.write(forwardError(port, forwarding.target, failure))
  } finally {
    over.abort()
  }
}
