import { chmod, mkdir, rm } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import { dirname } from 'node:path'
import type { Log } from '@bramble/reconcile/env'

/** What came of it, as a line of JSON. */
export interface ShutdownAnswer {
  /** Pods that did not end in time, or why nothing was done. */
  readonly left?: readonly string[]
  readonly error?: string
}

const REQUEST = 'shut down\n'
const CALLERS_MAX = 4

/**
 * Where the machine says that it goes down: a socket that only root can open. Who asks hears when the pods have ended.
 * @param path e.g. `/run/bramble/shutdown.sock`. @param shutDown Called once; later callers share what comes of it.
 */
export async function serveShutdown(
  path: string,
  shutDown: (signal: AbortSignal) => Promise<readonly string[]>,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  let running: Promise<ShutdownAnswer> | undefined
  const begin = (): Promise<ShutdownAnswer> => {
    running ??= shutDown(signal).then(
      (left) => ({ left }),
      (error: unknown) => ({ error: error instanceof Error ? error.message : String(error) }),
    )
    return running
  }
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => socket.destroy())
    answer(socket, begin)
  })
  server.maxConnections = CALLERS_MAX
  try {
    await listen(server, path)
  } catch (error) {
    log.error('nobody can tell this agent that the machine goes down', { path, error })
    await aborted(signal)
    return
  }
  await aborted(signal)
  for (const socket of sockets) socket.destroy()
  await new Promise<void>((resolve) => server.close(() => resolve()))
  await rm(path, { force: true })
}

function answer(socket: Socket, begin: () => Promise<ShutdownAnswer>): void {
  let said = ''
  socket.setEncoding('utf8')
  socket.on('data', (text: string) => {
    said += text
    if (!REQUEST.startsWith(said)) socket.destroy()
    if (said === REQUEST) void begin().then((told) => socket.end(`${JSON.stringify(told)}\n`))
  })
}

/** One that an agent left behind when it died is in the way. */
async function listen(server: Server, path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o755 })
  await rm(path, { force: true })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ path, readableAll: false, writableAll: false }, () => resolve())
  })
  server.on('error', () => {})
  await chmod(path, 0o600)
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
