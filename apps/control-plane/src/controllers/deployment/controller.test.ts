import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { Deployment, ReplicaSet } from '@bramble/api/types/workload'
import { deployments } from '../../resources/deployment.ts'
import { pods } from '../../resources/pod.ts'
import { replicaSets } from '../../resources/replica-set.ts'
import { replicaSetController } from '../replica-set/controller.ts'
import { type TestBench, testBench, workload } from '../test-bench.ts'
import { deploymentController } from './controller.ts'

const controllers = [deploymentController, replicaSetController]
const get = ({ client }: TestBench): Deployment => client.get(deployments, 'default/web')!
const setImage = ({ client }: TestBench, image: string) =>
  client.patch(deployments, 'default/web', { spec: { template: { spec: { containers: [{ name: 'main', image }] } } } })
const images = ({ client }: TestBench): string[] =>
  client
    .list(pods)
    .map((pod) => pod.spec.containers[0]!.image)
    .sort()
const sizes = ({ client }: TestBench): string[] =>
  client
    .list(replicaSets)
    .map((set: ReplicaSet) => `${set.spec.template.spec.containers[0]!.image}:${set.spec.replicas}`)
    .sort()
const revision = (bench: TestBench): string | undefined => get(bench).metadata.annotations?.['deployment.kubernetes.io/revision']
const progress = (bench: TestBench): string | undefined => get(bench).status?.conditions?.find(({ type }) => type === 'Progressing')?.reason

async function running(t: TestContext, spec: object = {}): Promise<TestBench> {
  const bench = await testBench(t, controllers)
  await bench.addNode('a')
  await bench.client.create<Deployment>(deployments, workload('web', 'v1', { replicas: 3, ...spec }))
  await bench.playNodes(6)
  return bench
}

test('ten replicas are there in the same instant', async (t) => {
  const bench = await testBench(t, controllers)
  await bench.client.create<Deployment>(deployments, workload('web', 'v1', { replicas: 10 }))
  await bench.pass(0)
  assert.equal(bench.client.list(pods).length, 10)
})

test('who asks for the same amounts in other words rolls nothing out', async (t) => {
  const bench = await running(t)
  const ask = async (cpu: string | number, memory: string): Promise<void> => {
    const containers = [{ name: 'main', image: 'v1', resources: { limits: { cpu, memory } } }]
    await bench.client.patch(deployments, 'default/web', { spec: { template: { spec: { containers } } } })
    await bench.playNodes(6)
  }
  await ask('0.5', '1024Mi')
  const before = bench.client.list(replicaSets).map(({ metadata }) => metadata.name)
  assert.equal(before.length, 2)
  await ask('500m', '1Gi')
  await ask(0.5, '1048576Ki')
  assert.deepEqual(
    bench.client.list(replicaSets).map(({ metadata }) => metadata.name),
    before,
  )
})

test('a Deployment makes its set and pods and says so', async (t) => {
  const bench = await running(t)
  const { status } = get(bench)
  assert.deepEqual(
    [status?.replicas, status?.updatedReplicas, status?.availableReplicas, status?.unavailableReplicas],
    [3, 3, 3, undefined],
  )
  assert.equal(progress(bench), 'NewReplicaSetAvailable')
  const [set] = bench.client.list(replicaSets)
  assert.match(set!.metadata.name, /^web-[a-z0-9]+$/)
  assert.deepEqual(bench.toldAbout(get(bench)), [
    `Normal ScalingReplicaSet default/web: Scaled up replica set ${set!.metadata.name} from 0 to 3`,
  ])
  assert.equal(
    bench.client.list(pods).every((pod) => pod.metadata.name.startsWith(`${set!.metadata.name}-`)),
    true,
  )
})

test('a new image rolls out, going back uses the old set, and the numbers tell the story', async (t) => {
  const bench = await running(t)
  await setImage(bench, 'v2')
  await bench.playNodes(20)
  assert.deepEqual([images(bench), sizes(bench), revision(bench)], [['v2', 'v2', 'v2'], ['v1:0', 'v2:3'], '2'])

  await setImage(bench, 'v1')
  await bench.playNodes(20)
  assert.deepEqual([images(bench), sizes(bench), revision(bench)], [['v1', 'v1', 'v1'], ['v1:3', 'v2:0'], '3'])
  const back = bench.client.list(replicaSets).find((set) => set.spec.replicas === 3)!
  assert.equal(back.metadata.annotations?.['deployment.kubernetes.io/revision-history'], '1')
})

