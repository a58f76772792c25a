import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EndpointSlice, Service } from '@bramble/api/types/service'
import { requestHeaders, responseHeaders } from './proxy-headers.ts'
import { proxyPath, redirected } from './proxy-path.ts'
import { readyTargets, servicePortName } from './service-targets.ts'
import { targetName } from './target-name.ts'

const names: readonly (readonly [string, object | string])[] = [
  ['x', { scheme: 'http', name: 'x', port: '' }],
  ['x:80', { scheme: 'http', name: 'x', port: '80' }],
  ['x:web', { scheme: 'http', name: 'x', port: 'web' }],
  ['https:x:', { scheme: 'https', name: 'x', port: '' }],
  ['https:x:443', { scheme: 'https', name: 'x', port: '443' }],
  ['ftp:x:1', 'invalid pod request "ftp:x:1"'],
  [':80', 'invalid pod request ":80"'],
  ['a:b:c:d', 'invalid pod request "a:b:c:d"'],
]
for (const [id, expected] of names)
  test(`a target named ${id}`, () => {
    if (typeof expected === 'string') assert.throws(() => targetName(id, 'pod'), { code: 400, message: expected })
    else assert.deepEqual(targetName(id, 'pod'), expected)
  })

const node = '/api/v1/nodes/a b/proxy'
const paths: readonly (readonly [string, object])[] = [
  ['/api/v1/nodes/a%20b/proxy', { prefix: '/api/v1/nodes/a%20b/proxy', path: '' }],
  ['/api/v1/nodes/a%20b/proxy/', { prefix: '/api/v1/nodes/a%20b/proxy', path: '/' }],
  ['/api/v1/nodes/a%20b/proxy/x%2Fy/z/', { prefix: '/api/v1/nodes/a%20b/proxy', path: '/x%2Fy/z/' }],
  ['/api/v1/nodes%2Fa%20b/proxy/x', { prefix: '/api/v1/nodes%2Fa%20b/proxy', path: '/x' }],
]
for (const [path, expected] of paths) test(`the path ${path}`, () => assert.deepEqual(proxyPath(path, node), expected))

test('a path that was authorized as another is refused', () => {
  assert.throws(() => proxyPath('/api/v1/nodes/b/proxy/', node), { code: 400 })
})

const redirects: readonly (readonly [string, string, string])[] = [
  ['within the backend', '/login?a=b#c', '/p/proxy/login?a=b#c'],
  ['to itself by its address', 'http://10.0.0.7:80/login', '/p/proxy/login'],
  ['to itself as the client calls it', 'https://api:6443/login', '/p/proxy/login'],
  ['to itself without a scheme', '//10.0.0.7:80/login/', '/p/proxy/login/'],
  ['to its root', 'http://10.0.0.7:80', '/p/proxy/'],
  ['to where the proxy is already', '/p/proxy/login', '/p/proxy/login'],
  ['to another place', 'https://elsewhere/login', 'https://elsewhere/login'],
  ['to a name that begins alike', 'http://10.0.0.7:8080/', 'http://10.0.0.7:8080/'],
  ['relative to the page', 'login?a=b', 'login?a=b'],
  ['to nothing but a query', '?a=b', '?a=b'],
  ['to a mail', 'mailto:a@b', 'mailto:a@b'],
]
for (const [name, location, expected] of redirects)
  test(`a redirect ${name}`, () => assert.equal(redirected(location, ['10.0.0.7:80', 'api:6443'], '/p/proxy'), expected))

test('a backend hears neither who asks, nor what was meant for us', () => {
  const sent = [
    ...[
      'Host',
      'api:6443',
      'Authorization',
      'Bearer secret',
      'Impersonate-User',
      'x',
      'Accept',
      'a',
      'accept',
      'b',
      'Expect',
      '100-continue',
    ],
    ...['Connection', 'close, X-Hop', 'x-hop', '1', 'Keep-Alive', '5', 'TE', 'trailers', 'X-Forwarded-For', '1.1.1.1', 'Cookie', 'c'],
  ]
  assert.deepEqual(requestHeaders(sent, { host: 'api:6443', from: '10.0.0.1', uri: '/p/proxy/x' }), [
    ...['Accept', 'a', 'accept', 'b', 'Cookie', 'c', 'Host', 'api:6443'],
    ...['X-Forwarded-For', '1.1.1.1, 10.0.0.1', 'X-Forwarded-Uri', '/p/proxy/x'],
  ])
})

test('a client hears all that is meant for it', () => {
  const sent = [
    ...['Set-Cookie', 'a', 'set-cookie', 'b', 'Location', '/x', 'Transfer-Encoding', 'chunked', 'Connection', 'x-hop', 'X-Hop', '1'],
    ...['Access-Control-Allow-Origin', '*', 'Access-Control-Max-Age', '1', '__proto__', 'kept'],
  ]
  const seen = responseHeaders(sent, (location) => `/p/proxy${location}`)
  assert.deepEqual(Object.entries(seen), [
    ['set-cookie', ['a', 'b']],
    ['location', ['/p/proxy/x']],
    ['access-control-max-age', ['1']],
    ['__proto__', ['kept']],
  ])
})

const service = { metadata: { name: 'web' }, spec: { ports: [{ name: 'http', port: 80 }, { port: 81 }] } } as unknown as Service
test('a port of a Service is named by its number or its name', () => {
  assert.deepEqual(
    ['80', '81', 'http', ''].map((port) => servicePortName(service, port)),
    ['http', '', 'http', ''],
  )
  assert.throws(() => servicePortName(service, '82'), { code: 503, message: 'no service port 82 found for service "web"' })
})

test('only pods that are ready are asked, each once, at their own port', () => {
  const endpoint = (name: string, ready?: boolean, kind = 'Pod') => ({
    addresses: ['1'],
    conditions: { ready },
    targetRef: { kind, name, uid: name },
  })
  const slices = [
    { ports: [{ name: 'http', port: 8080 }], endpoints: [endpoint('a', true), endpoint('b', false), endpoint('c'), { addresses: ['9'] }] },
    { ports: [{ name: 'http', port: 9090 }], endpoints: [endpoint('d', true), endpoint('a', true), endpoint('n', true, 'Node')] },
    { ports: [{ name: 'other', port: 1 }], endpoints: [endpoint('e', true)] },
  ] as unknown as EndpointSlice[]
  assert.deepEqual(
    readyTargets(slices, 'http').map(({ podName, port }) => `${podName}:${port}`),
    ['a:9090', 'c:8080', 'd:9090'],
  )
})
