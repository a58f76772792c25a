import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect as http2Connect } from 'node:http2'
import { type RequestOptions, request as httpsRequest } from 'node:https'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { test, type TestContext } from 'node:test'
import type { JsonObject } from '@bramble/api/object'
import { testApi } from './http.fixture.ts'
import { HOST, httpsServer, testPki } from './https.fixture.ts'
import type { PodLogs } from './routes/streams.ts'
import { serveHttps } from './server.ts'

const NS = '/api/v1/namespaces/default'

interface Answer {
  readonly status: number
  readonly body: Readable
}

async function http1(options: RequestOptions, path: string, body?: object): Promise<Answer> {
  const request = httpsRequest({ ...options, path, method: body ? 'POST' : 'GET' })
  request.end(body && JSON.stringify(body))
  const [response] = await once(request, 'response')
  return { status: response.statusCode, body: response }
}

async function http2(t: TestContext, options: RequestOptions, path: string): Promise<Answer> {
  const { port, ca, cert, key } = options
  const session = http2Connect(`https://${HOST}:${port}`, { ca: ca as string, cert: cert as string, key: key as string })
  t.after(() => session.destroy())
  const stream = session.request({ ':path': path })
  const [headers] = await once(stream, 'response')
  return { status: headers[':status'], body: stream }
}

const json = async ({ body }: Answer): Promise<JsonObject> => JSON.parse((await body.setEncoding('utf8').toArray()).join(''))
const lines = ({ body }: Answer): AsyncIterator<string> => createInterface({ input: body })[Symbol.asyncIterator]()
const event = async (from: AsyncIterator<string>) =>
  JSON.parse((await from.next()).value) as {
    type: string
    object: { kind: string; metadata: { name: string }; columnDefinitions: unknown[]; code: number }
  }
const createNamespace = (admin: RequestOptions) => http1(admin, '/api/v1/namespaces', { metadata: { name: 'default' } })

test("the certificate says who asks: ours a user, none anonymous, another authority's nobody", async (t) => {
  const { admin } = await httpsServer(t)
  const whoAmI = (options: RequestOptions) =>
    http1({ ...options, headers: { 'content-type': 'application/json' } }, '/apis/authentication.k8s.io/v1/selfsubjectreviews', {})
  assert.deepEqual((await json(await whoAmI(admin))).status, {
    userInfo: { username: 'bramble-admin', groups: ['system:masters', 'system:authenticated'] },
  })
  const { cert: _cert, key: _key, ...nobody } = admin
  assert.equal((await json(await whoAmI(nobody))).code, 403)
  assert.equal((await http1(nobody, '/version')).status, 200)
  const { certificate, key } = (await testPki('theirs')).admin
  const stranger = { ...admin, cert: certificate, key }
  assert.equal((await http1(stranger, '/version')).status, 401)
  assert.equal((await http1({ ...nobody, headers: { authorization: 'Bearer x' } }, '/version')).status, 401)
  assert.equal((await http2(t, stranger, '/version')).status, 401)
  assert.equal((await http2(t, admin, '/api/v1/pods')).status, 200)
})

for (const version of ['HTTP/1.1', 'HTTP/2'])
  test(`a watch over ${version} shows its headers at once, then each change, then ends in time`, async (t) => {
    const { admin, clock } = await httpsServer(t)
    await createNamespace(admin)
    const path = `${NS}/configmaps?watch=true&timeoutSeconds=60`
    const answer = version === 'HTTP/2' ? await http2(t, admin, path) : await http1(admin, path)
    assert.equal(answer.status, 200)
    const events = lines(answer)
    for (const name of ['a', 'b']) {
      await http1(admin, `${NS}/configmaps`, { metadata: { name } })
      const { type, object } = await event(events)
      assert.deepEqual([type, object.kind, object.metadata.name], ['ADDED', 'ConfigMap', name])
    }
    await clock.advance(60_000)
    assert.equal((await events.next()).done, true)
  })

test('a watched table has columns in its first event only', async (t) => {
  const { admin } = await httpsServer(t)
  await createNamespace(admin)
  for (const name of ['a', 'b']) await http1(admin, `${NS}/configmaps`, { metadata: { name } })
  const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io'
  const events = lines(await http1({ ...admin, headers: { accept } }, `${NS}/configmaps?watch=1`))
  const [first, second] = [await event(events), await event(events)]
  assert.deepEqual([first.object.kind, first.object.columnDefinitions.length > 0, second.object.columnDefinitions], ['Table', true, []])
})

