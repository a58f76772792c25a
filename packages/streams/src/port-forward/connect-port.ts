import type { Duplex } from 'node:stream'
import type { Clock } from '@bramble/reconcile/env'
import { StatusError } from '@bramble/api/status-error'
import { withSpdySession } from '../spdy/spdy-upgrade.ts'
import type { SpdySession } from '../spdy/spdy-session.ts'

/**
 * One connection to a port, through a container runtime's streaming server: the URL that PortForward of CRI answered. When the runtime
 * cannot reach the port, the connection breaks with its words soon after. @throws StatusError when the server cannot be reached, refuses, or
 * does not open the streams in 30 s.
 */
export async function connectPort(
  target: { readonly url: URL; readonly socketPath?: string },
  port: number,
  clock: Clock,
  signal: AbortSignal,
): Promise<Duplex> {
  return withSpdySession({ ...target, protocols: ['portforward.k8s.io'] }, clock, signal, (session, opening) =>
    connect(session, port, opening, signal),
  )
}

async function connect(session: SpdySession, port: number, opening: AbortSignal, signal: AbortSignal): Promise<Duplex> {
  const headers = (type: string): ReadonlyMap<string, string> =>
    new Map([
      ['streamtype', type],
      ['port', String(port)],
      ['requestid', '0'],
    ])
  const error = await session.open(headers('error'), opening)
  const data = await session.open(headers('data'), opening)
  const giveUp = (): void => session.destroy()
  signal.addEventListener('abort', giveUp, { once: true })
  if (signal.aborted) giveUp()
  data.once('close', () => {
    signal.removeEventListener('abort', giveUp)
    void session.close()
  })
  error.end()
  error.once('data', (words: Buffer) => data.destroy(new StatusError(502, 'InternalError', words.toString().trim())))
  return data
}
