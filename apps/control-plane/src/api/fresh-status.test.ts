import assert from 'node:assert/strict'
import { test } from 'node:test'
import { allResources } from '../resources/all.ts'
import { freshStatus } from './fresh-status.ts'

const definition = (group: string, kind: string) => allResources.find((one) => one.group === group && one.kind === kind)!

const cases: readonly (readonly [group: string, kind: string, status: unknown])[] = [
  ['', 'Pod', {}],
  ['', 'Service', { loadBalancer: {} }],
  ['', 'ReplicationController', { replicas: 0 }],
  ['apps', 'Deployment', {}],
  ['apps', 'DaemonSet', { currentNumberScheduled: 0, desiredNumberScheduled: 0, numberMisscheduled: 0, numberReady: 0 }],
  ['apps', 'ReplicaSet', { replicas: 0 }],
  ['apps', 'StatefulSet', { replicas: 0, availableReplicas: 0 }],
  ['batch', 'Job', {}],
  ['networking.k8s.io', 'Ingress', { loadBalancer: {} }],
  ['policy', 'PodDisruptionBudget', { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 }],
  ['storage.k8s.io', 'VolumeAttachment', { attached: false }],
  ['', 'ConfigMap', undefined],
  ['storage.k8s.io', 'StorageClass', undefined],
]
for (const [group, kind, status] of cases)
  test(`a new ${kind} has ${status === undefined ? 'no status' : `the status ${JSON.stringify(status)}`}`, () =>
    assert.deepEqual(freshStatus(definition(group, kind)), status))

test('a new Node says everything of itself that it does not know', () =>
  assert.deepEqual(Object.keys(freshStatus(definition('', 'Node'))!), ['daemonEndpoints', 'nodeInfo']))

test('a new object of a custom kind has no status', () => {
  const gone = new AbortController().signal
  const custom = { read: () => ({ value: {}, unknown: [] }), openapi: () => ({}), gone, countsStatus: false }
  assert.equal(freshStatus({ ...definition('apps', 'ReplicaSet'), custom }), undefined)
})
