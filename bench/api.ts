import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { KubeObject } from '@bramble/api/object'
import { startDetached } from '../apps/node-agent/src/host/exec.ts'
import { waitFor } from '../test/e2e/wait.ts'
import { ApiConnection } from './api-connection.ts'
import { Bundles } from './bundles.ts'
import { machine, megabytes, numberOption, percentile, printTable } from './table.ts'

// One control plane with SQLite on the disk, asked over HTTPS on the loopback. This process asks and needs processor time as
// well, so that the server's own time for a request is the firmer figure.
// --seconds N  per line, default 5

const SECONDS = numberOption('seconds', 5)
const PORTS = { 'api-port': 26443, 'mqtt-port': 28883, 'stream-port': 28444 }
const NAMESPACE = '/api/v1/namespaces/default'
const PODS = 500
const WATCHERS = 50
const WATCHED_CHANGES = 100
const PARALLEL = 16
const HEAD = ['', 'per second', 'p50 ms', 'p99 ms', 'server CPU ms each', 'KB each']

console.log(machine())
const bundles = await Bundles.make()
const folder = await mkdtemp(join(tmpdir(), 'bramble-bench-api-'))
const config = { 'data-dir': folder, 'listen-address': '127.0.0.1', 'advertise-address': '127.0.0.1', ...PORTS }
const [program, ...args] = bundles.command('control-plane')
const server = startDetached(program!, args, { outputPath: join(folder, 'log'), env: bundles.environment(config) })
let api: ApiConnection | undefined
try {
  const kubeconfig = join(folder, 'server/kubeconfig')
  await waitFor('the control plane to listen', async () => (await stat(kubeconfig)).size > 0)
  api = await ApiConnection.open(kubeconfig, { host: '127.0.0.1', port: PORTS['api-port'] }, PARALLEL)
  await waitFor('the API', () => api!.call('GET', NAMESPACE))
  await run(api)
} finally {
  api?.close()
  process.kill(server.pid)
  await waitFor('the control plane to end', async () => !existsSync(`/proc/${server.pid}`))
  await rm(folder, { recursive: true, force: true })
  await bundles.remove()
}

async function run(api: ApiConnection): Promise<void> {
  const rows: string[][] = []
  const line = async (title: string, parallel: number, request: (index: number) => Promise<number | undefined>): Promise<void> => {
    rows.push(await load(title, parallel, request))
  }
  const configMap = (name: string): object => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { text: 'x'.repeat(500) } })
  const create = async (name: string): Promise<undefined> => void (await api.call('POST', `${NAMESPACE}/configmaps`, configMap(name)))
  const patch = async (index: number): Promise<undefined> =>
    void (await api.call(
      'PATCH',
      `${NAMESPACE}/configmaps/one-${index % 100}`,
      { data: { count: String(index) } },
      'application/merge-patch+json',
    ))

  await line('create a ConfigMap, one at a time', 1, (index) => create(`one-${index}`))
  await line(`create a ConfigMap, ${PARALLEL} at a time`, PARALLEL, (index) => create(`many-${index}`))
  await line('patch a ConfigMap, one at a time', 1, patch)
  await line(`patch a ConfigMap, ${PARALLEL} at a time`, PARALLEL, patch)
  await api.call('DELETE', `${NAMESPACE}/configmaps`)
  for (let index = 0; index < PODS; index++) await api.call('POST', `${NAMESPACE}/pods`, pod(index))
  await line('get a Pod, one at a time', 1, (index) => api.read(`${NAMESPACE}/pods/pod-${index % PODS}`))
  await line(`get a Pod, ${PARALLEL} at a time`, PARALLEL, (index) => api.read(`${NAMESPACE}/pods/pod-${index % PODS}`))
  await line(`list ${PODS} Pods, one at a time`, 1, () => api.read(`${NAMESPACE}/pods`))
  printTable('Requests', HEAD, rows)
  await fanOut(api)
  const status = await readFile(`/proc/${server.pid}/status`, 'utf8')
  const bytes = (field: string): number => Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1]) * 1024
  printTable(
    'Memory of the control plane afterwards',
    ['', 'RSS MB', 'RssAnon MB', 'peak MB'],
    [[`${PODS} Pods`, megabytes(bytes('VmRSS')), megabytes(bytes('RssAnon')), megabytes(bytes('VmHWM'))]],
  )
}

