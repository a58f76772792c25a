import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type ClientRequest, type IncomingMessage, request } from 'node:http'
import { connect, createServer } from 'node:net'
import type { Duplex } from 'node:stream'
import { test, type TestContext } from 'node:test'
import type { Pod } from '@bramble/api/types/pod'
import { badRequest } from '@bramble/api/status-error'
import { type Log, systemClock } from '@bramble/reconcile/env'
import { silentLog } from '@bramble/reconcile/log'
import type { PodLogsRequest } from '../pods/logs.ts'
import type { PodLookup, SeenPod } from '../pods/streams/pod-lookup.ts'
import { AgentServer } from './agent-server.ts'
import { healthRoutes } from './health-routes.ts'
import { logOptions, logRoutes } from './log-routes.ts'
import { podRoutes } from './pod-routes.ts'
import { findRoute, type ServerRoute, textAnswer } from './routes.ts'

const POD: Pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web', namespace: 'default', uid: 'u1', resourceVersion: '1', creationTimestamp: '' },
  spec: { nodeName: 'pi-1', containers: [{ name: 'main', image: 'web:1' }] },
}
const SEEN: SeenPod = { pod: POD, status: { phase: 'Running' } }
const LOOKUP: PodLookup = { seen: (uid) => (uid === 'u1' ? SEEN : undefined), all: () => [SEEN] }

async function read(asked: ClientRequest): Promise<{ readonly status: number; readonly type: string | undefined; readonly text: string }> {
  const [response] = (await once(asked.end(), 'response')) as [IncomingMessage]
  const parts: Uint8Array[] = []
  for await (const part of response) parts.push(part as Uint8Array)
  return { status: response.statusCode!, type: response.headers['content-type'], text: Buffer.concat(parts).toString() }
}

function aServer(t: TestContext, routes: readonly ServerRoute[], log: Log = silentLog) {
  const server = new AgentServer(routes, log)
  const ends: Duplex[] = []
  t.after(() => {
    for (const end of ends) end.destroy()
  })
  const connection = async (): Promise<Duplex> => {
    ends.push(await server.connect())
    return ends.at(-1)!
  }
  const tunnel = async (path: string, method = 'GET') => {
    const socket = await connection()
    return read(request({ path, method, createConnection: () => socket }))
  }
  return { server, connection, tunnel }
}

async function onLoopback(t: TestContext, server: AgentServer) {
  const port = await freePort()
  const stop = new AbortController()
  const ran = server.run(port, stop.signal)
  t.after(() => {
    stop.abort()
    return ran
  })
  while ((await server.port()) === undefined) await new Promise(setImmediate)
  return { port, loopback: (path: string) => read(request({ host: '127.0.0.1', port, path, agent: false })) }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}

const ALL = [...healthRoutes(() => undefined), ...podRoutes(LOOKUP), ...logRoutes(LOOKUP, async function* () {}, systemClock)]

test('through the tunnel every page is there, on loopback those that hold no secret', async (t) => {
  const { server, tunnel } = aServer(t, ALL)
  const { loopback } = await onLoopback(t, server)
  const paths = ['/healthz', '/readyz', '/pods', '/pods/', '/runningpods/', '/containerLogs/default/web/main', '/nothing', '/%zz']
  const answers: Record<string, string> = {}
  for (const path of paths) answers[path] = `${(await tunnel(path)).status} ${(await loopback(path)).status}`
  assert.deepEqual(answers, {
    '/healthz': '200 200',
    '/readyz': '200 200',
    '/pods': '200 404',
    '/pods/': '200 404',
    '/runningpods/': '200 404',
    '/containerLogs/default/web/main': '200 404',
    '/nothing': '404 404',
    '/%zz': '404 404',
  })
})

test('on loopback means 127.0.0.1 and no other address', async (t) => {
  const { server } = aServer(t, ALL)
  const { port } = await onLoopback(t, server)
  const elsewhere = connect({ host: '127.0.0.2', port })
  await assert.rejects(once(elsewhere, 'connect'), { code: 'ECONNREFUSED' })
})

test('a port that is taken is a warning, and the tunnel works', async (t) => {
  const first = aServer(t, ALL)
  const { port } = await onLoopback(t, first.server)
  const warned = Promise.withResolvers<string>()
  const { server, tunnel } = aServer(t, ALL, { ...silentLog, warn: (message) => warned.resolve(message) })
  const stop = new AbortController()
  t.after(() => stop.abort())
  void server.run(port, stop.signal)
  assert.match(await warned.promise, /choose another with --local-port/)
  assert.equal((await tunnel('/healthz')).text, 'ok')
})

test('a node that is not ready says why', async (t) => {
  const { tunnel } = aServer(
    t,
    healthRoutes(() => 'podman is not installed'),
  )
  assert.deepEqual(await tunnel('/readyz'), {
    status: 503,
    type: 'text/plain; charset=utf-8',
    text: 'not ready: podman is not installed\n',
  })
})

test('/pods is a PodList with the newest statuses', async (t) => {
  const { tunnel } = aServer(t, podRoutes(LOOKUP))
  const { type, text } = await tunnel('/pods')
  assert.equal(type, 'application/json')
  assert.deepEqual(JSON.parse(text), { kind: 'PodList', apiVersion: 'v1', metadata: {}, items: [{ ...POD, status: { phase: 'Running' } }] })
})

