import { chmod, mkdir, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { dirname } from 'node:path'
import type { Log } from '@bramble/reconcile/env'
import { ImageService, RuntimeService } from '../runtime/cri/grpc/api_pb.js'
import { bindService, CallLimit } from './grpc-binding.ts'
import type { CriHandlers } from './handlers.ts'

/** As kubelet's own limit. */
const MESSAGE_BYTES_MAX = 16 << 20
/** Of one connection, and of all together. */
const STREAMS_PER_CONNECTION_MAX = 100
const CALLS_MAX = 200
const LISTENERS_MAX = 50
const SHUTDOWN_MS_MAX = 5_000

/**
 * Serves CRI on a unix socket, for root alone, until `signal` aborts; containers stay.
 *
 * @param onListening The socket answers from now on.
 * @throws Error when another server answers there already, or the socket cannot be made.
 */
export async function serveCri(
  socketPath: string,
  handlers: CriHandlers,
  log: Log,
  signal: AbortSignal,
  onListening: () => void = () => {},
): Promise<void> {
  const { Server, ServerCredentials } = await import('../host/grpc.ts')
  const server = new Server({
    'grpc.max_receive_message_length': MESSAGE_BYTES_MAX,
    'grpc.max_send_message_length': MESSAGE_BYTES_MAX,
    'grpc.max_concurrent_streams': STREAMS_PER_CONNECTION_MAX,
  })
  const binding = { calls: new CallLimit(CALLS_MAX), streams: new CallLimit(LISTENERS_MAX), log, stopping: signal }
  bindService(server, RuntimeService, handlers.runtime, binding)
  bindService(server, ImageService, handlers.image, binding)
  await makeRoom(socketPath)
  const umask = process.umask(0o177) // nobody else gets in between
  try {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    server.bindAsync(`unix://${socketPath}`, ServerCredentials.createInsecure(), (error) => (error ? reject(error) : resolve()))
    await promise
  } finally {
    process.umask(umask)
  }
  await chmod(socketPath, 0o600)
  onListening()
  await aborted(signal)
  const ended = new Promise<void>((resolve) => server.tryShutdown(() => resolve()))
  const limit = aborted(AbortSignal.timeout(SHUTDOWN_MS_MAX))
  await Promise.race([ended, limit])
  server.forceShutdown()
  await rm(socketPath, { force: true })
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}

/** A socket that nobody answers at is what a server left that was killed. */
async function makeRoom(socketPath: string): Promise<void> {
  await mkdir(dirname(socketPath), { recursive: true, mode: 0o755 })
  if (await isAnswered(socketPath)) throw new Error(`a server answers at ${socketPath} already`)
  await rm(socketPath, { force: true })
}

function isAnswered(socketPath: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const socket = connect(socketPath)
  socket.once('connect', () => resolve(true))
  socket.once('error', () => resolve(false))
  return promise.finally(() => socket.destroy())
}
