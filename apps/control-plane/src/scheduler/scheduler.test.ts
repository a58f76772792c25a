import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { conditionOf } from '@bramble/api/conditions'
import type { Node } from '@bramble/api/types/node'
import type { Pod } from '@bramble/api/types/pod'
import { simEnv } from '@bramble/reconcile/sim/sim-env'
import type { ApiClient } from '../api/client.ts'
import type { EventRecorder } from '../controllers/events.ts'
import { type TestBench, testBench } from '../controllers/test-bench.ts'
import { nodes } from '../resources/node.ts'
import { pods } from '../resources/pod.ts'
import { runScheduler } from './scheduler.ts'

/** A cluster with a scheduler; `told` is what it recorded. */
async function cluster(t: TestContext, client?: (client: ApiClient) => ApiClient): Promise<{ bench: TestBench; told: readonly string[] }> {
  const bench = await testBench(t, [])
  const told: string[] = []
  const stop = new AbortController()
  const record: EventRecorder['record'] = (about, type, reason, message) => {
    told.push(`${type} ${reason} ${about.metadata.name}: ${message}`)
  }
  const env = simEnv(1, bench.clock)
  const done = runScheduler({ client: client ? client(bench.client) : bench.client, env, events: { record } }, stop.signal)
  t.after(async () => {
    stop.abort()
    await bench.pass(1)
    await done
  })
  return { bench, told }
}
async function addNode(
  { client }: TestBench,
  name: string,
  more: { labels?: Record<string, string>; cpu?: string; pods?: string } = {},
): Promise<void> {
  await client.create<Node>(nodes, { metadata: { name, labels: more.labels ?? {} }, spec: {} })
  await client.patch(nodes, name, { status: { allocatable: { cpu: more.cpu ?? '4', memory: '4Gi', pods: more.pods ?? '110' } } }, 'status')
}
const addPod = ({ client }: TestBench, name: string, spec: Partial<Pod['spec']> = {}): Promise<Pod> =>
  client.create<Pod>(pods, {
    metadata: { name, namespace: 'default' },
    spec: { containers: [{ name: 'main', image: 'x', resources: { requests: { cpu: '1' } } }], ...spec },
  })
const nodeOf = ({ client }: TestBench, name: string): string | undefined => client.get(pods, `default/${name}`)!.spec.nodeName
const scheduled = ({ client }: TestBench, name: string) =>
  conditionOf(client.get(pods, `default/${name}`)!.status?.conditions, 'PodScheduled')

test('pods are spread over the nodes and told so', async (t) => {
  const world = await cluster(t)
  const { bench, told } = world
  for (const name of ['a', 'b', 'c']) await addNode(bench, name)
  for (let index = 0; index < 9; index++) await addPod(bench, `p${index}`)
  await bench.pass(1)
  const counts = Map.groupBy(bench.client.list(pods), (pod) => pod.spec.nodeName)
  assert.deepEqual([...counts].map(([name, each]) => [name, each.length]).sort(), [
    ['a', 3],
    ['b', 3],
    ['c', 3],
  ])
  assert.equal(scheduled(bench, 'p0')?.status, 'True')
  assert.ok(told.includes('Normal Scheduled p0: Successfully assigned default/p0 to a'), told[0])
})

test('a pod that fits nowhere says why, and runs as soon as a label is put', async (t) => {
  const world = await cluster(t)
  const { bench, told } = world
  for (const name of ['a', 'b']) await addNode(bench, name)
  await addPod(bench, 'picky', { nodeSelector: { disktype: 'ssd' } })
  await bench.pass(60_000)
  const message = "0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector."
  assert.deepEqual(
    [scheduled(bench, 'picky')?.status, scheduled(bench, 'picky')?.reason, scheduled(bench, 'picky')?.message],
    ['False', 'Unschedulable', message],
  )
  assert.deepEqual(told, [`Warning FailedScheduling picky: ${message}`])
  await bench.client.patch(nodes, 'b', { metadata: { labels: { disktype: 'ssd' } } })
  await bench.pass(1)
  assert.equal(nodeOf(bench, 'picky'), 'b')
  assert.equal(scheduled(bench, 'picky')?.status, 'True')
})

