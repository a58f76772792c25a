import assert from 'node:assert/strict'
import { createServer, type Http2Server, type ServerHttp2Stream, type IncomingHttpHeaders } from 'node:http2'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { test, type TestContext } from 'node:test'
import { systemClock } from '@bramble/reconcile/env'
import { socketDialer } from './socket-dialer.ts'

const dialer = socketDialer(systemClock)
const ANSWERED_MS = 5_000

/** A gRPC server that answers each call with these bytes and trailers. */
async function serving(
  t: TestContext,
  answer: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, body: Buffer) => void,
): Promise<number> {
  const server: Http2Server = createServer()
  server.on('stream', (stream, headers) => {
    const chunks: Buffer[] = []
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.on('end', () => answer(stream, headers, Buffer.concat(chunks)))
    stream.on('error', () => {})
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => new Promise((resolve) => server.close(resolve)))
  return (server.address() as AddressInfo).port
}

const respond = (stream: ServerHttp2Stream, message: readonly number[], status = '0', text = ''): void => {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': status, ...(text && { 'grpc-message': text }) }))
  stream.end(Buffer.from([0, 0, 0, 0, message.length, ...message]))
}

test('a service that serves is well; what is asked is what the protocol says', async (t) => {
  const seen: unknown[] = []
  const port = await serving(t, (stream, headers, body) => {
    seen.push([
      headers[':method'],
      headers[':path'],
      headers['content-type'],
      headers['te'],
      headers['user-agent'],
      body.toString('latin1'),
    ])
    respond(stream, [0x08, 0x01])
  })
  await dialer.grpc('127.0.0.1', port, '', ANSWERED_MS)
  await dialer.grpc('127.0.0.1', port, 'db', ANSWERED_MS)
  const asked = ['POST', '/grpc.health.v1.Health/Check', 'application/grpc', 'trailers', 'kube-probe/1.36']
  assert.deepEqual(seen, [
    [...asked, '\0\0\0\0\0'],
    [...asked, '\0\0\0\0\x04\n\x02db'],
  ])
})

const answers: readonly { readonly name: string; readonly message: readonly number[]; readonly says: string }[] = [
  { name: 'not serving', message: [0x08, 0x02], says: 'service unhealthy (responded with "NOT_SERVING")' },
  { name: 'unknown, which is no field at all', message: [], says: 'service unhealthy (responded with "UNKNOWN")' },
  { name: 'of a later protocol', message: [0x08, 0x09], says: 'service unhealthy (responded with "9")' },
]
for (const { name, message, says } of answers)
  test(`a service that is ${name} is ill`, async (t) => {
    const port = await serving(t, (stream) => respond(stream, message))
    await assert.rejects(dialer.grpc('127.0.0.1', port, '', ANSWERED_MS), { message: says })
  })

const statuses: readonly { readonly status: string; readonly text: string; readonly says: string }[] = [
  {
    status: '12',
    text: 'unknown service',
    says: 'error: this server does not implement the grpc health protocol (grpc.health.v1.Health): unknown service',
  },
  { status: '5', text: 'no%20such%20service', says: 'error: health rpc probe failed: rpc error: code = NotFound desc = no such service' },
]
for (const { status, text, says } of statuses)
  test(`a call that ends with status ${status} is ill`, async (t) => {
    const port = await serving(t, (stream) =>
      stream.respond(
        { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': status, 'grpc-message': text },
        { endStream: true },
      ),
    )
    await assert.rejects(dialer.grpc('127.0.0.1', port, '', ANSWERED_MS), { message: says })
  })

test('silence ends with the time limit', async (t) => {
  const port = await serving(t, (stream) => t.after(() => stream.destroy()))
  await assert.rejects(dialer.grpc('127.0.0.1', port, '', 100), { message: 'timeout: health rpc did not complete within 0s' })
})

test('a server that speaks something else, or none at all, is ill', async () => {
  const server = createTcpServer((socket) => {
    socket.on('error', () => {})
    socket.resume()
    socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await assert.rejects(dialer.grpc('127.0.0.1', port, '', ANSWERED_MS), /^Error: error: /)
  await new Promise((resolve) => server.close(resolve))
  await assert.rejects(dialer.grpc('127.0.0.1', port, '', ANSWERED_MS), /^Error: error: failed to connect service at "127\.0\.0\.1:\d+": /)
})
