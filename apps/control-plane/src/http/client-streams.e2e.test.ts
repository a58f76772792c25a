import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { createServer } from 'node:http'
import { connect, createServer as createTcpServer, type AddressInfo } from 'node:net'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { Exec, KubeConfig, PortForward, type V1Status } from '@kubernetes/client-node'
import { pods } from '../resources/pod.ts'
import { namespaces } from '../resources/namespace.ts'
import { type KubectlServer, serveForKubectl } from './kubectl.fixture.ts'
import { LocalPodStreams } from './local-pod-streams.fixture.ts'

// As Debian has it, python3-kubernetes; not whatever python somebody put in front of it.
const PYTHON = '/usr/bin/python3'
const isInstalled = spawnSync(PYTHON, ['-c', 'import kubernetes']).status === 0
const web = createServer((request, response) => response.end(`GET ${request.url}\n`))

let server: KubectlServer
before(async () => {
  await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve))
  server = await serveForKubectl({ podStreams: new LocalPodStreams('/') })
  const spec = { nodeName: 'pi', containers: [{ name: 'c', image: 'i' }] }
  await server.api.client.create(namespaces, { metadata: { name: 'default' } })
  await server.api.client.create(pods, { metadata: { name: 'web', namespace: 'default' }, spec } as never)
})
after(async () => {
  web.close()
  web.closeAllConnections()
  await server.close()
})

const SCRIPT = `
import sys
from kubernetes import client, config
from kubernetes.stream import stream, portforward
config.load_kube_config(sys.argv[1])
api = client.CoreV1Api()
of = dict(stderr=True, stdin=False, stdout=True, tty=False)
print(stream(api.connect_get_namespaced_pod_exec, 'web', 'default', command=['sh', '-c', 'echo out; echo err >&2'], **of), end='')
of['stdin'] = True
talk = stream(api.connect_get_namespaced_pod_exec, 'web', 'default', command=['sh', '-c', 'read line; echo got $line; exit 3'], _preload_content=False, **of)
talk.write_stdin('hello\\n')
talk.run_forever(timeout=10)
print(talk.read_stdout(), end='')
print(talk.returncode)
forward = portforward(api.connect_get_namespaced_pod_portforward, 'web', 'default', ports=sys.argv[2])
socket = forward.socket(int(sys.argv[2]))
socket.setblocking(True)
socket.sendall(b'GET /python HTTP/1.0\\r\\n\\r\\n')
answer = b''
while True:
    piece = socket.recv(1024)
    if not piece: break
    answer += piece
print(answer.split(b'\\r\\n\\r\\n')[1].decode(), end='')
print(forward.error(int(sys.argv[2])))
`

test('Python: exec and port-forward', { skip: isInstalled ? false : 'python3-kubernetes is not installed' }, async () => {
  const args = ['-B', '-c', SCRIPT, server.kubeconfig, String((web.address() as AddressInfo).port)]
  const { stdout } = await promisify(execFile)(PYTHON, args, { timeout: 30_000 })
  assert.deepEqual(stdout.trimEnd().split('\n').sort(), ['3', 'GET /python', 'None', 'err', 'got hello', 'out'])
})

test('JavaScript: exec', async () => {
  const config = new KubeConfig()
  config.loadFromFile(server.kubeconfig)
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()]
  const { promise: ended, resolve } = Promise.withResolvers<V1Status>()
  stdin.end('hello\n')
  await new Exec(config).exec('default', 'web', 'c', ['sh', '-c', 'cat; exit 4'], stdout, stderr, stdin, false, resolve)
  const status = await ended
  assert.deepEqual([status.reason, status.details?.causes?.[0]?.message], ['NonZeroExitCode', '4'])
  stdout.end()
  assert.equal(await text(stdout), 'hello\n')
})

test('JavaScript: port-forward', async (t) => {
  const config = new KubeConfig()
  config.loadFromFile(server.kubeconfig)
  const forward = new PortForward(config)
  const port = (web.address() as AddressInfo).port
  const local = createTcpServer((socket) => void forward.portForward('default', 'web', [port], socket, null, socket))
  await new Promise<void>((resolve) => local.listen(0, '127.0.0.1', resolve))
  t.after(() => local.close())
  const socket = connect((local.address() as AddressInfo).port, '127.0.0.1')
  socket.write('GET /js HTTP/1.0\r\n\r\n')
  let answer = ''
  for await (const bytes of socket) {
    answer += bytes
    if (answer.endsWith('GET /js\n')) break // the client does not pass the end on
  }
  assert.match(answer, /^HTTP\/1.1 200 OK/)
})
