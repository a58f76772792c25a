import assert from 'node:assert/strict'
import { execFile, type ExecFileOptions, spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, test, type TestContext } from 'node:test'
import { promisify } from 'node:util'
import { type KubectlServer, kubectlRunner, kubectls, minorOf, serveForKubectl } from './kubectl.fixture.ts'
import { LocalPodStreams } from './local-pod-streams.fixture.ts'

const POD = `
apiVersion: v1
kind: Pod
metadata: {name: web}
spec: {nodeName: pi, containers: [{name: c, image: nginx, stdin: true}, {name: other, image: nginx}]}
`
const service = (): string => `
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {ports: [{name: http, port: 80, targetPort: ${webPort()}}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-1, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
ports: [{name: http, port: ${webPort()}}]
endpoints: [{addresses: [10.9.8.7], conditions: {ready: true}, targetRef: {kind: Pod, name: web}}]
`
const NODE = 'apiVersion: v1\nkind: Node\nmetadata: {name: pi}\n'
const BODY = randomBytes(5_000_000)
const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

let server: KubectlServer
let box: string
let streams: LocalPodStreams
/** What listens in the pod, and on the node. */
const web = createServer((request, response) => {
  if (request.url === '/big') return void response.end(BODY)
  request.on('data', () => {}).on('end', () => response.end(`${request.method} ${request.url}\n`))
})

before(async () => {
  await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve))
  box = await mkdtemp(join(tmpdir(), 'bramble-streams-box-'))
  streams = new LocalPodStreams(box, new Map([['pi', webPort()]]))
  server = await serveForKubectl({ podStreams: streams })
})
after(async () => {
  web.close()
  web.closeAllConnections()
  await server.close()
  await rm(box, { recursive: true, force: true })
})
const webPort = (): number => (web.address() as AddressInfo).port

