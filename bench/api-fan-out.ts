import { once } from 'node:events'
import { type ClientHttp2Session, connect as http2Connect } from 'node:http2'
import type { Readable } from 'node:stream'
import { connect as tlsConnect, type TLSSocket } from 'node:tls'
import { waitFor } from '../test/e2e/wait.ts'
import type { ApiConnection, Credentials } from './api-connection.ts'
import { type ApiServer, NAMESPACE } from './api-server.ts'
import { percentile } from './table.ts'

/** Changes that are waited for one by one: latency. */
const SINGLE_CHANGES = 30
/** Changes sent as fast as they are taken: throughput. */
const BURST_CHANGES = 200
const BURST_PARALLEL = 16
/** What the control plane allows on one HTTP/2 connection. */
const STREAMS_PER_SESSION = 250
const CONNECTS_AT_ONCE = 50
const NEWLINE = 0x0a
const CARRIAGE_RETURN = 0x0d

/** Counts the events of one watch as they arrive, without parsing them: reading must cost this process little. */
class Watcher {
  events = 0
  lastMs = 0

  constructor(bytes: Readable) {
    bytes.on('data', (chunk: Buffer) => this.#count(chunk))
    bytes.on('error', () => {}) // ended by us
  }

  /** An event ends with a line feed alone; HTTP/1.1's own lines end with CR and LF. */
  #count(chunk: Buffer): void {
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, at + 1)) if (chunk[at - 1] !== CARRIAGE_RETURN) this.events++
    this.lastMs = performance.now()
  }
}

/** Many watch the same. @returns A line: latency, throughput, and what an idle watch keeps of the control plane's memory. */
export async function fanOut(server: ApiServer, api: ApiConnection, protocol: 'HTTP/1.1' | 'HTTP/2', count: number): Promise<string[]> {
  const path = `${NAMESPACE}/configmaps?watch=true&allowWatchBookmarks=true&resourceVersion=${await newest(api)}`
  const before = (await server.memory()).rssBytes
  const { watchers, close } = await (protocol === 'HTTP/2' ? openHttp2 : openHttp1)(api.credentials, server.address, path, count)
  const idle = (await server.memory()).rssBytes - before

  const first: number[] = []
  const last: number[] = []
  for (let index = 1; index <= SINGLE_CHANGES; index++) {
    const sentMs = performance.now()
    await change(api, index)
    await allHave(watchers, index)
    const arrivals = watchers.map(({ lastMs }) => lastMs - sentMs)
    first.push(Math.min(...arrivals))
    last.push(Math.max(...arrivals))
  }
  const [startMs, startCpuMs] = [performance.now(), await server.cpuMs()]
  let next = 0
  const writer = async (): Promise<void> => {
    while (next < BURST_CHANGES) await change(api, ++next)
  }
  await Promise.all(Array.from({ length: BURST_PARALLEL }, writer))
  await allHave(watchers, SINGLE_CHANGES + BURST_CHANGES)
  const seconds = (Math.max(...watchers.map(({ lastMs }) => lastMs)) - startMs) / 1000
  const cpuMs = (await server.cpuMs()) - startCpuMs
  close()
  const events = BURST_CHANGES * count
  return [
    protocol,
    ...[percentile(first, 0.5), percentile(first, 0.99), percentile(last, 0.5), percentile(last, 0.99)].map((ms) => ms.toFixed(1)),
    (events / seconds).toFixed(0),
    ((cpuMs / events) * 1000).toFixed(1),
    (idle / count / 1024).toFixed(1),
  ]
}

const newest = async (api: ApiConnection): Promise<string> =>
  (await api.call<{ metadata: { resourceVersion: string } }>('GET', `${NAMESPACE}/configmaps`)).metadata.resourceVersion

/** Of an object of some 700 bytes. */
const change = (api: ApiConnection, index: number): Promise<unknown> =>
  api.call(
    'PATCH',
    `${NAMESPACE}/configmaps/watched-${index % BURST_PARALLEL}`,
    { data: { text: 'x'.repeat(500), count: `${index} ${performance.now()}` } },
    'application/merge-patch+json',
  )

/** What is changed must be there first. */
export async function prepareFanOut(api: ApiConnection): Promise<void> {
  for (let index = 0; index < BURST_PARALLEL; index++)
    await api.call('POST', `${NAMESPACE}/configmaps`, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: `watched-${index}` } })
}

const allHave = (watchers: readonly Watcher[], events: number): Promise<true> =>
  waitFor(`every watcher to have ${events} events`, async () => watchers.every((watcher) => watcher.events >= events) || undefined, {
    lookAgainMs: 2,
    limitMs: 120_000,
  })

interface Watching {
  readonly watchers: readonly Watcher[]
  close(): void
}
interface TcpAddress {
  readonly host: string
  readonly port: number
}

async function openHttp1(credentials: Credentials, address: TcpAddress, path: string, count: number): Promise<Watching> {
  const open = async () => {
    const socket = tlsConnect({ ...credentials, ...address, ALPNProtocols: ['http/1.1'] })
    await once(socket, 'secureConnect')
    socket.write(`GET ${path} HTTP/1.1\r\nhost: localhost\r\naccept: application/json\r\n\r\n`)
    await once(socket, 'data') // the headers
    return socket
  }
  const sockets: TLSSocket[] = []
  while (sockets.length < count)
    sockets.push(...(await Promise.all(Array.from({ length: Math.min(CONNECTS_AT_ONCE, count - sockets.length) }, open))))
  return { watchers: sockets.map((socket) => new Watcher(socket)), close: () => sockets.forEach((socket) => void socket.destroy()) }
}

async function openHttp2(credentials: Credentials, { host, port }: TcpAddress, path: string, count: number): Promise<Watching> {
  const sessions: ClientHttp2Session[] = []
  const watchers: Watcher[] = []
  while (watchers.length < count) {
    const session = http2Connect(`https://${host}:${port}`, credentials)
    sessions.push(session)
    const streams = Array.from({ length: Math.min(STREAMS_PER_SESSION, count - watchers.length) }, () => session.request({ ':path': path }))
    await Promise.all(streams.map((stream) => once(stream, 'response')))
    watchers.push(...streams.map((stream) => new Watcher(stream)))
  }
  return { watchers, close: () => sessions.forEach((session) => void session.destroy()) }
}