test('logs come with the options of the query', async (t) => {
  const requests: PodLogsRequest[] = []
  const { tunnel } = aServer(
    t,
    logRoutes(
      LOOKUP,
      async function* (asked) {
        requests.push(asked)
        yield Buffer.from('one\n')
        yield Buffer.from('two\n')
      },
      systemClock,
    ),
  )
  assert.equal((await tunnel('/containerLogs/default/web/main?tailLines=5&timestamps=true&previous=1&limitBytes=9')).text, 'one\ntwo\n')
  assert.deepEqual(requests, [
    {
      namespace: 'default',
      pod: 'web',
      podUid: 'u1',
      container: 'main',
      follow: false,
      previous: true,
      timestamps: true,
      tailLines: 5,
      limitBytes: 9,
    },
  ])
  const refusals = ['/containerLogs/default/db/main', '/containerLogs/default/web/x', '/containerLogs/default/web/main?tailLines=-1']
  assert.deepEqual(await Promise.all(refusals.map(async (path) => `${(await tunnel(path)).status} ${(await tunnel(path)).text}`)), [
    '404 pod "db" does not exist\n',
    '404 container "x" not found in pod "web"\n',
    '400 tailLines: must be an integer that is at least 0\n',
  ])
})

test('since is a time or a number of seconds', () => {
  const nowMs = Date.UTC(2026, 0, 1)
  assert.equal(logOptions(new URLSearchParams('sinceSeconds=60'), nowMs).sinceTimeMs, nowMs - 60_000)
  assert.equal(logOptions(new URLSearchParams('sinceTime=2026-01-01T00:00:00Z'), 0).sinceTimeMs, nowMs)
  assert.throws(() => logOptions(new URLSearchParams('sinceTime=yesterday'), 0), { code: 400 })
})

test('a page that fails is a 500 without its insides, and what it means to say is said', async (t) => {
  const failing = (path: string, error: Error): ServerRoute => ({ path, access: 'tunnel', handle: () => Promise.reject(error) })
  const { tunnel } = aServer(t, [failing('/a', new TypeError('secret 42')), failing('/b', badRequest('no such thing'))])
  assert.deepEqual([(await tunnel('/a')).status, (await tunnel('/a')).text.includes('42')], [500, false])
  assert.deepEqual([(await tunnel('/b')).status, (await tunnel('/b')).text], [400, 'no such thing\n'])
})

test('only reading is allowed', async (t) => {
  const { tunnel } = aServer(t, ALL)
  assert.deepEqual([(await tunnel('/pods', 'POST')).status, (await tunnel('/pods', 'DELETE')).status], [405, 405])
  assert.deepEqual(await tunnel('/healthz', 'HEAD'), { status: 200, type: 'text/plain; charset=utf-8', text: '' })
})

test('a client that leaves ends what it was reading', { timeout: 10_000 }, async (t) => {
  const { promise: ended, resolve } = Promise.withResolvers<void>()
  const endless: ServerRoute = {
    path: '/endless',
    access: 'tunnel',
    handle: async ({ signal }) => ({
      contentType: 'text/plain',
      body: (async function* () {
        yield 'x'
        await once(signal, 'abort')
        resolve()
      })(),
    }),
  }
  const { connection } = aServer(t, [endless])
  const socket = await connection()
  const asked = request({ path: '/endless', createConnection: () => socket }).end()
  const [response] = (await once(asked, 'response')) as [IncomingMessage]
  await once(response, 'readable')
  socket.destroy()
  await ended
})

test('a page that nobody reads is not made ahead of its reader', { timeout: 10_000 }, async (t) => {
  let bytes = 0
  const large: ServerRoute = {
    path: '/large',
    access: 'tunnel',
    handle: async () => ({
      contentType: 'text/plain',
      body: (async function* () {
        for (; bytes < 100e6; bytes += 65_536) yield Buffer.alloc(65_536)
      })(),
    }),
  }
  const { connection } = aServer(t, [large])
  const socket = await connection()
  const [response] = (await once(request({ path: '/large', createConnection: () => socket }).end(), 'response')) as [IncomingMessage]
  await once(response, 'readable')
  for (let calm = 0, last = -1; calm < 50; calm++) {
    await new Promise(setImmediate)
    if (bytes !== last) calm = 0
    last = bytes
  }
  assert.ok(bytes < 1e6, `${bytes} bytes`)
})

const routed: readonly { readonly path: string; readonly segments: Record<string, string> | undefined }[] = [
  { path: '/a/x/b', segments: { one: 'x' } },
  { path: '/a/x/b/', segments: { one: 'x' } },
  { path: '/a/x%2Fy/b', segments: { one: 'x/y' } },
  { path: '/a//b', segments: undefined },
  { path: '/a/x', segments: undefined },
  { path: '/a/x/b/c', segments: undefined },
  { path: '/a/%zz/b', segments: undefined },
]
for (const { path, segments } of routed)
  test(`${path} is ${segments ? JSON.stringify(segments) : 'nobody’s'}`, () => {
    const route: ServerRoute = { path: '/a/:one/b', access: 'tunnel', handle: async () => textAnswer('') }
    assert.deepEqual(findRoute([route], path)?.segments, segments)
  })