/** Asks for some seconds. @param request Resolves with the length of the answer where that is of interest. */
async function load(title: string, parallel: number, request: (index: number) => Promise<number | undefined>): Promise<string[]> {
  const tookMs: number[] = []
  let bytes: number | undefined
  let next = 0
  const [startMs, startCpuMs] = [performance.now(), await serverCpuMs()]
  const asker = async (): Promise<void> => {
    while (performance.now() - startMs < SECONDS * 1000) {
      const sentMs = performance.now()
      bytes = await request(next++)
      tookMs.push(performance.now() - sentMs)
    }
  }
  await Promise.all(Array.from({ length: parallel }, asker))
  const seconds = (performance.now() - startMs) / 1000
  const cpuMs = (await serverCpuMs()) - startCpuMs
  return [
    title,
    (tookMs.length / seconds).toFixed(0),
    percentile(tookMs, 0.5).toFixed(2),
    percentile(tookMs, 0.99).toFixed(1),
    (cpuMs / tookMs.length).toFixed(2),
    bytes === undefined ? '' : (bytes / 1024).toFixed(1),
  ]
}

/** Many watch the same; how long until a change has reached the first and the last of them. */
async function fanOut(api: ApiConnection): Promise<void> {
  const stop = new AbortController()
  const arrivals = new Map<string, number[]>()
  let seen = 0
  const watching = await Promise.all(Array.from({ length: WATCHERS }, () => api.watch<KubeObject>(`${NAMESPACE}/configmaps`, stop.signal)))
  const readers = watching.map(async (events) => {
    for await (const { object, atMs } of events) {
      if (!object.metadata.name.startsWith('watched-')) continue
      arrivals.set(object.metadata.name, [...(arrivals.get(object.metadata.name) ?? []), atMs])
      seen++
    }
  })
  const startCpuMs = await serverCpuMs()
  const first: number[] = []
  const last: number[] = []
  for (let index = 0; index < WATCHED_CHANGES; index++) {
    const name = `watched-${index}`
    const sentMs = performance.now()
    await api.call('POST', `${NAMESPACE}/configmaps`, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } })
    await waitFor('every watcher to see it', async () => arrivals.get(name)?.length === WATCHERS)
    first.push(Math.min(...arrivals.get(name)!) - sentMs)
    last.push(Math.max(...arrivals.get(name)!) - sentMs)
  }
  const cpuMs = (await serverCpuMs()) - startCpuMs
  stop.abort()
  await Promise.allSettled(readers)
  printTable(
    `A change seen by ${WATCHERS} watchers (${WATCHED_CHANGES} changes)`,
    ['', 'p50 ms', 'p99 ms', 'server CPU ms per event'],
    [
      ['sent → the first watcher has it', percentile(first, 0.5).toFixed(1), percentile(first, 0.99).toFixed(1), ''],
      ['sent → the last watcher has it', percentile(last, 0.5).toFixed(1), percentile(last, 0.99).toFixed(1), (cpuMs / seen).toFixed(3)],
    ],
  )
}

async function serverCpuMs(): Promise<number> {
  const stat = await readFile(`/proc/${server.pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10
}

/** No node has this name: it is kept, and nothing runs. */
function pod(index: number): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: `pod-${index}`, labels: { app: 'web', part: String(index % 10) } },
    spec: {
      nodeSelector: { nowhere: 'yes' },
      containers: [
        {
          name: 'app',
          image: 'localhost/hello',
          resources: { requests: { cpu: '100m', memory: '64Mi' } },
          ports: [{ containerPort: 8080 }],
        },
      ],
    },
  }
}
