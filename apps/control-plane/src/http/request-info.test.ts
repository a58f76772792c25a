import assert from 'node:assert/strict'
import { test } from 'node:test'
import { requestInfo } from './request-info.ts'

const of = (request: string) => {
  const [method, target] = request.split(' ') as [string, string]
  const { pathname, searchParams } = new URL(`https://host${target}`)
  return requestInfo(method, pathname, searchParams)
}
const core = { type: 'resource', group: '', version: 'v1' }
const apps = { type: 'resource', group: 'apps', version: 'v1' }

const cases: readonly (readonly [string, object])[] = [
  ['GET /api/v1/pods', { ...core, verb: 'list', plural: 'pods' }],
  ['HEAD /api/v1/pods?watch=true', { ...core, verb: 'list', plural: 'pods' }],
  ['GET /api/v1/pods?watch=1', { ...core, verb: 'watch', plural: 'pods' }],
  ['GET /api/v1/pods?watch', { ...core, verb: 'watch', plural: 'pods' }],
  ['GET /api/v1/pods?watch=false', { ...core, verb: 'list', plural: 'pods' }],
  ['GET /api/v1/watch/pods', { ...core, verb: 'watch', plural: 'pods' }],
  ['GET /api/v1/watch/namespaces', { ...core, verb: 'watch', plural: 'namespaces' }],
  ['GET /api/v1/watch/namespaces/a/pods/x', { ...core, verb: 'watch', namespace: 'a', plural: 'pods', name: 'x' }],
  ['GET /apis/apps/v1/watch/deployments', { ...apps, verb: 'watch', plural: 'deployments' }],
  ['POST /api/v1/namespaces/a/pods', { ...core, verb: 'create', namespace: 'a', plural: 'pods' }],
  ['GET /api/v1/namespaces/a/pods/x?watch=true', { ...core, verb: 'get', namespace: 'a', plural: 'pods', name: 'x' }],
  ['GET /api/v1/namespaces/a/pods/x/log', { ...core, verb: 'get', namespace: 'a', plural: 'pods', name: 'x', subresource: 'log' }],
  [
    'GET /api/v1/namespaces/a/pods/x/proxy/b/c',
    { ...core, verb: 'get', namespace: 'a', plural: 'pods', name: 'x', subresource: 'proxy', proxied: 'b/c' },
  ],
  [
    'PUT /apis/apps/v1/namespaces/a/deployments/x/scale',
    { ...apps, verb: 'update', namespace: 'a', plural: 'deployments', name: 'x', subresource: 'scale' },
  ],
  ['DELETE /apis/apps/v1/namespaces/a/deployments', { ...apps, verb: 'deletecollection', namespace: 'a', plural: 'deployments' }],
  ['DELETE /apis/apps/v1/namespaces/a/deployments/x', { ...apps, verb: 'delete', namespace: 'a', plural: 'deployments', name: 'x' }],
  ['GET /api/v1/namespaces', { ...core, verb: 'list', plural: 'namespaces' }],
  ['PATCH /api/v1/namespaces/a', { ...core, verb: 'patch', namespace: 'a', plural: 'namespaces', name: 'a' }],
  [
    'PUT /api/v1/namespaces/a/finalize',
    { ...core, verb: 'update', namespace: 'a', plural: 'namespaces', name: 'a', subresource: 'finalize' },
  ],
  ['GET /api/v1/namespaces/a/status', { ...core, verb: 'get', namespace: 'a', plural: 'namespaces', name: 'a', subresource: 'status' }],
  ['GET /api/v1/nodes/x/', { ...core, verb: 'get', plural: 'nodes', name: 'x' }],
  ['GET /api/v1/nodes/a%2Fb', { ...core, verb: 'get', plural: 'nodes', name: 'a', subresource: 'b' }],
  ['GET /api/v1/nodes/system%3Ax', { ...core, verb: 'get', plural: 'nodes', name: 'system:x' }],
  ['GET /api/v1', { type: 'path', verb: 'get', path: '/api/v1' }],
  ['GET /apis/apps/v1', { type: 'path', verb: 'get', path: '/apis/apps/v1' }],
  ['HEAD /', { type: 'path', verb: 'get', path: '/' }],
  ['POST /livez/ping', { type: 'path', verb: 'post', path: '/livez/ping' }],
]
for (const [request, expected] of cases) test(request, () => assert.deepEqual(of(request), expected))

test("a broken escape is the client's mistake", () => {
  assert.throws(() => requestInfo('GET', '/api/v1/nodes/%zz', new URLSearchParams()), { code: 400 })
})
