import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { json, text } from 'node:stream/consumers'
import { test, type TestContext } from 'node:test'
import { serviceUnavailable } from '@bramble/api/status-error'
import { WebSocket } from 'ws'
import { accessApi, aUser } from '../access.fixture.ts'
import { podApi } from '../pod-api.fixture.ts'
import { NO_STREAMS } from '../pod-streams.ts'

const SPDY = { connection: 'Upgrade', upgrade: 'SPDY/3.1', 'x-stream-protocol-version': 'v4.channel.k8s.io' }
const ALL = 'stdin=true&stdout=true&stderr=true'

interface Refused {
  readonly ask: string
  readonly headers?: Readonly<Record<string, string>>
  readonly code: number
  readonly says: string
}
const refused: readonly Refused[] = [
  { ask: 'POST web/exec?command=x&container=c&stdout=1', headers: {}, code: 400, says: 'Upgrade request required' },
  { ask: 'POST web/exec?container=c&stdout=1', code: 400, says: 'you must specify at least one command for the container' },
  { ask: 'POST web/exec?command=x&container=c', code: 400, says: 'you must specify at least 1 of stdin, stdout, stderr' },
  {
    ask: 'POST web/exec?command=x&container=c&stdin=false&stdout=0',
    code: 400,
    says: 'you must specify at least 1 of stdin, stdout, stderr',
  },
  { ask: 'POST web/exec?command=x&container=c&tty=1&stderr=1', code: 400, says: 'you must specify at least 1 of stdin, stdout, stderr' },
  {
    ask: `POST web/exec?command=x&${ALL}`,
    code: 400,
    says: 'a container name must be specified for pod web, choose one of: [i c d]',
  },
  { ask: `POST web/exec?command=x&container=nope&${ALL}`, code: 400, says: 'container nope is not valid for pod web' },
  { ask: `POST pending/exec?command=x&${ALL}`, code: 400, says: 'pod pending does not have a host assigned' },
  {
    ask: `POST done/exec?command=x&${ALL}`,
    code: 400,
    says: 'cannot exec into a container in a completed pod; current phase is Succeeded',
  },
  { ask: `POST done/attach?${ALL}`, code: 400, says: 'cannot attach a container in a completed pod; current phase is Succeeded' },
  { ask: 'POST done/portforward', code: 400, says: 'unable to forward port because pod is not running. Current status=Succeeded' },
  { ask: `POST nope/exec?command=x&${ALL}`, code: 404, says: 'pods "nope" not found' },
  { ask: `POST web/attach?container=c&${ALL}`, headers: {}, code: 400, says: 'Upgrade request required' },
  { ask: 'POST web/portforward', headers: {}, code: 400, says: 'Upgrade request required' },
  {
    ask: `POST web/exec?command=x&container=c&${ALL}`,
    headers: { ...SPDY, 'x-stream-protocol-version': 'v9.channel.k8s.io' },
    code: 403,
    says:
      'unable to upgrade: unable to negotiate protocol: client supports [v9.channel.k8s.io], server accepts ' +
      '[v5.channel.k8s.io v4.channel.k8s.io v3.channel.k8s.io v2.channel.k8s.io channel.k8s.io]',
  },
  {
    ask: `POST web/exec?command=x&container=c&${ALL}`,
    headers: { connection: 'Upgrade', upgrade: 'h2c' },
    code: 400,
    says: 'unable to upgrade: missing upgrade headers in request',
  },
  { ask: 'POST web/portforward?ports=0', code: 400, says: 'port "0" must be > 0' },
  { ask: 'POST web/portforward?ports=80,x', code: 400, says: 'unable to parse "x" as a port' },
  { ask: 'PUT web/exec', code: 405, says: 'the server does not allow this method on the requested resource' },
  { ask: 'GET web/exec/more', code: 404, says: 'the server could not find the requested resource' },
]
test('what cannot be served is a Status, before anything else is spoken', async (t) => {
  const { ask, pods, streams } = await podApi(t)
  for (const { ask: asked, headers = SPDY, code, says } of refused) {
    const [method, path] = asked.split(' ') as [string, string]
    const answer = await ask(`${pods}/${path}`, { method, headers })
    const { kind, message } = (await json(answer)) as { kind: string; message: string }
    assert.deepEqual([asked, answer.statusCode, kind, message], [asked, code, 'Status', says])
  }
  assert.deepEqual(streams.asked, [])
})

