import assert from 'node:assert/strict'
import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import { createServer, type RequestListener } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { createServer as createTcpServer, type AddressInfo, type Server } from 'node:net'
import { test, type TestContext } from 'node:test'
import * as x509 from '@peculiar/x509'
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

test('http: redirects to the same host are followed, another host is the answer with its body', async (t) => {
  const port = await serving(t, (request, response) => {
    if (request.url === '/') response.writeHead(302, { location: '/moved' }).end()
    else if (request.url === '/moved') response.writeHead(204).end()
    else if (request.url === '/away') response.writeHead(301, { location: 'http://elsewhere.example/' }).end('x'.repeat(100_000))
    else response.writeHead(302, { location: '/round' }).end()
  })
  assert.deepEqual(await dialer.http(at(port), 1_000), { statusCode: 204 })
  assert.deepEqual(await dialer.http(at(port, '/away'), 1_000), { statusCode: 301, body: 'x'.repeat(10_240) })
  await assert.rejects(dialer.http(at(port, '/round'), 1_000), /stopped after 10 redirects/)
})

test('http: who asks is told, unless the pod says otherwise', async (t) => {
  const seen: unknown[] = []
  const port = await serving(t, (request, response) => {
    seen.push([request.headers['user-agent'], request.headers.accept, request.headers.host])
    response.end()
  })
  await dialer.http({ ...at(port), headers: [] }, 1_000)
  await dialer.http(
    {
      ...at(port),
      headers: [
        { name: 'User-Agent', value: '' },
        { name: 'accept', value: 'text/plain' },
        { name: 'Host', value: 'shop.example' },
      ],
    },
    1_000,
  )
  await dialer.http({ ...at(port), headers: [], userAgent: 'kube-lifecycle/1.36' }, 1_000)
  assert.deepEqual(seen, [
    ['kube-probe/1.36', '*/*', `127.0.0.1:${port}`],
    [undefined, 'text/plain', 'shop.example'],
    ['kube-lifecycle/1.36', '*/*', `127.0.0.1:${port}`],
  ])
})

test('https: the certificate does not matter', async (t) => {
  const { key, cert } = await selfSigned()
  const port = await listening(
    t,
    createHttpsServer({ key, cert }, (_request, response) => response.writeHead(200).end()),
  )
  assert.deepEqual(await dialer.http({ ...at(port), scheme: 'HTTPS' }, 5_000), { statusCode: 200 })
})

test('http: a body without end is not read', async (t) => {
  const port = await serving(t, (_request, response) => {
    response.writeHead(200)
    const pour = (): void => void (response.write('x'.repeat(1 << 16)) ? setImmediate(pour) : response.once('drain', pour))
    response.on('error', () => {})
    pour()
    response.on('close', () => response.removeAllListeners('drain'))
  })
  assert.deepEqual(await dialer.http(at(port), 5_000), { statusCode: 200 })
})

/** A certificate of nobody, for another name, that has run out. */
async function selfSigned(): Promise<{ readonly key: string; readonly cert: string }> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
  const keys = (await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    { name: 'CN=elsewhere.example', keys, notBefore: new Date(0), notAfter: new Date(1), signingAlgorithm: algorithm },
    webcrypto,
  )
  const key = x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey), 'PRIVATE KEY')
  return { key, cert: certificate.toString('pem') }
}
