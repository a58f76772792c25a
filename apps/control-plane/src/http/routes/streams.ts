import type { Pod } from '@bramble/api/types/pod'
import { assertHasLog, type LogOptions, podLogOptions } from '../pod-log-options.ts'
import { RawStream } from '../raw-stream.ts'
import { requestLabels } from '../request-labels.ts'
import { type Exchange, keyOfExchange } from './exchange.ts'

/** Where the logs of containers come from: the node that runs them. */
export interface PodLogs {
  /**
   * The log as bytes, in order; it ends by itself unless `follow`, and at once when `signal` aborts.
   *
   * @throws StatusError when there is none: the node is not reachable (503), the container is not there (400).
   */
  open(pod: Pod, options: LogOptions, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>
}

/** `GET pods/x/log`: plain text as it comes. A pod that is on no node yet has an empty log. */
export async function podLog(exchange: Exchange): Promise<Response> {
  const { c, deps, resource, request, query } = exchange
  const pod = (await deps.resources.get(resource, keyOfExchange(exchange))) as Pod
  const options = podLogOptions(query, pod, deps.env.clock.nowMs())
  if (!pod.spec.nodeName) return c.body('', 200, { 'content-type': 'text/plain' })
  assertHasLog(pod, options)

  const stream = new RawStream(c, deps.env.clock, deps.stop)
  try {
    const chunks = await deps.podLogs.open(pod, options, stream.signal)
    const response = stream.open({ 'content-type': 'text/plain', 'cache-control': 'no-cache, private' })
    const closed = deps.metrics.opened(requestLabels('GET', request, query, deps.registry))
    void copy(stream, chunks, (error) =>
      deps.env.log.warn('log stream broke off', { error, pod: pod.metadata.name, container: options.container }),
    ).then(closed)
    return response
  } catch (error) {
    stream.abort()
    throw error
  }
}

async function copy(stream: RawStream, chunks: AsyncIterable<Uint8Array>, failed: (error: unknown) => void): Promise<void> {
  try {
    for await (const chunk of chunks) if (!(await stream.write(chunk))) break
  } catch (error) {
    if (!stream.signal.aborted) failed(error)
  }
  stream.abort()
  await stream.end()
}