test('a node that is away is said in words', async (t) => {
  const exec = () => Promise.reject(serviceUnavailable('node "pi" is not connected'))
  const { ask, pods } = await podApi(t, createServer(), { podStreams: { ...NO_STREAMS, exec } })
  const answer = await ask(`${pods}/web/exec?command=x&container=c&${ALL}`, { method: 'POST', headers: SPDY })
  assert.deepEqual([answer.statusCode, ((await json(answer)) as { message: string }).message], [503, 'node "pi" is not connected'])
})

/** A command over a WebSocket: channels as they come. */
async function running(t: TestContext, command: readonly string[], api: Awaited<ReturnType<typeof podApi>>) {
  const query = new URLSearchParams([
    ...command.map((one): [string, string] => ['command', one]),
    ['container', 'c'],
    ['stdin', '1'],
    ['stdout', '1'],
  ])
  const { ca, cert, key, port } = api.admin
  const socket = new WebSocket(`wss://127.0.0.1:${port}${api.pods}/web/exec?${query}`, ['v5.channel.k8s.io'], { ca, cert, key })
  t.after(() => socket.terminate())
  const seen = ['', '', '', '', '']
  socket.on('message', (data: Buffer) => {
    seen[data[0]!] += data.toString('utf8', 1)
  })
  const closed = once(socket, 'close').then(([code]) => code as number)
  await once(socket, 'open')
  return { socket, seen, closed }
}

test('a stream counts while it is open', async (t) => {
  const api = await podApi(t)
  const { socket, closed } = await running(t, ['cat'], api)
  const open = /^apiserver_longrunning_requests\{.*resource="pods".*subresource="exec".*verb="CONNECT".*\} (\d)$/m
  assert.equal(open.exec(await text(await api.ask('/metrics')))?.[1], '1')
  socket.close()
  await closed
  while (api.streams.open > 0) await new Promise((resolve) => setImmediate(resolve))
  while (open.exec(await text(await api.ask('/metrics')))?.[1] !== '0') await new Promise((resolve) => setImmediate(resolve))
})

test('a server that stops says so, and lets go', async (t) => {
  const api = await podApi(t)
  const { closed, seen } = await running(t, ['cat'], api)
  api.stop.abort()
  assert.equal(await closed, 1000)
  assert.match(seen[3]!, /"message":"the server is stopping"/)
  while (api.streams.open > 0) await new Promise((resolve) => setImmediate(resolve))
})

test('proxies ask for the verb of their method', async (t) => {
  const { as, allow, asAdmin } = await accessApi(t)
  await asAdmin('POST', '/api/v1/namespaces/a/pods', { metadata: { name: 'web' }, spec: { containers: [{ name: 'c', image: 'i' }] } })
  await allow('a', 'jane', { verbs: ['get'], apiGroups: [''], resources: ['pods/proxy'] })
  const jane = aUser('jane')
  assert.equal((await as(jane, 'GET', '/api/v1/namespaces/a/pods/web/proxy/x/y')).json.message, 'address not allowed')
  assert.equal(
    (await as(jane, 'POST', '/api/v1/namespaces/a/pods/web/proxy/x/y')).json.message,
    'pods "web" is forbidden: User "jane" cannot create resource "pods/proxy" in API group "" in the namespace "a"',
  )
  assert.equal((await as(jane, 'GET', '/api/v1/namespaces/a/services/web/proxy/x')).status, 403)
})
