import type { Duplex } from 'node:stream'
import type { Clock } from '@bramble/reconcile/env'
import { openSpdySession } from '@bramble/streams/spdy/spdy-upgrade'
import { RuntimeError } from '../runtime.ts'

const PROTOCOL = 'portforward.k8s.io'
const OPEN_MS_MAX = 30_000
const WORDS_MAX = 4096

/**
 * One connection behind a runtime's streaming server: the URL that PortForward of CRI answered. What goes wrong later destroys the
 * stream with the runtime's words. @throws RuntimeError `RuntimeUnavailable`.
 * @see Source: kubelet pkg/cri/streaming/portforward, httpstream.go.
 */
export async function openForwardedPort(url: URL, port: number, clock: Clock, signal: AbortSignal): Promise<Duplex> {
  const opening = AbortSignal.any([signal, AbortSignal.timeout(OPEN_MS_MAX)])
  try {
    const { session } = await openSpdySession({ url, protocols: [PROTOCOL] }, { clock }, opening)
    const giveUp = (): void => session.destroy()
    signal.addEventListener('abort', giveUp, { once: true })
    void session.ended.then(() => signal.removeEventListener('abort', giveUp))
    try {
      const open = (type: string) =>
        session.open(
          new Map([
            ['streamtype', type],
            ['port', String(port)],
            ['requestid', '0'],
          ]),
          opening,
        )
      const errors = await open('error')
      errors.end() // nothing is said to the other side here
      const data = await open('data')
      let words = ''
      errors.setEncoding('utf8')
      errors.on('data', (text: string) => {
        words = (words + text).slice(0, WORDS_MAX)
      })
      errors.on('end', () => {
        if (words !== '') data.destroy(new Error(words))
      })
      data.on('close', () => void session.close())
      return data
    } catch (error) {
      session.destroy()
      throw error
    }
  } catch (error) {
    signal.throwIfAborted()
    throw new RuntimeError('RuntimeUnavailable', (error as Error).message, { cause: error })
  }
}