test('a watch that cannot be is refused with a status, not with an event', async (t) => {
  const { admin } = await httpsServer(t)
  assert.equal((await http1(admin, '/api/v1/pods?watch=true&fieldSelector=spec.foo=1')).status, 400)
  assert.equal((await http1(admin, '/api/v1/pods?watch=true&sendInitialEvents=true&allowWatchBookmarks=true')).status, 422)
})

test('the watch of a client that is gone is over, and a stopping server waits for no watch', async (t) => {
  const { admin, resources, server, stop, clock } = await httpsServer(t)
  const signals: AbortSignal[] = []
  const watch = resources.watch.bind(resources)
  resources.watch = (...args) => {
    signals.push(args[2])
    return watch(...args)
  }
  const leaving = await http1(admin, '/api/v1/pods?watch=true')
  const staying = await http1(admin, '/api/v1/pods?watch=true')
  assert.deepEqual(
    signals.map(({ aborted }) => aborted),
    [false, false],
  )
  leaving.body.destroy()
  await once(signals[0]!, 'abort')
  assert.equal(signals[1]!.aborted, false)
  const end = staying.body.resume().toArray()
  stop.abort()
  await end
  await clock.advance(5_000)
  await server.closed
})

const running = { metadata: { name: 'p' }, spec: { nodeName: 'pi-1', containers: [{ name: 'c', image: 'i' }] } }
const started = {
  containerStatuses: [
    { name: 'c', ready: true, restartCount: 0, image: 'i', imageID: '', state: { running: { startedAt: '2026-01-01T00:00:00Z' } } },
  ],
}

test('a log is plain text as it comes', async (t) => {
  let more: () => void = () => {}
  const asked: object[] = []
  const podLogs: PodLogs = {
    open: async (pod, options) => {
      asked.push({ pod: pod.metadata.name, ...options })
      return (async function* () {
        yield Buffer.from('one\n')
        await new Promise<void>((resolve) => {
          more = resolve
        })
        yield Buffer.from('two\n')
      })()
    },
  }
  const { admin } = await httpsServer(t, { podLogs })
  await createNamespace(admin)
  await http1(admin, `${NS}/pods`, running)
  assert.deepEqual(
    [(await json(await http1(admin, `${NS}/pods/p/log`))).message],
    ['container "c" in pod "p" is waiting to start: ContainerCreating'],
  )
  const patch = httpsRequest({
    ...admin,
    path: `${NS}/pods/p/status`,
    method: 'PATCH',
    headers: { 'content-type': 'application/merge-patch+json' },
  })
  patch.end(JSON.stringify({ status: started }))
  assert.equal((await once(patch, 'response'))[0].statusCode, 200)

  const log = await http1(admin, `${NS}/pods/p/log?follow=true&tailLines=5`)
  const text = lines(log)
  assert.equal((await text.next()).value, 'one')
  more()
  assert.deepEqual([(await text.next()).value, (await text.next()).done], ['two', true])
  assert.deepEqual(asked, [{ pod: 'p', container: 'c', follow: true, previous: false, timestamps: false, tailLines: 5 }])
})

test('an idle HTTP/2 connection is closed, one with a watch is not', async (t) => {
  const { admin, clock } = await httpsServer(t)
  const [idle, watching] = [0, 1].map(() => http2Connect(`https://${HOST}:${admin.port}`, admin))
  t.after(() => watching!.destroy())
  await once(idle!.request({ ':path': '/livez' }).resume(), 'end')
  await once(watching!.request({ ':path': '/api/v1/pods?watch=true' }), 'response')
  const closed = once(idle!, 'close')
  await clock.advance(600_000)
  await closed
  assert.equal(watching!.closed, false)
})

test('a taken port is named, with the flag that changes it', async (t) => {
  const { server } = await httpsServer(t)
  const { app, env } = await testApi()
  const pki = await testPki()
  const second = serveHttps({
    app,
    env,
    cert: pki.server.certificate,
    key: pki.server.key,
    clientCa: pki.authority,
    host: HOST,
    port: server.port,
    signal: new AbortController().signal,
  })
  await assert.rejects(second, {
    message: `port ${server.port} of 127.0.0.1 is taken by another program: stop it, or choose another port with --api-port`,
  })
})

test('an oversized body is refused while it is on its way', async (t) => {
  const { admin } = await httpsServer(t)
  const request = httpsRequest({ ...admin, path: '/api/v1/namespaces', method: 'POST', headers: { 'transfer-encoding': 'chunked' } })
  request.on('error', () => {}) // the server may close before it has read everything
  request.end(Buffer.alloc(4 * 1024 * 1024, 0x20))
  const [response] = await once(request, 'response')
  assert.equal(response.statusCode, 413)
  response.destroy()
})