test('a rollout that cannot go on is late after its deadline, and goes on when it can', async (t) => {
  const bench = await running(t, { progressDeadlineSeconds: 60 })
  await setImage(bench, 'v2')
  await bench.pass(30_000)
  assert.notEqual(progress(bench), 'ProgressDeadlineExceeded')
  await bench.pass(35_000)
  assert.equal(progress(bench), 'ProgressDeadlineExceeded')
  assert.equal(images(bench).filter((image) => image === 'v1').length, 3, 'what works stays')
  await bench.playNodes(20)
  assert.deepEqual([images(bench), progress(bench)], [['v2', 'v2', 'v2'], 'NewReplicaSetAvailable'])
})

test('paused, nothing rolls out; resumed, it does', async (t) => {
  const bench = await running(t)
  await bench.client.patch(deployments, 'default/web', { spec: { paused: true } })
  await setImage(bench, 'v2')
  await bench.playNodes(5)
  assert.deepEqual([images(bench), progress(bench)], [['v1', 'v1', 'v1'], 'DeploymentPaused'])
  await bench.client.patch(deployments, 'default/web', { spec: { paused: false } })
  await bench.playNodes(20)
  assert.deepEqual(images(bench), ['v2', 'v2', 'v2'])
})

test('a pod counts when it has been ready for long enough', async (t) => {
  const bench = await running(t, { minReadySeconds: 10 })
  assert.equal(get(bench).status?.availableReplicas, undefined)
  await bench.pass(11_000)
  assert.equal(get(bench).status?.availableReplicas, 3)
})

test('Recreate starts the new pods when the last old one is gone', async (t) => {
  const bench = await running(t, { strategy: { type: 'Recreate' } })
  await setImage(bench, 'v2')
  await bench.pass(5)
  assert.equal(
    bench.client.list(pods).every((pod) => pod.metadata.deletionTimestamp !== undefined && pod.spec.containers[0]!.image === 'v1'),
    true,
  )
  await bench.playNodes(5)
  assert.deepEqual(images(bench), ['v2', 'v2', 'v2'])
})

test('a deleted pod is replaced at once, while the old one is still leaving', async (t) => {
  const bench = await running(t)
  const [first] = bench.client.list(pods)
  await bench.client.delete(pods, `default/${first!.metadata.name}`)
  await bench.pass(1)
  assert.equal(bench.client.list(pods).length, 4)
  assert.match(bench.toldAbout(bench.client.list(replicaSets)[0]!).at(-1)!, /^Normal SuccessfulCreate .*: Created pod: web-/)
})

test('a name that another template holds leads to another name', async (t) => {
  const first = await running(t)
  const { name } = first.client.list(replicaSets)[0]!.metadata

  const second = await testBench(t, controllers)
  await second.addNode('a')
  await second.client.create<ReplicaSet>(replicaSets, {
    ...workload<ReplicaSet>('other', 'v9', { replicas: 0 }),
    metadata: { name, namespace: 'default' },
  })
  await second.client.create<Deployment>(deployments, workload('web', 'v1', { replicas: 3 }))
  await second.playNodes(10)
  assert.equal(get(second).status?.collisionCount, 1)
  assert.equal(get(second).status?.availableReplicas, 3)
  assert.deepEqual(sizes(second), ['v1:3', 'v9:0'])
})

test('deleting a Deployment touches neither sets nor pods: that is for the garbage collector', async (t) => {
  const bench = await running(t)
  await bench.client.delete(deployments, 'default/web', { propagationPolicy: 'Orphan' })
  await bench.playNodes(2)
  assert.deepEqual([sizes(bench), images(bench).length], [['v1:3'], 3])
})

test('an orphaned set is adopted by a Deployment that selects it', async (t) => {
  const bench = await running(t)
  const [set] = bench.client.list(replicaSets)
  await bench.client.patch(replicaSets, `default/${set!.metadata.name}`, { metadata: { ownerReferences: null } })
  await bench.playNodes(3)
  const [adopted] = bench.client.list(replicaSets)
  assert.deepEqual(
    adopted!.metadata.ownerReferences?.map(({ name, controller }) => ({ name, controller })),
    [{ name: 'web', controller: true }],
  )
  assert.equal(bench.client.list(replicaSets).length, 1)
})
