import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { KubeObject } from '@bramble/api/object'
import { isReason } from '@bramble/api/status-error'
import { simEnv } from '@bramble/reconcile/sim/sim-env'
import type { ApiClient } from '../api/client.ts'
import type { AdmissionRequest, WriteContext } from '../api/requests.ts'
import type { ResourceDefinition } from '../api/resource.ts'
import { requestOf } from '../resources/certificates/certificate-request.fixture.ts'
import { certificateSigningRequests } from '../resources/certificates/certificate-signing-request.ts'
import { ingressClasses } from '../resources/networking/ingress-class.ts'
import { ingresses } from '../resources/networking/ingress.ts'
import { pods } from '../resources/pod.ts'
import { priorityClasses } from '../resources/scheduling/priority-class.ts'
import { storageClasses } from '../resources/storage/storage-class.ts'
import { METADATA } from '../resources/testing.ts'
import { CertificateRequester } from './certificate-requester.ts'
import { DefaultIngressClass } from './default-ingress-class.ts'
import { DefaultStorageClass } from './default-storage-class.ts'
import { PodPriority } from './pod-priority.ts'

const claims = { group: '', kind: 'PersistentVolumeClaim', plural: 'persistentvolumeclaims' } as ResourceDefinition
const jane: WriteContext = {
  user: { name: 'jane', uid: '7', groups: ['dev'], extra: { shoe: ['42'] } },
  dryRun: false,
  fieldManager: 'test',
  fieldValidation: 'Strict',
  warn: () => {},
}

/** A new object on its way through a step. */
const creation = (
  resource: ResourceDefinition,
  body: object,
): AdmissionRequest & { object: KubeObject & { spec: Record<string, unknown> } } =>
  ({ operation: 'create', resource, object: { metadata: { ...METADATA }, spec: {}, ...body }, previous: undefined, context: jane }) as never

const named = (name: string, more: object, annotations: object = {}, creationTimestamp = METADATA.creationTimestamp): object => ({
  metadata: { ...METADATA, name, annotations, creationTimestamp },
  ...more,
})
/** Reads that know these objects of one kind. */
const holding = (resource: object, objects: readonly object[]): Pick<ApiClient, 'get' | 'list'> => {
  const list = (kind: object) => (kind === resource ? (objects as KubeObject[]) : [])
  return { list, get: (kind: object, key: string) => list(kind).find(({ metadata }) => metadata.name === key) } as never
}

const DEFAULT = { 'storageclass.kubernetes.io/is-default-class': 'true' }
const BETA_DEFAULT = { 'storageclass.beta.kubernetes.io/is-default-class': 'true' }
const storage = holding(storageClasses, [
  named('old', {}, DEFAULT),
  named('new', {}, BETA_DEFAULT, '2026-01-02T00:00:00Z'),
  named('other', {}, {}, '2026-01-03T00:00:00Z'),
])
const claimed = (body: object, reads = storage, resource = claims): unknown => {
  const request = creation(resource, body)
  new DefaultStorageClass(reads).admit(request)
  return request.object.spec['storageClassName']
}

test('a claim that names no class gets the newest default', () => {
  assert.equal(claimed({}), 'new')
  assert.equal(claimed({ spec: { storageClassName: '' } }), '')
  assert.equal(claimed({ spec: { storageClassName: 'old' } }), 'old')
  assert.equal(claimed(named('x', { spec: {} }, { 'volume.beta.kubernetes.io/storage-class': 'old' })), undefined)
  assert.equal(claimed({}, holding(storageClasses, [named('other', {})])), undefined)
  assert.equal(claimed({}, storage, pods as ResourceDefinition), undefined)
})

const DEFAULT_INGRESS = { 'ingressclass.kubernetes.io/is-default-class': 'true' }
const served = (body: object): unknown => {
  const reads = holding(ingressClasses, [named('b', {}, DEFAULT_INGRESS), named('a', {}, DEFAULT_INGRESS), named('c', {})])
  const request = creation(ingresses as ResourceDefinition, body)
  new DefaultIngressClass(reads).admit(request)
  return request.object.spec['ingressClassName']
}
test('an Ingress that names no class gets the default one', () => {
  assert.equal(served({}), 'a')
  assert.equal(served({ spec: { ingressClassName: 'c' } }), 'c')
  assert.equal(served(named('x', { spec: {} }, { 'kubernetes.io/ingress.class': 'c' })), undefined)
})

