import { StatusError, type StatusReason } from '@bramble/api/status-error'
import type { NodeFrame, LogsRequest } from '@bramble/link/grpc/stream'
import type { StreamServer } from './stream-server.ts'

/**
 * A container's log, carried by its node.
 *
 * @returns Text as the container wrote it; ends when the log ends, the signal aborts or the node is lost.
 * @throws StatusError as the node says (no such container, no previous one …), 503 or 504 when it cannot be reached.
 */
export async function* nodeLogs(streams: StreamServer, nodeName: string, request: LogsRequest, signal: AbortSignal): AsyncIterable<Uint8Array> {
  const call = await streams.open(nodeName, signal)
  const stop = (): void => { call.end(); call.destroy() }
  signal.addEventListener('abort', stop, { once: true })
  try {
    call.write({ frame: { $case: 'logs', value: request } })
    for await (const { frame } of call as AsyncIterable<NodeFrame>) {
      if (frame?.$case === 'chunk') yield frame.value.data
      if (frame?.$case === 'ended') {
        const { code, reason, message } = frame.value
        if (code !== 0) throw new StatusError(code, reason as StatusReason, message)
        return
      }
    }
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    signal.removeEventListener('abort', stop)
    stop()
  }
}
