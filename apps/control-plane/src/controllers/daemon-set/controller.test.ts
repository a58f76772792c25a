import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { timestamp } from '@bramble/api/duration'
import type { DaemonSet } from '@bramble/api/types/workload'
import { controllerRevisions } from '../../resources/controller-revision.ts'
import { daemonSets } from '../../resources/daemon-set.ts'
import { nodes } from '../../resources/node.ts'
import { pods } from '../../resources/pod.ts'
import { type TestBench, testBench, workload } from '../test-bench.ts'
import { daemonSetController } from './controller.ts'

const get = ({ client }: TestBench): DaemonSet => client.get(daemonSets, 'default/log')!
const setImage = ({ client }: TestBench, image: string) =>
  client.patch(daemonSets, 'default/log', { spec: { template: { spec: { containers: [{ name: 'main', image }] } } } })
const where = ({ client }: TestBench): string[] =>
  client
    .list(pods)
    .map((pod) => `${pod.spec.nodeName ?? '-'}:${pod.spec.containers[0]!.image}`)
    .sort()

async function running(t: TestContext, nodeNames: readonly string[], spec: object = {}): Promise<TestBench> {
  const bench = await testBench(t, [daemonSetController])
  for (const name of nodeNames) await bench.addNode(name)
  await bench.client.create<DaemonSet>(daemonSets, workload('log', 'v1', spec))
  await bench.playNodes(4)
  return bench
}

test('one pod on every node, on a new node as well, none where a node is gone', async (t) => {
  const bench = await running(t, ['a', 'b'])
  assert.deepEqual(where(bench), ['a:v1', 'b:v1'])
  assert.equal(get(bench).status?.numberAvailable, 2)
  await bench.addNode('c')
  await bench.playNodes(3)
  await bench.client.delete(nodes, 'a')
  await bench.playNodes(3)
  assert.deepEqual(where(bench), ['b:v1', 'c:v1'])
  assert.equal(get(bench).status?.desiredNumberScheduled, 2)
})

test('a new image rolls out node by node, leaves a revision, and can be taken back as kubectl does it', async (t) => {
  const bench = await running(t, ['a', 'b', 'c'])
  await setImage(bench, 'v2')
  await bench.playNodes(15)
  assert.deepEqual(where(bench), ['a:v2', 'b:v2', 'c:v2'])
  assert.equal(get(bench).status?.updatedNumberScheduled, 3)
  const revisions = (): string[] =>
    bench.client
      .list(controllerRevisions)
      .map(({ revision, data }) => `${revision}:${JSON.stringify(data).match(/"image":"(v\d)"/)?.[1]}`)
      .sort()
  assert.deepEqual(revisions(), ['1:v1', '2:v2'])
  await setImage(bench, 'v1')
  await bench.playNodes(15)
  assert.deepEqual(
    [where(bench), revisions()],
    [
      ['a:v1', 'b:v1', 'c:v1'],
      ['2:v2', '3:v1'],
    ],
  )
})

test('an offline node does not hold up a rollout, and is caught up when it returns', async (t) => {
  const bench = await running(t, ['a', 'b', 'c'])
  await setReady(bench, 'a', 'Unknown')
  await bench.pass(61_000)
  await setImage(bench, 'v2')
  await bench.playNodes(15, (pod) => pod.spec.nodeName !== 'a')
  assert.deepEqual(where(bench), ['a:v1', 'b:v2', 'c:v2'])
  const { status } = get(bench)
  assert.deepEqual(
    [status?.desiredNumberScheduled, status?.updatedNumberScheduled, status?.numberAvailable],
    [2, 2, 2],
    'kubectl rollout status ends',
  )
  await setReady(bench, 'a', 'True')
  await bench.playNodes(10)
  assert.deepEqual([where(bench), get(bench).status?.updatedNumberScheduled], [['a:v2', 'b:v2', 'c:v2'], 3])
})

test('a failed pod is replaced, ever more slowly', async (t) => {
  const bench = await running(t, ['a'])
  let replaced = 0
  for (let second = 0; second < 60; second++) {
    const [pod] = bench.client.list(pods)
    if (pod?.status?.phase === 'Running') {
      replaced++
      await bench.setPodStatus(pod, { phase: 'Failed' })
    }
    await bench.pass(250)
    await bench.playNodes(2)
    await bench.pass(750)
  }
  assert.ok(replaced >= 4 && replaced <= 8, `replaced ${replaced} times in a minute`)
  assert.ok(
    bench
      .toldAbout(get(bench))
      .some((text) =>
        /^Warning FailedDaemonPod default\/log: Found failed daemon pod default\/log-\w+ on node a, will try to kill it$/.test(text),
      ),
  )
})

async function setReady({ client, clock }: TestBench, name: string, status: 'True' | 'Unknown'): Promise<void> {
  await client.patch(
    nodes,
    name,
    { status: { conditions: [{ type: 'Ready', status, lastTransitionTime: timestamp(clock.nowMs()) }] } },
    'status',
  )
}
