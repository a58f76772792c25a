import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { microTimestamp } from '@bramble/api/duration'
import type { Lease } from '@bramble/api/types/core'
import { isPodReady, type Pod } from '@bramble/api/types/pod'
import { conditionOf } from '@bramble/api/conditions'
import { leases } from '../../resources/lease.ts'
import { namespaces } from '../../resources/namespace.ts'
import { nodes } from '../../resources/node.ts'
import { pods } from '../../resources/pod.ts'
import { type TestBench, testBench } from '../test-bench.ts'
import { nodeLifeCycleController } from './controller.ts'

async function cluster(t: TestContext): Promise<TestBench> {
  const bench = await testBench(t, [nodeLifeCycleController])
  await bench.client.create(namespaces, { metadata: { name: 'kube-node-lease' } })
  await bench.addNode('pi')
  return bench
}
async function heartbeat({ client, clock }: TestBench): Promise<void> {
  const renewTime = microTimestamp(clock.nowMs())
  if (client.get(leases, 'kube-node-lease/pi')) await client.patch(leases, 'kube-node-lease/pi', { spec: { renewTime } })
  else await client.create<Lease>(leases, { metadata: { name: 'pi', namespace: 'kube-node-lease' }, spec: { renewTime } })
}
async function runningPod(bench: TestBench, name: string, tolerationSeconds?: number): Promise<void> {
  const tolerations = ['not-ready', 'unreachable'].map(
    (key) =>
      ({
        key: `node.kubernetes.io/${key}`,
        operator: 'Exists',
        effect: 'NoExecute',
        ...(tolerationSeconds !== undefined && { tolerationSeconds }),
      }) as const,
  )
  const pod = await bench.client.create<Pod>(pods, {
    metadata: { name, namespace: 'default' },
    spec: { nodeName: 'pi', tolerations: [...tolerations], containers: [{ name: 'main', image: 'x' }] },
  })
  await bench.setPodStatus(pod, { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] })
}
const ready = ({ client }: TestBench) => conditionOf(client.get(nodes, 'pi')!.status?.conditions, 'Ready')
const taints = ({ client }: TestBench): string[] =>
  (client.get(nodes, 'pi')!.spec.taints ?? []).map(({ key, effect }) => `${key.replace('node.kubernetes.io/', '')}:${effect}`)
const UNREACHABLE = ['unreachable:NoSchedule', 'unreachable:NoExecute']
const setReady = (bench: TestBench, status: string): Promise<unknown> =>
  bench.client.patch(nodes, 'pi', { status: { conditions: [{ type: 'Ready', status, reason: 'Test' }] } }, 'status')

test('a node whose lease is renewed stays ready; one whose lease stands still is unknown after the grace period', async (t) => {
  const bench = await cluster(t)
  for (let beats = 0; beats < 12; beats++) {
    await heartbeat(bench)
    await bench.pass(10_000)
  }
  assert.equal(ready(bench)?.status, 'True')
  await bench.pass(29_000)
  assert.deepEqual([ready(bench)?.status, taints(bench)], ['True', []])
  await bench.pass(2_000)
  assert.deepEqual([ready(bench)?.status, ready(bench)?.reason, taints(bench)], ['Unknown', 'NodeStatusUnknown', UNREACHABLE])
})

test('after a start there is no lease yet: a node has the whole grace period', async (t) => {
  const bench = await cluster(t)
  await bench.pass(39_000)
  assert.equal(ready(bench)?.status, 'True')
  await bench.pass(2_000)
  assert.equal(ready(bench)?.status, 'Unknown')
})

test('a lost link withdraws the pods at once and evicts after their tolerance; coming back in time evicts none', async (t) => {
  const bench = await cluster(t)
  await runningPod(bench, 'short', 30)
  await runningPod(bench, 'long', 300)
  await runningPod(bench, 'always')
  await heartbeat(bench)
  await setReady(bench, 'Unknown')
  await bench.pass(1)
  assert.deepEqual(taints(bench), UNREACHABLE)
  assert.deepEqual(bench.client.list(pods).filter(isPodReady), [])
  assert.ok(bench.told.includes('Normal NodeNotReady pi: Node pi status is now: NodeNotReady'))

  const leaving = () =>
    bench.client
      .list(pods)
      .filter((pod) => pod.metadata.deletionTimestamp)
      .map((pod) => pod.metadata.name)
  await bench.pass(29_000)
  assert.deepEqual(leaving(), [])
  await bench.pass(2_000)
  assert.deepEqual(leaving(), ['short'])
  await setReady(bench, 'True')
  await bench.pass(1)
  assert.deepEqual(taints(bench), [])
  for (let beats = 0; beats < 60; beats++) {
    await heartbeat(bench)
    await bench.pass(10_000)
  }
  assert.deepEqual(leaving(), ['short'])
})

test('a pod that claims to be ready on a lost node is withdrawn again', async (t) => {
  const bench = await cluster(t)
  await heartbeat(bench)
  await setReady(bench, 'Unknown')
  await bench.pass(1)
  await runningPod(bench, 'late', 300)
  await bench.pass(1)
  assert.equal(isPodReady(bench.client.get(pods, 'default/late')!), false)
})

test('pods that a returned node says nothing about are as they were before; what it says counts', async (t) => {
  const bench = await cluster(t)
  for (const name of ['same', 'worse']) {
    await runningPod(bench, name, 300)
    await bench.client.patch(
      pods,
      `default/${name}`,
      {
        status: {
          conditions: [
            { type: 'Ready', status: 'True' },
            { type: 'ContainersReady', status: 'True' },
          ],
        },
      },
      'status',
    )
  }
  await setReady(bench, 'Unknown')
  await bench.pass(1)
  await setReady(bench, 'True')
  const died = [
    { type: 'Ready', status: 'False', reason: 'ContainersNotReady' },
    { type: 'ContainersReady', status: 'False' },
  ]
  await bench.client.patch(pods, 'default/worse', { status: { conditions: died } }, 'status')
  await bench.pass(4_000)
  assert.deepEqual(bench.client.list(pods).filter(isPodReady), [])
  await bench.pass(2_000)
  assert.deepEqual(
    bench.client
      .list(pods)
      .filter(isPodReady)
      .map((pod) => pod.metadata.name),
    ['same'],
  )
  assert.equal(conditionOf(bench.client.get(pods, 'default/same')!.status?.conditions, 'Ready')?.reason, undefined)
})

test('heartbeats alone write nothing but the lease', async (t) => {
  const bench = await cluster(t)
  await runningPod(bench, 'web', 300)
  await heartbeat(bench)
  await bench.pass(1)
  const [before, pod] = [bench.client.get(nodes, 'pi'), bench.client.get(pods, 'default/web')]
  for (let beats = 0; beats < 20; beats++) {
    await heartbeat(bench)
    await bench.pass(10_000)
  }
  assert.equal(bench.client.get(nodes, 'pi'), before)
  assert.equal(bench.client.get(pods, 'default/web'), pod)
})
