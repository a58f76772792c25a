import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Deployment } from '@bramble/api/types/workload'
import { deadlineInMs, deploymentStatus } from './status.ts'
import { aDeployment, aSet, type DeploymentWish } from './testing.ts'

const START = Date.UTC(2026, 0, 1)
const wish: DeploymentWish = { deadlineSeconds: 600 }

/** Reports after `afterSeconds`, on top of what was reported before. */
function report(deployment: Deployment, sets: readonly string[], afterSeconds: number, created?: string): Deployment {
  const status = deploymentStatus(
    deployment,
    sets.map((text) => aSet(text, deployment)),
    created,
    START + afterSeconds * 1000,
  )
  return { ...deployment, status }
}
const progress = (deployment: Deployment): string => {
  const found = deployment.status?.conditions?.find(({ type }) => type === 'Progressing')
  return found ? `${found.status} ${found.reason}: ${found.message}` : 'none'
}

test('a rollout reports made, updated, available, in the words that kubectl rollout status reads', () => {
  let deployment = report(aDeployment(wish), [], 0, 'web-v2')
  assert.equal(progress(deployment), 'True NewReplicaSetCreated: Created new replica set "web-v2"')
  deployment = report(deployment, ['v2:3/1'], 2)
  assert.equal(progress(deployment), 'True ReplicaSetUpdated: ReplicaSet "web-v2" is progressing.')
  deployment = report(deployment, ['v2:3'], 4)
  assert.equal(progress(deployment), 'True NewReplicaSetAvailable: ReplicaSet "web-v2" has successfully progressed.')
  const { conditions: _, ...counts } = deployment.status!
  assert.deepEqual(counts, { observedGeneration: 1, replicas: 3, updatedReplicas: 3, readyReplicas: 3, availableReplicas: 3 })
})

test('what changed last stands last: at the end of a rollout that is its progress, later what becomes of its pods', () => {
  const order = ({ status }: Deployment): string => status!.conditions!.map(({ type }) => type).join(' ')
  let deployment = report(aDeployment(wish), [], 0, 'web-v2')
  assert.equal(order(deployment), 'Progressing Available')
  deployment = report(deployment, ['v2:3/1'], 2)
  assert.equal(order(deployment), 'Available Progressing')
  deployment = report(deployment, ['v2:3'], 4)
  assert.equal(order(deployment), 'Available Progressing')
  deployment = report(deployment, ['v2:3/1'], 6)
  assert.equal(order(deployment), 'Progressing Available')
})

test('a rollout that stands still is late after its deadline, and not a second before', () => {
  let deployment = report(report(aDeployment(wish), [], 0, 'web-v2'), ['v2:3/1'], 10)
  assert.equal(deadlineInMs(deployment, [aSet('v2:3/1')], START + 10_000), 601_000)
  deployment = report(deployment, ['v2:3/1'], 610)
  assert.match(progress(deployment), /^True ReplicaSetUpdated/)
  deployment = report(deployment, ['v2:3/1'], 611)
  assert.equal(progress(deployment), 'False ProgressDeadlineExceeded: ReplicaSet "web-v2" has timed out progressing.')
  assert.equal(deadlineInMs(deployment, [aSet('v2:3/1')], START + 611_000), undefined)
  deployment = report(deployment, ['v2:3'], 700)
  assert.match(progress(deployment), /^True NewReplicaSetAvailable/, 'late is not lost')
})

test('each bit of progress moves the deadline but not the time of transition', () => {
  const first = report(report(aDeployment(wish), [], 0, 'web-v2'), ['v2:3/1'], 10)
  const second = report(first, ['v2:3/2'], 300)
  const condition = second.status!.conditions!.find(({ type }) => type === 'Progressing')!
  assert.equal(condition.lastUpdateTime, '2026-01-01T00:05:00Z')
  assert.equal(condition.lastTransitionTime, '2026-01-01T00:00:00Z')
})

test('pause stops the clock, resume starts it anew', () => {
  let deployment = report(report(aDeployment(wish), [], 0, 'web-v2'), ['v2:3/1'], 10)
  deployment = report({ ...deployment, spec: { ...deployment.spec, paused: true } }, ['v2:3/1'], 20)
  assert.equal(progress(deployment), 'Unknown DeploymentPaused: Deployment is paused')
  assert.equal(deadlineInMs(deployment, [aSet('v2:3/1')], START + 9_999_000), undefined)
  deployment = report({ ...deployment, spec: { ...deployment.spec, paused: false } }, ['v2:3/1'], 9_999)
  assert.equal(progress(deployment), 'Unknown DeploymentResumed: Deployment is resumed')
})

test('a pod lost after the rollout makes it unavailable, not late', () => {
  let deployment = report(report(aDeployment(wish), ['v2:3/1'], 0), ['v2:3'], 1)
  deployment = report(deployment, ['v2:3/1'], 5_000)
  assert.match(progress(deployment), /^True NewReplicaSetAvailable/)
  const available = deployment.status!.conditions!.find(({ type }) => type === 'Available')!
  assert.equal(`${available.status} ${available.reason}`, 'False MinimumReplicasUnavailable')
  assert.equal(deployment.status!.unavailableReplicas, 2)
})

test('without a deadline nothing is said about progress', () => {
  assert.equal(progress(report(aDeployment(), ['v2:3'], 0)), 'none')
  assert.equal(progress(report(aDeployment({ deadlineSeconds: 2 ** 31 - 1 }), ['v2:3'], 0)), 'none')
})

test('what stops the present set from making pods is told', () => {
  const deployment = aDeployment(wish)
  const set = aSet('v2:3/0')
  set.status!.conditions = [{ type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message: 'quota' }]
  const failed = deploymentStatus(deployment, [set], undefined, START)
  assert.deepEqual(failed.conditions!.find(({ type }) => type === 'ReplicaFailure')?.message, 'quota')
  const mended = deploymentStatus({ ...deployment, status: failed }, [aSet('v2:3')], undefined, START)
  assert.equal(
    mended.conditions!.some(({ type }) => type === 'ReplicaFailure'),
    false,
  )
})

test('reporting the same world twice changes nothing', () => {
  const once = report(report(aDeployment(wish), [], 0, 'web-v2'), ['v1:2', 'v2:2/1'], 5)
  assert.deepEqual(report(once, ['v1:2', 'v2:2/1'], 60).status, once.status)
})
