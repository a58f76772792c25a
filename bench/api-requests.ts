import type { ApiConnection } from './api-connection.ts'
import { type ApiServer, NAMESPACE } from './api-server.ts'
import { percentile, printTable } from './table.ts'

export const PARALLEL = 16
const PODS = 500
const HEAD = ['', 'per second', 'p50 ms', 'p99 ms', 'server CPU ms each', 'KB each']
const MERGE = 'application/merge-patch+json'
const APPLY = 'application/apply-patch+yaml'

/** Reads and writes, one at a time and many at a time. */
export async function requests(server: ApiServer, api: ApiConnection, seconds: number): Promise<void> {
  const rows: string[][] = []
  const line = async (title: string, parallel: number, request: (index: number) => Promise<number | undefined>): Promise<void> => {
    rows.push(await load(server, title, { parallel, seconds }, request))
  }
  const both = async (title: string, request: (index: number) => Promise<number | undefined>): Promise<void> => {
    await line(`${title}, one at a time`, 1, request)
    await line(`${title}, ${PARALLEL} at a time`, PARALLEL, request)
  }
  const maps = `${NAMESPACE}/configmaps`
  const pods = `${NAMESPACE}/pods`
  const send = async (method: string, path: string, body: unknown, type?: string): Promise<undefined> =>
    void (await api.call(method, path, body, type))

  let made = 0
  await both('create a ConfigMap', () => send('POST', maps, configMap(`made-${made++}`)))
  await both('patch a ConfigMap', (index) => send('PATCH', `${maps}/made-${index % 100}`, { data: { count: String(index) } }, MERGE))
  await both('apply a ConfigMap, changed', (index) =>
    send('PATCH', `${maps}/applied-${index % 100}?fieldManager=bench&force=true`, applied(`applied-${index % 100}`, index), APPLY),
  )
  await line('apply a ConfigMap, unchanged', 1, () => send('PATCH', `${maps}/same?fieldManager=bench`, applied('same', 1), APPLY))
  await api.call('DELETE', maps)
  await createPods(api, PODS)
  await both('get a Pod', (index) => api.read(`${pods}/pod-${index % PODS}`))
  await line(`list ${PODS} Pods`, 1, () => api.read(pods))
  await line(`list ${PODS} Pods, compressed`, 1, () => api.read(pods, { 'accept-encoding': 'gzip' }))
  await line(`list ${PODS} Pods as a table`, 1, () => api.read(pods, { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' }))
  await line('read /metrics', 1, () => api.read('/metrics'))
  printTable('Requests', HEAD, rows)
}

/** Asks for some seconds. @param request Resolves with the length of the answer where that is of interest. */
async function load(
  server: ApiServer,
  title: string,
  { parallel, seconds }: { readonly parallel: number; readonly seconds: number },
  request: (index: number) => Promise<number | undefined>,
): Promise<string[]> {
  const tookMs: number[] = []
  let bytes: number | undefined
  let next = 0
  const [startMs, startCpuMs] = [performance.now(), await server.cpuMs()]
  const asker = async (): Promise<void> => {
    while (performance.now() - startMs < seconds * 1000) {
      const sentMs = performance.now()
      bytes = await request(next++)
      tookMs.push(performance.now() - sentMs)
    }
  }
  await Promise.all(Array.from({ length: parallel }, asker))
  const elapsedSeconds = (performance.now() - startMs) / 1000
  const cpuMs = (await server.cpuMs()) - startCpuMs
  return [
    title,
    (tookMs.length / elapsedSeconds).toFixed(0),
    percentile(tookMs, 0.5).toFixed(2),
    percentile(tookMs, 0.99).toFixed(1),
    (cpuMs / tookMs.length).toFixed(2),
    bytes === undefined ? '' : (bytes / 1024).toFixed(1),
  ]
}

const configMap = (name: string): object => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { text: 'x'.repeat(500) } })
const applied = (name: string, count: number): object => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, labels: { app: 'bench' } },
  data: { text: 'x'.repeat(500), count: String(count) },
})

/** @param from Number of the first. */
export async function createPods(api: ApiConnection, count: number, from = 0): Promise<void> {
  let next = from
  const maker = async (): Promise<void> => {
    while (next < from + count) await api.call('POST', `${NAMESPACE}/pods`, pod(next++))
  }
  await Promise.all(Array.from({ length: PARALLEL }, maker))
}

/** No node has this label: it is kept, and nothing runs. */
const pod = (index: number): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: `pod-${index}`, labels: { app: 'web', part: String(index % 10) } },
  spec: {
    nodeSelector: { nowhere: 'yes' },
    containers: [
      { name: 'app', image: 'localhost/hello', resources: { requests: { cpu: '100m', memory: '64Mi' } }, ports: [{ containerPort: 8080 }] },
    ],
  },
})