const priorities = holding(priorityClasses, [
  named('high', { value: 1000, preemptionPolicy: 'Never' }),
  named('usual', { value: 10, globalDefault: true, preemptionPolicy: 'PreemptLowerPriority' }),
  named('unusual', { value: 20, globalDefault: true, preemptionPolicy: 'PreemptLowerPriority' }),
])
const prioritised = (spec: object, reads = priorities): unknown => {
  const request = creation(pods as ResourceDefinition, { spec })
  new PodPriority(reads).admit(request)
  return request.object.spec
}
const refusal = (act: () => unknown): string => {
  try {
    act()
    return 'none'
  } catch (error) {
    assert.ok(isReason(error, 'Forbidden'))
    return (error as Error).message
  }
}

test('a pod has the priority and the policy of its class, or of the default class', () => {
  const preempts = 'PreemptLowerPriority'
  assert.deepEqual(prioritised({ priorityClassName: 'high' }), { priorityClassName: 'high', priority: 1000, preemptionPolicy: 'Never' })
  assert.deepEqual(prioritised({}), { priorityClassName: 'usual', priority: 10, preemptionPolicy: preempts })
  assert.deepEqual(prioritised({}, holding(priorityClasses, [])), { priority: 0, preemptionPolicy: preempts })
  assert.deepEqual(prioritised({ priority: 10, preemptionPolicy: preempts }), {
    priorityClassName: 'usual',
    priority: 10,
    preemptionPolicy: preempts,
  })
})

test('a pod does not choose its own priority', () => {
  const AND = 'must not be provided in pod spec; priority admission controller computed'
  assert.equal(
    refusal(() => prioritised({ priorityClassName: 'mine' })),
    'pods "x" is forbidden: no PriorityClass with name mine was found',
  )
  assert.equal(
    refusal(() => prioritised({ priority: 7 })),
    `pods "x" is forbidden: the integer value of priority (7) ${AND} 10 from the given PriorityClass name`,
  )
  assert.equal(
    refusal(() => prioritised({ preemptionPolicy: 'Never' })),
    `pods "x" is forbidden: the string value of PreemptionPolicy (Never) ${AND} PreemptLowerPriority from the given PriorityClass name`,
  )
})

test('one class is for all pods that name none', () => {
  const marked = (name: string, globalDefault: boolean, operation: 'create' | 'update' = 'create') =>
    refusal(() =>
      new PodPriority(priorities).admit({ ...creation(priorityClasses as ResourceDefinition, named(name, { globalDefault })), operation }),
    )
  const fault =
    'priorityclasses.scheduling.k8s.io "b" is forbidden: PriorityClass usual is already marked as default. Only one default can exist'
  assert.deepEqual([marked('b', true), marked('b', true, 'update')], [fault, fault])
  assert.deepEqual([marked('b', false), marked('usual', true, 'update')], ['none', 'none'])
})

test('the classes of the system cannot be deleted, others can', () => {
  const deleted = (name: string) =>
    refusal(() =>
      new PodPriority(priorities).admit({ ...creation(priorityClasses as ResourceDefinition, named(name, {})), operation: 'delete' }),
    )
  const fault = (name: string): string =>
    `priorityclasses.scheduling.k8s.io "${name}" is forbidden: this is a system priority class and cannot be deleted`
  assert.deepEqual(['system-node-critical', 'system-cluster-critical', 'usual'].map(deleted), [
    fault('system-node-critical'),
    fault('system-cluster-critical'),
    'none',
  ])
})

test('a request for a certificate says who made it, and when it was decided', () => {
  const step = new CertificateRequester(simEnv().clock)
  const resource = certificateSigningRequests as ResourceDefinition
  const request = creation(resource, { spec: { signerName: 'example.com/any', request: requestOf('/O=system:masters/CN=a') } })
  step.admit(request)
  const { username, uid, groups, extra } = request.object.spec
  assert.deepEqual([username, uid, groups, extra], ['jane', '7', ['dev'], { shoe: ['42'] }])

  const before = { type: 'Approved', status: 'True', lastTransitionTime: '2025-01-01T00:00:00Z' }
  const conditions = [
    { type: 'Approved', status: 'True', reason: 'again' },
    { type: 'Other', status: 'False', lastUpdateTime: 'kept' },
  ]
  const object = { ...request.object, status: { conditions } }
  step.admit({
    ...request,
    operation: 'update',
    subresource: 'approval',
    object,
    previous: { ...object, status: { conditions: [before] } } as KubeObject,
  })
  const now = '2026-01-01T00:00:00Z'
  assert.deepEqual(object.status.conditions, [
    { type: 'Approved', status: 'True', reason: 'again', lastUpdateTime: now, lastTransitionTime: before.lastTransitionTime },
    { type: 'Other', status: 'False', lastUpdateTime: 'kept', lastTransitionTime: now },
  ])
})
