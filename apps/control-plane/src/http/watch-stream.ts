import type { JsonObject, KubeObject } from '@bramble/api/object'
import { statusBody } from '@bramble/api/status-error'
import type { WatchEvent } from '../api/requests.ts'
import { bookmarkTable, toPartial, toTable } from '../api/table.ts'
import { integer, watchRequest } from './list-request.ts'
import type { Representation } from './negotiate.ts'
import { RawStream } from './raw-stream.ts'
import { toStatusError } from './respond.ts'
import type { Exchange } from './routes/exchange.ts'
import { includeObject } from './show.ts'

/** Without `timeoutSeconds` a watch ends at a random time in this range, so that clients do not come back all at once. */
const TIMEOUT_SECONDS_MIN = 1800
const TIMEOUT_SECONDS_MAX = 3600

/**
 * Answers a watch: one JSON event per line, until the client leaves, time is up, or an ERROR event.
 *
 * What the service refuses at once becomes an HTTP error; what goes wrong later becomes an ERROR event. A client that
 * does not read keeps nothing in our memory: the service is not asked for more, and answers 410 when it is too far behind.
 */
export async function watchResponse({ c, deps, resource, namespace, query }: Exchange, shown: Representation): Promise<Response> {
  const { clock, random, log } = deps.env
  const line = lineWriter(shown, resource, query, () => clock.nowMs())
  const timeoutSeconds = integer(query, 'timeoutSeconds') || TIMEOUT_SECONDS_MIN + random() * (TIMEOUT_SECONDS_MAX - TIMEOUT_SECONDS_MIN)
  const request = watchRequest(query, namespace)
  const stream = new RawStream(c, clock, deps.stop)
  try {
    const events = deps.resources.watch(resource, request, stream.signal)[Symbol.asyncIterator]()
    const first = events.next()
    await refusedAtOnce(first)
    const response = stream.open({ 'content-type': 'application/json', 'cache-control': 'no-cache, private' })
    void clock.sleep(timeoutSeconds * 1000, stream.signal).then(() => stream.abort())
    void pump(stream, first, events, line, (error) => log.error('watch failed', { error, resource: resource.plural }))
    return response
  } catch (error) {
    stream.abort()
    throw error
  }
}

/** Gives the service one turn of the event loop to say no while there is still a status code to say it with. */
async function refusedAtOnce(first: Promise<unknown>): Promise<void> {
  await Promise.race([first.then(() => {}), new Promise<void>((resolve) => setImmediate(resolve))])
}

async function pump(
  stream: RawStream,
  first: Promise<IteratorResult<WatchEvent>>,
  events: AsyncIterator<WatchEvent>,
  line: (event: WatchEvent) => string,
  failed: (error: unknown) => void,
): Promise<void> {
  let last: string | undefined
  try {
    for (let next = await first; !next.done && (await stream.write(line(next.value))); ) next = await events.next()
  } catch (error) {
    const status = toStatusError(error)
    if (status.code >= 500) failed(error)
    last = line({ type: 'ERROR', object: statusBody(status) })
  }
  stream.abort()
  await events.return?.().catch(failed)
  await stream.end(last)
}

/** Events as lines in the form the client asked for; of a table only the first has columns. */
function lineWriter(
  shown: Representation,
  resource: Exchange['resource'],
  query: URLSearchParams,
  nowMs: () => number,
): (event: WatchEvent) => string {
  const included = includeObject(query)
  let withColumns = true
  const show = (object: KubeObject, type: WatchEvent['type']): JsonObject => {
    if (shown.as === 'metadata') return toPartial(object, shown.version)
    if (shown.as === 'object') return object as unknown as JsonObject
    if (type === 'BOOKMARK') return bookmarkTable(object, shown.version)
    const metadata = { resourceVersion: object.metadata.resourceVersion }
    const table = toTable(resource, [object], metadata, { includeObject: included, version: shown.version, nowMs: nowMs(), withColumns })
    withColumns = false
    return table
  }
  return ({ type, object }) => `${JSON.stringify({ type, object: type === 'ERROR' ? object : show(object as KubeObject, type) })}\n`
}