for (const kubectl of kubectls()) {
  const namespace = `streams-${minorOf(kubectl)}`
  const { argv, options, run, ok } = kubectlRunner(kubectl, namespace, () => server)

  test(`${namespace}: exec gives output, errors and exit codes`, async () => {
    await ok(`create namespace ${namespace}`)
    await ok('apply --validate=false -f -', POD)
    await ok(`patch pod web --subresource=status --type=merge -p ${JSON.stringify({ status: { phase: 'Running', podIP: '10.9.8.7' } })}`)
    await ok('apply --validate=false -f -', NODE)
    await ok('apply --validate=false -f -', service())
    assert.equal(await ok('exec web -c c -- echo hello'), 'hello\n')
    assert.deepEqual(await run('exec web -c c -- sh -c nothing-of-that-name'), {
      code: 127,
      out: '',
      err: 'sh: 1: nothing-of-that-name: not found\ncommand terminated with exit code 127\n',
    })
    assert.equal(streams.asked.at(-1), 'exec web/c sh -c nothing-of-that-name')
  })

  test(`${namespace}: megabytes piped in come out whole`, async () => {
    const input = BODY.toString('hex')
    assert.equal((await run('exec -i web -c c -- sha256sum', input)).out, `${digest(Buffer.from(input))}  -\n`)
  })

  test(`${namespace}: megabytes come out whole for a slow reader`, async () => {
    const script = `dd if=/dev/zero bs=65536 count=200 2>/dev/null | tr '\\0' x`
    const { stdout } = await shell(
      `'${kubectl}' ${argv(['exec', 'web', '-c', 'c', '--', 'sh', '-c', `"${script}"`]).join(' ')} | (sleep 1; wc -c)`,
      options,
    )
    assert.equal(stdout.trim(), String(65_536 * 200))
  })

  test(`${namespace}: a terminal has a size`, async () => {
    const command = `'${kubectl}' ${argv(['exec', '-it', 'web', '-c', 'c', '--', 'sh', '-c', '"sleep 0.5; echo done"']).join(' ')}`
    const before = streams.sizes.length
    const { stdout } = await shell(`script -qec "stty cols 91 rows 17; ${command.replaceAll('"', '\\"')}" /dev/null`, options)
    assert.match(stdout, /done/)
    assert.deepEqual(streams.sizes[before], { width: 91, height: 17 })
  })

  test(`${namespace}: attach`, async () => {
    const { out } = await run('attach -i web -c c', 'typed\n')
    assert.match(out, /attached\ntyped\n$/)
  })

  test(`${namespace}: cp both ways`, async () => {
    const local = join(server.folder, `cp-${namespace}`)
    await mkdir(local)
    await writeFile(join(local, 'big'), BODY)
    await ok(`cp ${join(local, 'big')} web:there -c c`)
    assert.equal(digest(await readFile(join(box, 'there'))), digest(BODY))
    await ok(`cp web:there ${join(local, 'back')} -c c`)
    assert.equal(digest(await readFile(join(local, 'back'))), digest(BODY))
  })

  test(`${namespace}: port-forward carries many requests and a big body`, async (t) => {
    const url = await forwarded(t, [`:${webPort()}`])
    const many = Array.from({ length: 40 }, async (_, index) => (await fetch(`${url}/${index}`)).text())
    assert.deepEqual(
      await Promise.all(many),
      Array.from({ length: 40 }, (_, index) => `GET /${index}\n`),
    )
    const bodies = await Promise.all([1, 2, 3].map(async () => Buffer.from(await (await fetch(`${url}/big`)).arrayBuffer())))
    for (const body of bodies) assert.equal(digest(body), digest(BODY))
    assert.equal(await (await fetch(`${url}/up`, { method: 'POST', body: BODY })).text(), 'POST /up\n')
  })

  test(`${namespace}: proxies to the node, to pods and Services`, async () => {
    assert.equal(await ok('get --raw /api/v1/nodes/pi/proxy/stats/summary?only_cpu=1'), 'GET /stats/summary?only_cpu=1\n')
    const inNamespace = `/api/v1/namespaces/${namespace}`
    assert.equal(await ok(`get --raw ${inNamespace}/pods/web:${webPort()}/proxy/a/b?c=d`), 'GET /a/b?c=d\n')
    assert.equal(await ok(`get --raw ${inNamespace}/services/web:http/proxy/a`), 'GET /a\n')
    assert.equal(await ok(`get --raw ${inNamespace}/services/http:web:80/proxy/`), 'GET /\n')
    assert.equal(await ok(`create --raw ${inNamespace}/services/web:80/proxy/posted -f -`, '{}'), 'POST /posted\n')
    assert.match(
      (await run(`get --raw ${inNamespace}/pods/web:1/proxy/`)).err,
      /^Error from server \(ServiceUnavailable\): error trying to reach service: connect ECONNREFUSED/,
    )
    assert.match((await run(`get --raw ${inNamespace}/services/web:81/proxy/`)).err, /no service port 81 found for service "web"/)
  })

  test(`${namespace}: refusals are said in words`, async () => {
    assert.match((await run('exec web -c nope -- true')).err, /container nope is not valid for pod web/)
    assert.match((await run('exec nope -- true')).err, /pods "nope" not found/)
  })

  test(`${namespace}: nothing stays open`, async () => {
    for (let turns = 0; streams.open > 0 && turns < 100; turns++) await new Promise((resolve) => setTimeout(resolve, 50))
    assert.equal(streams.open, 0)
  })

  /** `kubectl port-forward`, until the test ends. @returns The URL of the first port. */
  async function forwarded(t: TestContext, ports: readonly string[]): Promise<string> {
    const child = spawn(kubectl, argv(['port-forward', 'pod/web', ...ports]), { env: options().env!, stdio: ['ignore', 'pipe', 'inherit'] })
    t.after(() => child.kill('SIGKILL'))
    for await (const line of createInterface(child.stdout)) {
      const port = /127\.0\.0\.1:(\d+)/.exec(line)?.[1]
      if (port !== undefined) return `http://127.0.0.1:${port}`
    }
    throw new Error('kubectl port-forward ended')
  }
}

const shell = (command: string, options: () => ExecFileOptions): Promise<{ stdout: string }> =>
  promisify(execFile)('sh', ['-c', command], { env: options().env!, timeout: 30_000 })
