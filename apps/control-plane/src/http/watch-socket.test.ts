import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { type RequestOptions, request } from 'node:https'
import { test, type TestContext } from 'node:test'
import { WebSocket } from 'ws'
import { HOST, httpsServer } from './https.fixture.ts'

const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps'
const ORIGIN = 'https://headlamp.example'

interface Options {
  readonly protocols?: readonly string[]
  readonly headers?: Record<string, string>
  readonly origin?: string
  readonly autoPong?: boolean
  readonly protocolVersion?: number
  readonly withoutCertificate?: boolean
}

async function bench(t: TestContext, overrides: Parameters<typeof httpsServer>[1] = {}) {
  const made = await httpsServer(t, overrides)
  const admin = poster(made.admin)
  await admin('/api/v1/namespaces', { metadata: { name: 'default' } })
  const dial = (path: string, { protocols = [], origin = ORIGIN, withoutCertificate = false, ...options }: Options = {}) => {
    const { ca, cert, key, port } = made.admin
    const identity = withoutCertificate ? { ca } : { ca, cert, key }
    const socket = new WebSocket(`wss://${HOST}:${port}${path}`, [...protocols], { ...identity, ...options, ...(origin && { origin }) })
    socket.on('error', () => {}) // refused, or ended by the test
    t.after(() => socket.terminate())
    return socket
  }
  return { ...made, create: (name: string) => admin(CONFIG_MAPS, { metadata: { name } }), dial }
}

const poster = (admin: RequestOptions) => async (path: string, body: object) => {
  const outgoing = request({ ...admin, method: 'POST', path })
  outgoing.end(JSON.stringify(body))
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage]
  await response.resume().toArray()
  assert.equal(response.statusCode, 201)
}

/** Messages as parsed events, in order. */
function messages(socket: WebSocket) {
  const queue: { type: string; object: { kind: string; code: number; metadata: { name: string }; columnDefinitions: unknown[] } }[] = []
  let wake = (): void => {}
  socket.on('message', (data, isBinary) => {
    assert.equal(isBinary, false)
    queue.push(JSON.parse(String(data)))
    wake()
  })
  return async () => {
    if (queue.length === 0) await new Promise<void>((resolve) => (wake = resolve))
    return queue.shift()!
  }
}

/** The answer to a handshake that is refused. */
async function refusal(socket: WebSocket) {
  const [, response] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage]
  const text = (await response.setEncoding('utf8').toArray()).join('')
  return { status: response.statusCode, body: JSON.parse(text) as { kind: string; reason: string; message: string } }
}

test('each change is a text message of its own; after the time asked for it is closed in good order', async (t) => {
  const { clock, create, dial } = await bench(t)
  const socket = dial(`${CONFIG_MAPS}?watch=true&timeoutSeconds=20`)
  const next = messages(socket)
  await once(socket, 'open')
  for (const name of ['a', 'b']) {
    await create(name)
    const { type, object } = await next()
    assert.deepEqual([type, object.kind, object.metadata.name], ['ADDED', 'ConfigMap', name])
  }
  const closed = once(socket, 'close')
  await clock.advance(20_000)
  assert.equal((await closed)[0], 1000)
})

test('the first subprotocol is echoed whatever its characters, none when none is offered', async (t) => {
  const { dial } = await bench(t)
  for (const protocols of [['base64.binary.k8s.io'], ['v4.channel.k8s.io', 'base64.binary.k8s.io'], []]) {
    const socket = dial(`${CONFIG_MAPS}?watch=1`, { protocols })
    await once(socket, 'open')
    assert.equal(socket.protocol, protocols[0] ?? '')
  }
})

test('tables are shown as tables', async (t) => {
  const { create, dial } = await bench(t)
  for (const name of ['a', 'b']) await create(name)
  const next = messages(dial(`${CONFIG_MAPS}?watch=1`, { headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' } }))
  const [first, second] = [await next(), await next()]
  assert.deepEqual([first.object.kind, first.object.columnDefinitions.length > 0, second.object.columnDefinitions], ['Table', true, []])
})

const TOKEN = `base64url.bearer.authorization.k8s.io.${Buffer.from('nobody').toString('base64url')}`
const refused: readonly { name: string; path: string; options?: Options; status: number; message: RegExp }[] = [
  { name: 'without an Origin', path: `${CONFIG_MAPS}?watch=1`, options: { origin: '' }, status: 403, message: /null origin/ },
  { name: 'of a kind that there is not', path: '/api/v1/things?watch=1', status: 404, message: /could not find/ },
  { name: 'with a selector that does not parse', path: `${CONFIG_MAPS}?watch=1&labelSelector=a(`, status: 400, message: /unable to parse/ },
  { name: 'from no version', path: `${CONFIG_MAPS}?watch=1&resourceVersion=x`, status: 422, message: /resourceVersion: Invalid value/ },
  {
    name: 'with a token that names nobody',
    path: `${CONFIG_MAPS}?watch=1`,
    options: { protocols: [TOKEN, 'base64.binary.k8s.io'], withoutCertificate: true },
    status: 401,
    message: /Unauthorized/,
  },
  {
    name: 'with a token and nothing to speak',
    path: `${CONFIG_MAPS}?watch=1`,
    options: { protocols: [TOKEN], withoutCertificate: true },
    status: 401,
    message: /Unauthorized/,
  },
  {
    name: 'in another version of the protocol',
    path: `${CONFIG_MAPS}?watch=1`,
    options: { protocolVersion: 8 },
    status: 400,
    message: /Sec-WebSocket-Version/,
  },
]
for (const { name, path, options, status, message } of refused)
  test(`a watch ${name} is refused with a Status before the handshake: ${status}`, async (t) => {
    const { dial } = await bench(t)
    const answer = await refusal(dial(path, options))
    assert.deepEqual([answer.status, answer.body.kind], [status, 'Status'])
    assert.match(answer.body.message, message)
  })

test('what is no watch is answered as ever', async (t) => {
  const { dial } = await bench(t)
  assert.equal((await refusal(dial(CONFIG_MAPS))).status, 200)
})

test('an error ends the watch: the event, then the close', async (t) => {
  const { clock, dial } = await bench(t)
  const socket = dial(`${CONFIG_MAPS}?watch=1&resourceVersion=99999`)
  const next = messages(socket)
  const closed = once(socket, 'close')
  const { type, object } = await next()
  assert.deepEqual([type, object.code], ['ERROR', 504])
  assert.equal((await closed)[0], 1000)
  await clock.advance(0)
})

test('a client that talks is cut off, one that is silent is asked whether it is there', async (t) => {
  const { clock, dial } = await bench(t)
  const talking = dial(`${CONFIG_MAPS}?watch=1`)
  await once(talking, 'open')
  talking.send('x'.repeat(2000))
  assert.equal((await once(talking, 'close'))[0], 1009)

  const there = dial(`${CONFIG_MAPS}?watch=1`)
  await once(there, 'open')
  const pinged = once(there, 'ping')
  await clock.advance(30_000)
  await pinged
  assert.equal(there.readyState, WebSocket.OPEN)

  const absent = dial(`${CONFIG_MAPS}?watch=1`, { autoPong: false })
  await once(absent, 'open')
  const closed = once(absent, 'close')
  await clock.advance(30_000)
  await clock.advance(30_000)
  assert.equal((await closed)[0], 1006)
})

test('a server that stops says so', async (t) => {
  const { dial, stop } = await bench(t)
  const socket = dial(`${CONFIG_MAPS}?watch=1`)
  await once(socket, 'open')
  const closed = once(socket, 'close')
  stop.abort()
  assert.equal((await closed)[0], 1001)
})
