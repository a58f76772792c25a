import type { Readable, Writable } from 'node:stream'
import type { Clock } from '@bramble/reconcile/env'
import { StatusError } from '@bramble/api/status-error'
import { copy } from '../copy.ts'
import { IdleLimit } from '../idle-limit.ts'
import type { RemoteProcess, Stdio } from '../remote-process.ts'
import { acceptSpdy, checkHandshake, negotiated, offeredStreamProtocols, type UpgradeRequest } from '../upgrade-request.ts'
import { acceptWebSocket } from '../web-socket.ts'
import type { CommandClient, CommandEnd } from './command-client.ts'
import { SPDY_PROTOCOLS, spdyCommandClient } from './spdy-command-client.ts'
import { encodeEnd, encodeFailure, failureText } from './status-frame.ts'
import { WEB_SOCKET_PROTOCOLS, WebSocketCommandClient } from './web-socket-command-client.ts'

/** Of one message; what is typed or piped in comes in far smaller ones. */
const PAYLOAD_BYTES_MAX = 4 * 1024 * 1024
/** Source: kubelet, StreamingConnectionIdleTimeout. */
const IDLE_MS = 4 * 60 * 60 * 1000

export interface RemoteCommandOptions {
  readonly stdio: Stdio
  /** Opens what the client watches. `signal` aborts when that is over, or the client is gone. */
  readonly open: (signal: AbortSignal) => Promise<RemoteProcess>
  readonly clock: Clock
  readonly idleMs?: number
  /** Ends it from our side. */
  readonly signal?: AbortSignal
}

/**
 * Serves a process to the client of an upgrade: exec and attach, over WebSocket and SPDY, in all versions of both.
 *
 * @returns When the connection is taken; `ended` resolves, and never rejects, when all is over: the process cannot be followed further, the
 * client went away, nothing went through for `idleMs` (default 4 h), or `signal` aborted.
 * @throws StatusError, with the connection untouched: what `open` throws; 400 for what is no handshake; 403 for protocols that nobody speaks.
 * @see Source: kubelet pkg/cri/streaming/remotecommand; apimachinery pkg/util/remotecommand.
 */
export async function serveRemoteCommand(
  upgrade: UpgradeRequest,
  options: RemoteCommandOptions,
): Promise<{ readonly ended: Promise<void> }> {
  const protocol = protocolOf(upgrade)
  const over = new AbortController()
  const giveUp = (): void => over.abort()
  upgrade.socket.once('close', giveUp)
  const opening = AbortSignal.any([over.signal, ...(options.signal ? [options.signal] : [])])
  try {
    const process = await options.open(opening)
    process.ended.catch(() => {}) // said to the client below, if it comes to that
    if (over.signal.aborted) throw new StatusError(400, 'BadRequest', 'the client is gone')
    const ended = accepted(upgrade, protocol, options)
      .then((client) => follow(process, client, options))
      .catch(() => void upgrade.socket.destroy()) // the client went away, or opened no streams
      .finally(giveUp)
    return { ended }
  } catch (error) {
    giveUp()
    throw error
  }
}

function protocolOf(upgrade: UpgradeRequest): string {
  if (upgrade.kind === 'websocket') {
    checkHandshake(upgrade)
    return upgrade.protocols.length === 0 ? '' : negotiated(upgrade.protocols, WEB_SOCKET_PROTOCOLS)
  }
  if (upgrade.kind !== 'spdy/3.1') throw new StatusError(400, 'BadRequest', 'unable to upgrade: missing upgrade headers in request')
  const offered = offeredStreamProtocols(upgrade.request)
  return offered.length === 0 ? '' : negotiated(offered, SPDY_PROTOCOLS)
}

async function accepted(upgrade: UpgradeRequest, protocol: string, { stdio, clock }: RemoteCommandOptions): Promise<CommandClient> {
  if (upgrade.kind !== 'websocket') return spdyCommandClient(acceptSpdy(upgrade, protocol), protocol, stdio, clock)
  const named = protocol === '' ? {} : { protocol }
  return new WebSocketCommandClient(
    await acceptWebSocket(upgrade, { ...named, payloadBytesMax: PAYLOAD_BYTES_MAX }),
    protocol,
    stdio,
    clock,
  )
}

async function follow(
  process: RemoteProcess,
  client: CommandClient,
  { clock, idleMs = IDLE_MS, signal }: RemoteCommandOptions,
): Promise<void> {
  const idle = new IdleLimit(clock, idleMs)
  const done = new AbortController()
  const leaving = AbortSignal.any([client.gone, done.signal, ...(signal ? [signal] : [])])
  client.onResize((size) => process.resize(size))
  if (client.stdin && process.stdin) copy(client.stdin, process.stdin, idle).catch(() => {}) // either has heard enough: output goes on
  const outputs = [pumped(process.stdout, client.stdout, idle), pumped(process.stderr, client.stderr, idle)]
  const finished = Promise.all([process.ended, ...outputs]).then(
    ([{ exitCode }]): CommandEnd => ({ status: encodeEnd({ exitCode }), text: endText(exitCode) }),
    (error): CommandEnd => ({ status: encodeFailure(error), text: failureText(error) }),
  )
  const given = await Promise.race([finished, idle.reached(leaving)])
  done.abort()
  if (given) return client.finish(given)
  if (client.gone.aborted) return
  const why = signal?.aborted ? STOPPED : new StatusError(504, 'Timeout', 'Timeout: nothing went through the stream for too long')
  await client.finish({ status: encodeFailure(why), text: why.message })
}

const STOPPED = new StatusError(503, 'ServiceUnavailable', 'the server is stopping')

const endText = (exitCode: number): string => (exitCode === 0 ? '' : `command terminated with non-zero exit code: exit status ${exitCode}`)

const pumped = async (from: Readable | undefined, to: Writable | undefined, idle: IdleLimit): Promise<void> => {
  if (from && to) await copy(from, to, idle)
  else from?.resume()
}
