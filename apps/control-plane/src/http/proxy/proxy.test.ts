import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { createServer as createSecureServer, request } from 'node:https'
import { buffer, json, text } from 'node:stream/consumers'
import { test } from 'node:test'
import { gunzipSync, gzipSync } from 'node:zlib'
import { serviceUnavailable } from '@bramble/api/status-error'
import { WebSocket, WebSocketServer } from 'ws'
import { testPki } from '../https.fixture.ts'
import { NO_STREAMS } from '../pod-streams.ts'
import { podApi, POD_IP } from '../pod-api.fixture.ts'

const WEB = '/api/v1/namespaces/a/pods/web:PORT/proxy'
const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

/** Answers with what it was asked. */
const mirror: RequestListener = async (asked, answer) => {
  const body = await buffer(asked)
  answer.writeHead(207, { 'x-answer': 'yes', 'access-control-allow-origin': '*' })
  answer.end(JSON.stringify({ method: asked.method, url: asked.url, headers: asked.headers, body: digest(body), size: body.length }))
}
interface Mirrored {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  readonly size: number
}
const mirrored = async (answer: IncomingMessage): Promise<Mirrored> => (await json(answer)) as Mirrored

for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])
  test(`${method} is handed on, with its path, query and body`, async (t) => {
    const { ask } = await podApi(t, createServer(mirror))
    const body = method === 'GET' || method === 'OPTIONS' ? undefined : 'hello'
    const answer = await ask(`${WEB}/x%2Fy/z/?a=b&a=%20`, { method, headers: body ? { 'content-length': '5' } : {} }, body)
    const seen = await mirrored(answer)
    assert.deepEqual([answer.statusCode, answer.headers['x-answer']], [207, 'yes'])
    assert.deepEqual([seen.method, seen.url, seen.size], [method, '/x%2Fy/z/?a=b&a=%20', body?.length ?? 0])
  })

test('HEAD answers headers alone', async (t) => {
  const { ask } = await podApi(
    t,
    createServer((_asked, answer) => void answer.writeHead(200, { 'content-length': '99' }).end()),
  )
  const answer = await ask(`${WEB}/x`, { method: 'HEAD' })
  assert.deepEqual([answer.statusCode, answer.headers['content-length'], await text(answer)], [200, '99', ''])
})

test('the backend hears where it was reached, and not who asked', async (t) => {
  const { admin, ask, port } = await podApi(t, createServer(mirror))
  const { headers } = await mirrored(await ask(`${WEB}/x`, { headers: { 'x-forwarded-for': '1.1.1.1', cookie: 'c' } }))
  assert.deepEqual(headers, {
    cookie: 'c',
    host: `127.0.0.1:${admin.port}`,
    'x-forwarded-for': '1.1.1.1, 127.0.0.1',
    'x-forwarded-uri': `/api/v1/namespaces/a/pods/web:${port}/proxy/x`,
    connection: 'close',
  })
})

test('answers do not open the API to other origins', async (t) => {
  const { ask } = await podApi(t, createServer(mirror))
  assert.equal((await ask(`${WEB}/x`)).headers['access-control-allow-origin'], undefined)
})

test('large bodies go both ways as they come, with and without a length', async (t) => {
  const body = randomBytes(6_000_000)
  const { ask } = await podApi(
    t,
    createServer((asked, answer) => void asked.pipe(answer)),
  )
  for (const headers of [{ 'content-length': String(body.length) }, { 'transfer-encoding': 'chunked' }]) {
    const answer = await ask(`${WEB}/`, { method: 'POST', headers }, body)
    assert.equal(digest(await buffer(answer)), digest(body))
  }
})

test('over HTTP/2 as well', async (t) => {
  const { admin, port } = await podApi(t, createServer(mirror))
  const session = connectHttp2(`https://127.0.0.1:${admin.port}`, { ca: admin.ca, cert: admin.cert, key: admin.key })
  t.after(() => session.destroy())
  const stream = session.request({ ':path': WEB.replace('PORT', String(port)) + '/x', ':method': 'POST' })
  stream.end('hello')
  const [headers] = await once(stream, 'response')
  const seen = (await json(stream)) as Mirrored
  assert.deepEqual([headers[':status'], seen.method, seen.size], [207, 'POST', 5])
})

