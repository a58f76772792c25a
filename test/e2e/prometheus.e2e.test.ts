import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { openSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { badRequest } from '@bramble/api/status-error'
import { MemoryLink } from '@bramble/link/memory-link'
import { systemClock } from '@bramble/reconcile/env'
import { silentLog } from '@bramble/reconcile/log'
import { createControlPlane } from '../../apps/control-plane/src/control-plane.ts'
import { createApp } from '../../apps/control-plane/src/http/app.ts'
import { serveHttps } from '../../apps/control-plane/src/http/server.ts'
import { openPki } from '../../apps/control-plane/src/pki/pki.ts'
import { MemoryBackend } from '../../apps/control-plane/src/store/backend/memory.ts'
import { waitFor } from './wait.ts'
import { SETTINGS } from '../sim/settings.ts'

// A real Prometheus reads the API server's own metrics. One that was built with kubernetes_sd (Debian's is not) finds nodes, pods,
// Services and EndpointSlices as well: they have addresses of a documentation network, and it asks the API server in their place.

const HOST = '127.0.0.1'
const ROLES = ['node', 'pod', 'service', 'endpointslice'] as const
const missing = spawnSync('prometheus', ['--version']).error !== undefined && 'there is no prometheus here'
const withoutDiscovery = !canDiscover() && 'this prometheus was built without kubernetes_sd'

/** What its service discovery asks for each role: a list from any version, then a watch from there; protobuf is wished for. */
const DISCOVERED = {
  node: ['/api/v1/nodes', ['pi-1']],
  pod: ['/api/v1/pods', ['web']],
  service: ['/api/v1/services', ['kubernetes', 'web']],
  endpointslice: ['/apis/discovery.k8s.io/v1/endpointslices', ['kubernetes', 'web-1']],
  endpoints: ['/api/v1/endpoints', ['kubernetes']],
  ingress: ['/apis/networking.k8s.io/v1/ingresses', []],
} as const

interface Target {
  readonly labels: { readonly job: string }
  readonly discoveredLabels: Readonly<Record<string, string>>
  readonly health: string
  readonly lastError: string
}

describe('Prometheus', { skip: missing }, () => {
  const stop = new AbortController()
  let folder: string
  let closed: Promise<void> | undefined
  let prometheus: ChildProcess | undefined
  let request: (method: string, path: string, headers: Record<string, string>, body?: object) => Promise<IncomingMessage>
  let send: (method: string, path: string, body?: object) => Promise<unknown>
  let port: number

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bramble-prometheus-'))
    const env = { clock: systemClock, random: () => 0.5, log: silentLog }
    const pki = await openPki(join(folder, 'pki'), ['localhost'], [HOST], systemClock)
    const linkServer = new MemoryLink(env).server
    const plane = await createControlPlane({ backend: new MemoryBackend(), linkServer, env, settings: SETTINGS })
    const podLogs = { open: () => Promise.reject(badRequest('no node')) }
    const app = createApp({ ...plane, env, podLogs, version: '0.1.0', stop: stop.signal })
    const { certificate: cert, key } = pki.server
    const api = await serveHttps({ app, env, cert, key, clientCa: pki.authority, host: HOST, port: 0, signal: stop.signal })
    closed = api.closed

    const admin = { host: HOST, port: api.port, ca: pki.authority, cert: pki.admin.certificate, key: pki.admin.key, agent: false } as const
    request = async (method, path, headers, body) => {
      const outgoing = httpsRequest({ ...admin, method, path, headers })
      outgoing.end(body && JSON.stringify(body))
      return ((await once(outgoing, 'response')) as [IncomingMessage])[0]
    }
    send = async (method, path, body) => {
      const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json'
      const response = await request(method, path, { 'content-type': type }, body ?? {})
      const text = (await response.setEncoding('utf8').toArray()).join('')
      assert.ok(response.statusCode! < 300, text)
      return JSON.parse(text)
    }
    await send('POST', '/api/v1/namespaces/default/serviceaccounts', { metadata: { name: 'default' } }) // as a controller would
    for (const [path, body] of objects()) await send('POST', path, body)
    await send('PATCH', '/api/v1/namespaces/default/pods/web/status', {
      status: { phase: 'Running', podIP: '192.0.2.20', hostIP: '192.0.2.10', podIPs: [{ ip: '192.0.2.20' }] },
    })

    for (const [name, text] of [
      ['ca.crt', pki.authority],
      ['admin.crt', pki.admin.certificate],
      ['admin.key', pki.admin.key],
      ['prometheus.json', JSON.stringify(configuration(api.port, folder))],
    ] as const)
      await writeFile(join(folder, name), text, { mode: 0o600 })
    port = await freePort()
    prometheus = spawn(
      'prometheus',
      [
        `--config.file=${join(folder, 'prometheus.json')}`,
        `--storage.tsdb.path=${join(folder, 'data')}`,
        `--web.listen-address=${HOST}:${port}`,
      ],
      { stdio: ['ignore', 'ignore', openSync(join(folder, 'log'), 'w')] },
    )
    await waitFor('Prometheus to be ready', async () => (await fetch(`http://${HOST}:${port}/-/ready`)).ok, {
      explain: () => readFile(join(folder, 'log'), 'utf8'),
    })
  })
  after(async () => {
    if (prometheus && prometheus.exitCode === null) {
      const ended = once(prometheus, 'exit')
      prometheus.kill('SIGTERM')
      await ended
    }
    stop.abort()
    await closed
    await rm(folder, { recursive: true, force: true })
  })

  const ask = async <T>(path: string): Promise<T> =>
    ((await (await fetch(`http://${HOST}:${port}/api/v1/${path}`)).json()) as { data: T }).data
  const value = async (query: string): Promise<number | undefined> => {
    const { result } = await ask<{ result: { value: [number, string] }[] }>(`query?query=${encodeURIComponent(query)}`)
    return result[0] && Number(result[0].value[1])
  }

  test('finds what there is, with the labels that people relabel by, and every target is up', { skip: withoutDiscovery }, async () => {
    const { activeTargets } = await waitFor(
      'every target to be up',
      async () => {
        const found = await ask<{ activeTargets: Target[] }>('targets')
        const isUp = (job: string): boolean => found.activeTargets.some(({ labels, health }) => labels.job === job && health === 'up')
        return ['apiserver', ...ROLES].every(isUp) && found
      },
      { explain: async () => JSON.stringify(await ask('targets'), null, 1).slice(0, 4_000) },
    )
    const discovered = (job: string, name: string, wanted: string) =>
      activeTargets.find(({ labels, discoveredLabels }) => labels.job === job && discoveredLabels[name] === wanted)?.discoveredLabels ?? {}
    assert.deepEqual(
      only(discovered('node', '__meta_kubernetes_node_name', 'pi-1'), [
        '__address__',
        '__meta_kubernetes_node_address_InternalIP',
        '__meta_kubernetes_node_label_site',
      ]),
      ['192.0.2.10:10250', '192.0.2.10', 'attic'],
    )
    assert.deepEqual(
      only(discovered('pod', '__meta_kubernetes_pod_name', 'web'), [
        '__address__',
        '__meta_kubernetes_namespace',
        '__meta_kubernetes_pod_node_name',
        '__meta_kubernetes_pod_phase',
        '__meta_kubernetes_pod_container_port_name',
        '__meta_kubernetes_pod_annotation_prometheus_io_scrape',
      ]),
      ['192.0.2.20:8080', 'default', 'pi-1', 'Running', 'http', 'true'],
    )
    assert.deepEqual(
      only(discovered('service', '__meta_kubernetes_service_name', 'web'), ['__address__', '__meta_kubernetes_service_type']),
      ['web.default.svc:80', 'ClusterIP'],
    )
    assert.deepEqual(
      only(discovered('endpointslice', '__meta_kubernetes_endpointslice_name', 'web-1'), [
        '__address__',
        '__meta_kubernetes_pod_name',
        '__meta_kubernetes_service_name',
        '__meta_kubernetes_endpointslice_endpoint_conditions_ready',
      ]),
      ['192.0.2.20:8080', 'web', 'web', 'true'],
    )
  })

  test('answers queries about the API server', async () => {
    const watch = await request('GET', '/api/v1/pods?watch=true', {})
    for (let count = 0; count < 3; count++) await (await request('GET', '/api/v1/pods', {})).resume().toArray()
    await waitFor('the API server to be up', async () => (await value('up{job="apiserver"}')) === 1)
    const lists = 'apiserver_request_total{verb="LIST",resource="pods",code="200"}'
    await waitFor('requests to be counted', async () => (await value(`sum(${lists})`))! >= 3)
    const seconds = await value('histogram_quantile(0.99, sum by (le) (apiserver_request_duration_seconds_bucket{verb="LIST"}))')
    assert.ok(seconds! > 0 && seconds! < 60)
    assert.ok((await value('sum(apiserver_longrunning_requests{verb="WATCH",resource="pods"})'))! >= 1)
    assert.equal(await value('apiserver_storage_objects{resource="pods"}'), 1)
    assert.equal(await value('sum(bramble_nodes)'), 1)
    assert.ok((await value('process_resident_memory_bytes{job="apiserver"}'))! > 0)
    assert.equal(await value('count(kubernetes_build_info{major="1"})'), 1)
    watch.destroy()
  })

  for (const [role, [path, names]] of Object.entries(DISCOVERED))
    test(`role ${role}: what its service discovery asks is answered`, async () => {
      const wanted = { accept: 'application/vnd.kubernetes.protobuf, */*' }
      const listed = await request('GET', `${path}?limit=500&resourceVersion=0`, wanted)
      assert.equal(listed.headers['content-type'], 'application/json')
      const { items, metadata } = JSON.parse((await listed.setEncoding('utf8').toArray()).join(''))
      assert.deepEqual(items.map((item: { metadata: { name: string } }) => item.metadata.name).sort(), names)
      const version = `resourceVersion=${metadata.resourceVersion}&allowWatchBookmarks=true&timeoutSeconds=1`
      const watched = await request('GET', `${path}?${version}&watch=true`, wanted)
      assert.deepEqual([watched.statusCode, watched.headers['content-type']], [200, 'application/json'])
      watched.destroy()
    })

  test('sees a pod come and go', { skip: withoutDiscovery }, async () => {
    const pods = async (): Promise<number> =>
      (await ask<{ activeTargets: Target[] }>('targets')).activeTargets.filter(({ labels }) => labels.job === 'pod').length
    const [path, pod] = objects()[1]!
    await send('POST', path, { ...pod, metadata: { name: 'second' } })
    await send('PATCH', `${path}/second/status`, { status: { phase: 'Running', podIP: '192.0.2.21' } })
    await waitFor('the second pod to be found', async () => (await pods()) === 2)
    await send('DELETE', `${path}/second`, { gracePeriodSeconds: 0 })
    await waitFor('the second pod to be gone', async () => (await pods()) === 1)
  })
})

