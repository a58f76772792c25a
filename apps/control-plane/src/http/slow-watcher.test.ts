import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request } from 'node:https'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { connect } from 'node:tls'
import { HOST, httpsServer } from './https.fixture.ts'

const MAPS = '/api/v1/namespaces/default/configmaps'
const HISTORY = 50

interface Seen {
  readonly type: string
  readonly object: { readonly code?: number; readonly reason?: string; readonly metadata: { name: string; resourceVersion: string } }
}

test('a watcher that does not read is ended with 410 and keeps nothing of ours; after a new list it has missed nothing', async (t) => {
  const { admin, clock, store } = await httpsServer(t, { historyMax: HISTORY })
  const send = async (method: string, path: string, body?: object) => {
    const outgoing = request({ ...admin, method, path })
    outgoing.end(body && JSON.stringify(body))
    const [response] = await once(outgoing, 'response')
    return JSON.parse((await response.setEncoding('utf8').toArray()).join(''))
  }
  await send('POST', '/api/v1/namespaces', { metadata: { name: 'default' } })
  const { metadata } = await send('GET', MAPS)

  const socket = connect({ ...admin, ALPNProtocols: ['http/1.1'] })
  t.after(() => socket.destroy())
  socket.write(`GET ${MAPS}?watch=true&resourceVersion=${metadata.resourceVersion} HTTP/1.1\r\nhost: ${HOST}\r\n\r\n`)
  await once(socket, 'readable') // the headers are there, and nothing more is read

  const text = 'x'.repeat(400_000)
  const written: string[] = []
  for (let index = 0; index < HISTORY * 2; index++) {
    const name = `m-${String(index).padStart(3, '0')}`
    await send('POST', MAPS, { metadata: { name }, data: { text } })
    written.push(name)
  }

  // It reads again, before it is given up: what the connection held, then the end.
  const events: Seen[] = []
  for await (const line of createInterface({ input: socket })) {
    if (line.startsWith('{')) events.push(JSON.parse(line))
    if (line === '0') socket.end()
  }
  const last = events.pop()!
  assert.deepEqual([last.type, last.object.code, last.object.reason], ['ERROR', 410, 'Expired'])
  const seen = events.map(({ object }) => object.metadata.name)
  assert.deepEqual(seen, written.slice(0, seen.length))
  assert.ok(seen.length < written.length - HISTORY, `${seen.length} events of ${written.length} were held for a client that did not read`)

  const list = await send('GET', MAPS)
  assert.deepEqual(
    list.items.map((item: Seen['object']) => item.metadata.name),
    written,
  )
  assert.equal(list.metadata.resourceVersion, String(store.revision))
  await clock.advance(0)
})