test('what the backend says is passed on at once', async (t) => {
  const backend = createServer((_asked, answer) => void answer.write('first'))
  const { ask } = await podApi(t, backend)
  const answer = await ask(`${WEB}/`)
  const [chunk] = await once(answer, 'data')
  assert.equal(String(chunk), 'first')
  answer.destroy()
})

test('a client that leaves is a backend that is left', async (t) => {
  const { promise: left, resolve } = Promise.withResolvers<void>()
  const backend = createServer((asked, answer) => {
    asked.socket.once('close', () => resolve())
    answer.write('first')
  })
  const { ask } = await podApi(t, backend)
  const answer = await ask(`${WEB}/`)
  answer.on('error', () => {})
  answer.destroy()
  await left
})

test('half an answer does not look whole', async (t) => {
  const backend = createServer((asked, answer) => {
    answer.writeHead(200, { 'content-length': '100' })
    answer.write('half', () => asked.socket.destroy())
  })
  const { ask } = await podApi(t, backend)
  await assert.rejects(buffer(await ask(`${WEB}/`)), { code: 'ECONNRESET' })
})

test('a backend may answer before it has heard all', async (t) => {
  const { ask } = await podApi(
    t,
    createServer((asked, answer) => {
      asked.resume()
      answer.writeHead(413).end('too much')
    }),
  )
  const answer = await ask(`${WEB}/`, { method: 'POST', headers: { 'content-length': '3000000' } }, randomBytes(3_000_000))
  assert.deepEqual([answer.statusCode, await text(answer)], [413, 'too much'])
})

test('without a path, the client is sent to the root', async (t) => {
  const { ask, port } = await podApi(t, createServer(mirror))
  const answer = await ask(`${WEB}?a=b`)
  assert.deepEqual([answer.statusCode, answer.headers.location], [301, `/api/v1/namespaces/a/pods/web:${port}/proxy/?a=b`])
  assert.equal((await mirrored(await ask(WEB, { method: 'POST' }))).url, '/')
})

test('redirects of the backend lead through the proxy', async (t) => {
  const { ask, port } = await podApi(
    t,
    createServer((asked, answer) => void answer.writeHead(302, { location: `http://${POD_IP}:${port}/in` }).end(asked.url)),
  )
  const answer = await ask(`${WEB}/`)
  assert.deepEqual([answer.statusCode, answer.headers.location], [302, `/api/v1/namespaces/a/pods/web:${port}/proxy/in`])
})

test('links of pages lead through the proxy, packed or not', async (t) => {
  const backend = createServer((asked, answer) => {
    const page = Buffer.from('<a href="/rewriteme">test</a>')
    const isPacked = asked.url === '/packed'
    const body = isPacked ? gzipSync(page) : page
    answer.writeHead(200, { 'content-type': 'text/html', 'content-length': body.length, ...(isPacked && { 'content-encoding': 'gzip' }) })
    answer.end(body)
  })
  const { ask, port } = await podApi(t, backend)
  const expected = `<a href="/api/v1/namespaces/a/pods/web:${port}/proxy/rewriteme">test</a>`
  assert.equal(await text(await ask(`${WEB}/plain`)), expected)
  assert.equal(gunzipSync(await buffer(await ask(`${WEB}/packed`))).toString(), expected)
})

test('https: backends, whatever their certificate', async (t) => {
  const pki = await testPki('theirs')
  const { ask } = await podApi(t, createSecureServer({ cert: pki.server.certificate, key: pki.server.key }, mirror) as never)
  assert.equal((await mirrored(await ask('/api/v1/namespaces/a/pods/https:web:PORT/proxy/x'))).url, '/x')
  const plain = await ask(`${WEB}/x`)
  assert.deepEqual([plain.statusCode, ((await json(plain)) as { reason: string }).reason], [503, 'ServiceUnavailable'])
})

test('the first port that a pod declares is the usual one; the node is its agent', async (t) => {
  const { ask } = await podApi(t, createServer(mirror))
  assert.equal((await mirrored(await ask('/api/v1/namespaces/a/pods/web/proxy/x'))).url, '/x')
  assert.equal((await mirrored(await ask('/api/v1/nodes/pi/proxy/metrics'))).url, '/metrics')
})

