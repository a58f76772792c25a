import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { request, type RequestOptions } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import { httpsServer } from './https.fixture.ts'
import { LocalPodStreams } from './local-pod-streams.fixture.ts'

export const POD_IP = '10.9.8.7'

/**
 * The API over TLS with a pod `web` in the namespace `a` on the node `pi`, and pods `pending` and `done`. What listens in the pod, and the
 * node's agent, is `backend`.
 */
export async function podApi(t: TestContext, backend: Server = createServer(), overrides: Parameters<typeof httpsServer>[1] = {}) {
  await new Promise<void>((resolve) => backend.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    backend.close()
    backend.closeAllConnections()
  })
  const { port } = backend.address() as AddressInfo
  const streams = new LocalPodStreams('/', new Map([['pi', port]]))
  const server = await httpsServer(t, { podStreams: streams, ...overrides })

  /** `PORT` in a path is the backend's. */
  const ask = async (path: string, options: RequestOptions = {}, body?: string | Buffer): Promise<IncomingMessage> => {
    const asked = request({ ...server.admin, path: path.replace('PORT', String(port)), ...options })
    asked.end(body)
    return (await once(asked, 'response'))[0]
  }
  const write = async (method: string, path: string, object: object, type = 'application/json'): Promise<void> => {
    const answer = await ask(path, { method, headers: { 'content-type': type } }, JSON.stringify(object))
    answer.resume()
    assert.ok(answer.statusCode! < 300, `${method} ${path}: ${answer.statusCode}`)
  }
  await write('POST', '/api/v1/namespaces', { metadata: { name: 'a' } })
  await write('POST', '/api/v1/nodes', { metadata: { name: 'pi' } })
  const pods = '/api/v1/namespaces/a/pods'
  const containers = [
    { name: 'c', image: 'i', ports: [{ containerPort: port }] },
    { name: 'd', image: 'i' },
  ]
  await write('POST', pods, {
    metadata: { name: 'web' },
    spec: { nodeName: 'pi', initContainers: [{ name: 'i', image: 'i' }], containers },
  })
  await write('POST', pods, { metadata: { name: 'pending' }, spec: { containers: containers.slice(1) } })
  await write('POST', pods, { metadata: { name: 'done' }, spec: { nodeName: 'pi', containers } })
  await write('PATCH', `${pods}/web/status`, { status: { phase: 'Running', podIP: POD_IP } }, 'application/merge-patch+json')
  await write('PATCH', `${pods}/done/status`, { status: { phase: 'Succeeded' } }, 'application/merge-patch+json')
  return { ...server, ask, write, port, streams, pods }
}