const only = (labels: Readonly<Record<string, string>>, names: readonly string[]): readonly (string | undefined)[] =>
  names.map((name) => labels[name])

function objects(): readonly (readonly [path: string, body: object])[] {
  const NS = '/api/v1/namespaces/default'
  return [
    [
      '/api/v1/nodes',
      {
        metadata: { name: 'pi-1', labels: { site: 'attic' } },
        status: { addresses: [{ type: 'InternalIP', address: '192.0.2.10' }], daemonEndpoints: { kubeletEndpoint: { Port: 10250 } } },
      },
    ],
    [
      `${NS}/pods`,
      {
        metadata: { name: 'web', labels: { app: 'web' }, annotations: { 'prometheus.io/scrape': 'true' } },
        spec: { nodeName: 'pi-1', containers: [{ name: 'c', image: 'i', ports: [{ name: 'http', containerPort: 8080 }] }] },
      },
    ],
    [
      `${NS}/services`,
      { metadata: { name: 'web' }, spec: { selector: { app: 'web' }, ports: [{ name: 'http', port: 80, targetPort: 8080 }] } },
    ],
    [
      '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices',
      {
        metadata: { name: 'web-1', labels: { 'kubernetes.io/service-name': 'web' } },
        addressType: 'IPv4',
        endpoints: [
          {
            addresses: ['192.0.2.20'],
            conditions: { ready: true },
            nodeName: 'pi-1',
            targetRef: { kind: 'Pod', namespace: 'default', name: 'web' },
          },
        ],
        ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
      },
    ],
  ]
}

function canDiscover(): boolean {
  const probe = '{"scrape_configs":[{"job_name":"probe","kubernetes_sd_configs":[{"role":"pod"}]}]}'
  return spawnSync('promtool', ['check', 'config', '/dev/stdin'], { input: probe }).status === 0
}

/** JSON is YAML. */
function configuration(apiPort: number, folder: string): object {
  const tls_config = { ca_file: join(folder, 'ca.crt'), cert_file: join(folder, 'admin.crt'), key_file: join(folder, 'admin.key') }
  const target = `${HOST}:${apiPort}`
  const found = (role: string) => ({
    job_name: role,
    scheme: 'https',
    tls_config,
    kubernetes_sd_configs: [{ role, api_server: `https://${target}`, tls_config }],
    relabel_configs: [
      { source_labels: ['__address__'], target_label: 'instance' },
      { target_label: '__address__', replacement: target },
    ],
  })
  return {
    global: { scrape_interval: '1s', scrape_timeout: '1s' },
    scrape_configs: [
      { job_name: 'apiserver', scheme: 'https', tls_config, static_configs: [{ targets: [target] }] },
      ...(withoutDiscovery ? [] : ROLES.map(found)),
    ],
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, HOST)
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}