const refused: readonly (readonly [string, number, string])[] = [
  ['/api/v1/namespaces/a/pods/web:1/proxy/', 503, 'error trying to reach service: connect ECONNREFUSED 127.0.0.1:1'],
  ['/api/v1/namespaces/a/pods/nope/proxy/', 404, 'pods "nope" not found'],
  ['/api/v1/namespaces/a/pods/pending/proxy/', 400, 'address not allowed'],
  ['/api/v1/namespaces/a/pods/web:x/proxy/', 400, 'invalid port "x"'],
  ['/api/v1/namespaces/a/pods/ftp:web:1/proxy/', 400, 'invalid pod request "ftp:web:1"'],
  ['/api/v1/namespaces/a/services/nope/proxy/', 404, 'services "nope" not found'],
  ['/api/v1/namespaces/a/services/lonely:80/proxy/', 503, 'no endpoints available for service "lonely:80"'],
  ['/api/v1/namespaces/a/services/lonely:81/proxy/', 503, 'no service port 81 found for service "lonely"'],
  ['/api/v1/nodes/nope/proxy/', 404, 'nodes "nope" not found'],
  ['/api/v1/nodes/pi:99/proxy/', 400, "port 99 of node pi cannot be reached, only its agent's own"],
  ['/api/v1/namespaces/a/configmaps/x/proxy/', 404, 'the server could not find the requested resource'],
]
test('what cannot be reached is a Status', async (t) => {
  const { ask, write } = await podApi(t)
  await write('POST', '/api/v1/namespaces/a/services', { metadata: { name: 'lonely' }, spec: { ports: [{ port: 80 }] } })
  for (const [path, code, message] of refused) {
    const answer = await ask(path)
    const body = (await json(answer)) as { kind: string; message: string }
    assert.deepEqual([path, answer.statusCode, body.kind, body.message], [path, code, 'Status', message])
  }
})

test('a node that is away is said in words', async (t) => {
  const agent = () => Promise.reject(serviceUnavailable('node "pi" is not connected'))
  const { ask } = await podApi(t, createServer(), { podStreams: { ...NO_STREAMS, agent } })
  const answer = await ask('/api/v1/nodes/pi/proxy/')
  assert.equal(((await json(answer)) as { message: string }).message, 'error trying to reach service: node "pi" is not connected')
})

test('a WebSocket goes through, with its protocol, and without the token', async (t) => {
  const backend = createServer()
  const sockets = new WebSocketServer({ server: backend })
  sockets.on('connection', (socket, asked) => {
    socket.send(JSON.stringify([asked.url, asked.headers.authorization, asked.headers['sec-websocket-protocol']]))
    socket.on('message', (data) => socket.send(data))
  })
  const { admin, port, streams } = await podApi(t, backend)
  const url = `wss://127.0.0.1:${admin.port}${WEB.replace('PORT', String(port))}/chat?a=b`
  const socket = new WebSocket(url, ['chat'], { ca: admin.ca, cert: admin.cert, key: admin.key })
  assert.deepEqual(
    JSON.parse(String((await once(socket, 'message'))[0])),
    ['/chat?a=b', undefined, 'chat'].map((one) => one ?? null),
  )
  const large = randomBytes(2_000_000)
  socket.send(large)
  assert.equal(digest((await once(socket, 'message'))[0] as Buffer), digest(large))
  socket.close()
  await once(socket, 'close')
  while (streams.open > 0) await new Promise((resolve) => setImmediate(resolve))
})

test('an upgrade that the backend refuses is answered as the backend says', async (t) => {
  const { admin, port } = await podApi(
    t,
    createServer((_asked, answer) => void answer.writeHead(418, { 'x-why': 'tea' }).end('no')),
  )
  const headers = { connection: 'Upgrade', upgrade: 'websocket' }
  const asked = request({ ...admin, path: `${WEB.replace('PORT', String(port))}/`, headers })
  asked.end()
  const [answer] = (await once(asked, 'response')) as [IncomingMessage]
  assert.deepEqual([answer.statusCode, answer.headers['x-why'], await text(answer)], [418, 'tea', 'no'])
})
