import assert from 'node:assert/strict'
import { createServer, type RequestListener } from 'node:http'
import { createServer as createTcpServer, type AddressInfo, type Server } from 'node:net'
import { test, type TestContext } from 'node:test'
import { systemClock } from '@bramble/reconcile/env'
import { socketDialer } from './socket-dialer.ts'

const dialer = socketDialer(systemClock)

async function listening(t: TestContext, server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => new Promise((resolve) => server.close(resolve)))
  return (server.address() as AddressInfo).port
}
const serving = (t: TestContext, answer: RequestListener): Promise<number> => listening(t, createServer(answer))
const at = (port: number, path = '/') => ({
  scheme: 'HTTP' as const,
  host: '127.0.0.1',
  port,
  path,
  headers: [{ name: 'X-Mine', value: 'yes' }],
})

test('http: the status is the answer, headers and path arrive', async (t) => {
  const port = await serving(t, (request, response) =>
    response.writeHead(request.headers['x-mine'] === 'yes' && request.url === '/healthz?x=1' ? 204 : 500).end(),
  )
  assert.deepEqual(await dialer.http(at(port, '/healthz?x=1'), 1_000), { statusCode: 204 })
  assert.deepEqual(await dialer.http(at(port), 1_000), { statusCode: 500 })
})

test('http: silence ends with the time limit', async (t) => {
  const port = await serving(t, (_request, response) => {
    t.after(() => response.destroy())
  })
  await assert.rejects(
    dialer.http(at(port), 30),
    /^Error: Get "http:\/\/127\.0\.0\.1:\d+\/": context deadline exceeded \(Client\.Timeout exceeded while awaiting headers\)$/,
  )
})

test('tcp: an open port is well, a closed one is refused', async (t) => {
  const server = createTcpServer((socket) => socket.destroy())
  const port = await listening(t, server)
  await dialer.tcp('127.0.0.1', port, 1_000)
  const closed = createTcpServer()
  const free = await new Promise<number>((resolve) => closed.listen(0, '127.0.0.1', () => resolve((closed.address() as AddressInfo).port)))
  await new Promise((resolve) => closed.close(resolve))
  await assert.rejects(dialer.tcp('127.0.0.1', free, 1_000), { message: `dial tcp 127.0.0.1:${free}: connect: connection refused` })
  await assert.rejects(dialer.http(at(free), 1_000), /Get "http:.*connection refused/)
})