test('heartbeats of nodes do not make it try again', async (t) => {
  const world = await cluster(t)
  const { bench, told } = world
  await addNode(bench, 'a')
  await addPod(bench, 'huge', { containers: [{ name: 'main', image: 'x', resources: { requests: { cpu: '5' } } }] })
  for (let beats = 0; beats < 20; beats++) {
    await bench.client.patch(
      nodes,
      'a',
      {
        status: {
          conditions: [{ type: 'Ready', status: 'True', lastHeartbeatTime: `2026-01-01T00:00:${String(beats).padStart(2, '0')}Z` }],
        },
      },
      'status',
    )
    await bench.pass(10_000)
  }
  assert.equal(told.length, 1)
})

test('what a pod leaves behind is given to one that waits', async (t) => {
  const world = await cluster(t)
  const { bench } = world
  await addNode(bench, 'a', { cpu: '1' })
  await addPod(bench, 'first')
  await bench.pass(1)
  await addPod(bench, 'second')
  await bench.pass(60_000)
  assert.deepEqual([nodeOf(bench, 'first'), nodeOf(bench, 'second')], ['a', undefined])
  await bench.client.delete(pods, 'default/first', { gracePeriodSeconds: 0 })
  await bench.pass(1)
  assert.equal(nodeOf(bench, 'second'), 'a')
})

test('a node is never given more than it has, however many pods come at once', async (t) => {
  const world = await cluster(t)
  const { bench } = world
  for (const name of ['a', 'b']) await addNode(bench, name, { cpu: '3' })
  await Promise.all(Array.from({ length: 20 }, (_, index) => addPod(bench, `p${index}`)))
  await bench.pass(1)
  const placed = bench.client.list(pods).map((pod) => pod.spec.nodeName)
  assert.deepEqual(
    ['a', 'b', undefined].map((name) => placed.filter((each) => each === name).length),
    [3, 3, 14],
  )
})

test("others' pods, gated ones and those that are leaving are left alone", async (t) => {
  const world = await cluster(t)
  const { bench } = world
  await addNode(bench, 'a')
  await addPod(bench, 'other', { schedulerName: 'somebody' })
  await addPod(bench, 'gated', { schedulingGates: [{ name: 'example.com/wait' }] } as Partial<Pod['spec']>)
  await bench.pass(60_000)
  assert.deepEqual([nodeOf(bench, 'other'), nodeOf(bench, 'gated')], [undefined, undefined])
})

test('the highest priority is served first', async (t) => {
  const world = await cluster(t)
  const { bench } = world
  for (const [name, priority] of [
    ['low', 0],
    ['high', 1000],
  ] as const)
    await addPod(bench, name, { priority })
  await addNode(bench, 'a', { cpu: '1' })
  await bench.pass(60_000)
  assert.deepEqual([nodeOf(bench, 'low'), nodeOf(bench, 'high')], [undefined, 'a'])
})

test('a binding that fails frees what was set aside and is tried again', async (t) => {
  let failures = 3
  const world = await cluster(
    t,
    (client) =>
      new Proxy(client, {
        get: (target, name) => {
          if (name === 'bind' && failures-- > 0) return () => Promise.reject(new Error('disk full'))
          const value = Reflect.get(target, name) as unknown
          return typeof value === 'function' ? (value.bind(target) as unknown) : value
        },
      }),
  )
  const { bench } = world
  await addNode(bench, 'a', { cpu: '1' })
  await addPod(bench, 'p')
  await bench.pass(60_000)
  assert.equal(nodeOf(bench, 'p'), 'a')
})
