import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2'
import { createInterface } from 'node:readline'
import { test, type TestContext } from 'node:test'
import { HOST, httpsServer } from '../../apps/control-plane/src/http/https.fixture.ts'

// What HTTP/2 lets clients do to a server. Each test has limits of its own, small enough to meet.

type Server = Awaited<ReturnType<typeof httpsServer>>
const PODS_WATCH = '/api/v1/pods?watch=true'

async function dial(t: TestContext, { admin }: Server): Promise<ClientHttp2Session> {
  const session = connect(`https://${HOST}:${admin.port}`, { ca: admin.ca, cert: admin.cert, key: admin.key })
  session.on('error', () => {}) // cut off: what was to be shown
  t.after(() => session.destroy())
  await once(session, 'connect')
  return session
}

/** The status of the answer, or how the stream ended without one. */
function outcome(stream: ClientHttp2Stream): Promise<number | string> {
  return new Promise((resolve) => {
    stream.once('response', (headers) => resolve(headers[':status'] ?? 0))
    stream.once('error', (error) => resolve((error as NodeJS.ErrnoException).code ?? error.message))
    stream.once('close', () => resolve(`closed ${stream.rstCode}`))
    stream.resume()
  })
}
async function isAlive(t: TestContext, server: Server): Promise<void> {
  assert.equal(await outcome((await dial(t, server)).request({ ':path': '/readyz' })), 200)
}

test('streams beyond the limit are refused, those that are open go on', async (t) => {
  const server = await httpsServer(t, { limits: { streamsPerSession: 5 } })
  const session = await dial(t, server)
  if (session.remoteSettings.maxConcurrentStreams !== 5) await once(session, 'remoteSettings')
  assert.equal(session.remoteSettings.maxConcurrentStreams, 5)
  const watches = Array.from({ length: 5 }, () => session.request({ ':path': PODS_WATCH }))
  assert.deepEqual(await Promise.all(watches.map(outcome)), [200, 200, 200, 200, 200])
  const waiting = outcome(session.request({ ':path': '/readyz' })) // the client waits for its turn
  watches[0]!.close()
  let answer = await waiting
  while (answer !== 200) answer = await outcome(session.request({ ':path': '/readyz' })) // refused, which means: try again
  await isAlive(t, server)
})

const refused: readonly (readonly [name: string, headers: Record<string, string>, outcome: RegExp])[] = [
  ['70 kB of headers', { ':path': '/readyz', 'x-much': 'x'.repeat(70_000) }, /431|ERR_HTTP2|closed/],
  [
    '300 headers',
    { ':path': '/readyz', ...Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`x-${index}`, '1'])) },
    /431|ERR_HTTP2|closed/,
  ],
  ['a path of 70 kB', { ':path': `/${'x'.repeat(70_000)}` }, /431|ERR_HTTP2|closed/],
  ['a path that is none', { ':path': '*' }, /400|ERR_HTTP2|closed/],
  ['broken percent-encoding', { ':path': '/api/v1/%zz' }, /400/],
  ['an authority that is none', { ':path': '/readyz', ':authority': 'a b/c' }, /400|ERR_HTTP2|closed/],
  ['CONNECT', { ':method': 'CONNECT', ':authority': 'example.com:443' }, /40\d|ERR_HTTP2|closed/],
]
for (const [name, headers, expected] of refused)
  test(`${name} over HTTP/2 is refused, and the server goes on`, async (t) => {
    const server = await httpsServer(t)
    const session = await dial(t, server)
    assert.match(String(await outcome(session.request(headers))), expected)
    await isAlive(t, server)
  })

test('a client that opens no window gets nothing, and costs no more than what was asked', async (t) => {
  const server = await httpsServer(t)
  const session = connect(`https://${HOST}:${server.admin.port}`, { ...server.admin, settings: { initialWindowSize: 0 } })
  session.on('error', () => {})
  t.after(() => session.destroy())
  await once(session, 'connect')
  const streams = Array.from({ length: 50 }, () => session.request({ ':path': '/apis' }))
  assert.deepEqual(
    new Set(await Promise.all(streams.map((stream) => once(stream, 'response').then(([headers]) => headers[':status'])))),
    new Set([200]),
  )
  await isAlive(t, server)
  session.destroy()
})

test('1000 idle watches: a change reaches each, and nothing is left when they are gone', async (t) => {
  const WATCHES = 1_000
  const PER_SESSION = 250
  const server = await httpsServer(t)
  const first = await dial(t, server)
  const post = async (path: string, body: object): Promise<void> => {
    const stream = first.request({ ':path': path, ':method': 'POST', 'content-type': 'application/json' })
    stream.end(JSON.stringify(body))
    assert.equal(await outcome(stream), 201)
  }
  const sessions = await Promise.all(Array.from({ length: WATCHES / PER_SESSION }, () => dial(t, server)))
  const streams = sessions.flatMap((session) =>
    Array.from({ length: PER_SESSION }, () => session.request({ ':path': '/api/v1/namespaces?watch=true' })),
  )
  await Promise.all(streams.map((stream) => once(stream, 'response')))
  const seen = streams.map(async (stream) => {
    for await (const line of createInterface({ input: stream })) return (JSON.parse(line) as { type: string }).type
    return 'ended'
  })
  await post('/api/v1/namespaces', { metadata: { name: 'fresh' } })
  assert.deepEqual(new Set(await Promise.all(seen)), new Set(['ADDED']))

  const open = async (): Promise<number> => {
    const stream = first.request({ ':path': '/metrics' })
    const text = (await stream.setEncoding('utf8').toArray()).join('')
    return Number(/^apiserver_longrunning_requests\{.*resource="namespaces".*\} (\d+)$/m.exec(text)?.[1])
  }
  assert.equal(await open(), WATCHES)
  for (const session of sessions) session.destroy()
  while ((await open()) > 0) await server.clock.advance(1_000)
})
