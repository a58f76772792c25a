import type { Clock } from '@bramble/reconcile/env'
import { StatusError } from '@bramble/api/status-error'
import type { ProcessEnd, RemoteProcess, Stdio } from '../remote-process.ts'
import type { SpdySession } from '../spdy/spdy-session.ts'
import type { SpdyStream } from '../spdy/spdy-stream.ts'
import { withSpdySession } from '../spdy/spdy-upgrade.ts'
import { decodeEnd } from './status-frame.ts'

/** Version 5 differs over WebSocket only; every container runtime speaks this one. */
const PROTOCOL = 'v4.channel.k8s.io'
const END_BYTES_MAX = 64 * 1024

/**
 * Opens a process behind a container runtime's streaming server: the URL that Exec or Attach of CRI answered. `stdio` is what it was
 * asked with. @throws StatusError when the server cannot be reached, refuses, or does not open the streams in 30 s.
 */
export async function openRemoteProcess(
  target: { readonly url: URL; readonly socketPath?: string },
  stdio: Stdio,
  clock: Clock,
  signal: AbortSignal,
): Promise<RemoteProcess> {
  return withSpdySession({ ...target, protocols: [PROTOCOL] }, clock, signal, async (session, opening) =>
    followed(session, await openStreams(session, stdio, opening), signal),
  )
}

interface Streams {
  readonly error: SpdyStream
  readonly stdin?: SpdyStream
  readonly stdout?: SpdyStream
  readonly stderr?: SpdyStream
  readonly resize?: SpdyStream
}

async function openStreams(session: SpdySession, stdio: Stdio, signal: AbortSignal): Promise<Streams> {
  const open = (type: string): Promise<SpdyStream> => session.open(new Map([['streamtype', type]]), signal)
  const error = await open('error')
  return {
    error,
    ...(stdio.stdin && { stdin: await open('stdin') }),
    ...(stdio.stdout && { stdout: await open('stdout') }),
    ...(stdio.stderr && !stdio.tty && { stderr: await open('stderr') }),
    ...(stdio.tty && { resize: await open('resize') }),
  }
}

function followed(session: SpdySession, streams: Streams, signal: AbortSignal): RemoteProcess {
  const { stdin, stdout, stderr, resize } = streams
  const giveUp = (): void => session.destroy()
  signal.addEventListener('abort', giveUp, { once: true })
  if (signal.aborted) giveUp()
  void session.ended.then(() => signal.removeEventListener('abort', giveUp))
  stdin?.resume() // its end is how the other side says that it reads no more
  resize?.resume()
  for (const stream of [stdin, stdout, stderr])
    stream?.on('close', () => {
      if (stream.givenUp) giveUp()
    })
  // their other halves stay open until all has been heard: a write to a runtime that has said all and hung up breaks the connection,
  // and with it what is still to be read
  const ended = followToEnd(session, streams)
  ended.catch(() => {}) // whoever waits for it sees it
  return {
    ...(stdin && { stdin }),
    ...(stdout && { stdout }),
    ...(stderr && { stderr }),
    resize: ({ width, height }) => {
      if (resize && !resize.writableNeedDrain && resize.writable) resize.write(JSON.stringify({ Width: width, Height: height }))
    },
    ended,
  }
}

async function followToEnd(session: SpdySession, { error, stdout, stderr }: Streams): Promise<ProcessEnd> {
  try {
    let text = ''
    for await (const bytes of error) {
      text += bytes
      if (text.length > END_BYTES_MAX) throw new StatusError(500, 'InternalError', 'the container runtime says too much at the end')
    }
    if (text === '' && error.cutOff) throw new StatusError(500, 'InternalError', 'the container runtime ended the connection')
    const end = text === '' ? { exitCode: 0 } : decodeEnd(text)
    await Promise.all([stdout?.inputEnded, stderr?.inputEnded])
    return end
  } finally {
    void session.close()
  }
}
