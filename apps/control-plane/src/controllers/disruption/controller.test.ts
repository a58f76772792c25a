import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { mutableCopy } from '@bramble/api/object'
import type { PodDisruptionBudget } from '@bramble/api/types/policy'
import type { DaemonSet, Deployment } from '@bramble/api/types/workload'
import { daemonSets } from '../../resources/daemon-set.ts'
import { deployments } from '../../resources/deployment.ts'
import { podDisruptionBudgets } from '../../resources/pod-disruption-budget.ts'
import { pods } from '../../resources/pod.ts'
import { daemonSetController } from '../daemon-set/controller.ts'
import { deploymentController } from '../deployment/controller.ts'
import { replicaSetController } from '../replica-set/controller.ts'
import { testBench, workload } from '../test-bench.ts'
import { disruptionController } from './controller.ts'

const bench = async (t: TestContext) => {
  const made = await testBench(t, [deploymentController, replicaSetController, daemonSetController, disruptionController])
  await made.addNode('n1')
  const budget = (spec: PodDisruptionBudget['spec']) =>
    made.client.create<PodDisruptionBudget>(podDisruptionBudgets, {
      metadata: { name: 'web', namespace: 'default' },
      spec: { selector: { matchLabels: { app: 'web' } }, ...spec },
    })
  const counts = () => {
    const {
      conditions = [],
      observedGeneration: _,
      disruptedPods: _disrupted,
      ...rest
    } = made.client.get(podDisruptionBudgets, 'default/web')!.status!
    return { ...rest, reason: conditions[0]?.reason }
  }
  return { ...made, budget, counts }
}

test('a budget follows the pods of a Deployment and how many are wanted', async (t) => {
  const { client, budget, counts, playNodes, pass } = await bench(t)
  await client.create<Deployment>(deployments, workload('web', 'nginx:1', { replicas: 3 }))
  await budget({ maxUnavailable: 1 })
  await playNodes(3)
  assert.deepEqual(counts(), { disruptionsAllowed: 1, currentHealthy: 3, desiredHealthy: 2, expectedPods: 3, reason: 'SufficientPods' })
  await client.patch(deployments, 'default/web', { spec: { replicas: 5 } })
  await pass(1)
  assert.deepEqual(counts(), { disruptionsAllowed: 0, currentHealthy: 3, desiredHealthy: 4, expectedPods: 5, reason: 'InsufficientPods' })
  await playNodes(3)
  assert.equal(counts().disruptionsAllowed, 1)
})

test('a changed budget is counted anew', async (t) => {
  const { client, budget, counts, playNodes, pass } = await bench(t)
  await client.create<Deployment>(deployments, workload('web', 'nginx:1', { replicas: 2 }))
  const made = await budget({ minAvailable: 2 })
  await playNodes(3)
  assert.equal(counts().disruptionsAllowed, 0)
  const { maxUnavailable: _, ...spec } = mutableCopy(made.spec)
  await client.patch(podDisruptionBudgets, 'default/web', { spec: { ...spec, minAvailable: 1 } })
  await pass(1)
  assert.equal(counts().disruptionsAllowed, 1)
})

test('pods of a DaemonSet have no size to compare with, and the budget says so', async (t) => {
  const { client, budget, counts, playNodes, toldAbout } = await bench(t)
  await client.create<DaemonSet>(daemonSets, workload('web', 'nginx:1', {}))
  const made = await budget({ maxUnavailable: 1 })
  await playNodes(3)
  assert.equal(counts().reason, 'SyncFailed')
  assert.deepEqual(toldAbout(made).slice(-1), [
    'Warning CalculateExpectedPodCountFailed default/web: Failed to calculate the number of expected pods: daemonsets.apps does not implement the scale subresource',
  ])
})

test('a pod without an owner counts only where a plain number must stay', async (t) => {
  const { client, budget, counts, playNodes, toldAbout, pass } = await bench(t)
  await client.create(pods, {
    metadata: { name: 'alone', namespace: 'default', labels: { app: 'web' } },
    spec: { containers: [{ name: 'a', image: 'a:1' }] },
  })
  const made = await budget({ maxUnavailable: 1 })
  await playNodes(3)
  assert.equal(counts().expectedPods, 0)
  assert.match(toldAbout(made).at(-1)!, /^Warning UnmanagedPods .*\(selector: app=web\) were found to be unmanaged/)
  await client.patch(podDisruptionBudgets, 'default/web', { spec: { maxUnavailable: null, minAvailable: 0 } })
  await pass(1)
  assert.deepEqual(counts(), { disruptionsAllowed: 1, currentHealthy: 1, desiredHealthy: 0, expectedPods: 1, reason: 'SufficientPods' })
})

test('no pods are nothing to budget', async (t) => {
  const { budget, counts, toldAbout, pass } = await bench(t)
  const made = await budget({ minAvailable: 1 })
  await pass(1)
  assert.equal(counts().disruptionsAllowed, 0)
  assert.deepEqual(toldAbout(made).slice(0, 1), ['Normal NoPods default/web: No matching pods found'])
})
