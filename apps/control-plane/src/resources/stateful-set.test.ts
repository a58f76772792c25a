import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PodTemplate, ReplicationController, StatefulSet } from '@bramble/api/types/workload'
import { podTemplates } from './pod-template.ts'
import { replicationControllers } from './replication-controller.ts'
import { statefulSets } from './stateful-set.ts'
import { METADATA, refusals, row, warnings, written } from './testing.ts'

const template = { metadata: { labels: { app: 'db' } }, spec: { containers: [{ name: 'db', image: 'postgres:17' }] } }
const set = (spec: object = {}): object => ({ spec: { serviceName: 'db', selector: { matchLabels: { app: 'db' } }, template, ...spec } })

test('a StatefulSet that says nothing starts one pod after the other and keeps its volumes', () => {
  const { template: _, selector: _selector, ...spec } = written<StatefulSet>(statefulSets, set()).spec
  assert.deepEqual(spec, {
    serviceName: 'db',
    podManagementPolicy: 'OrderedReady',
    updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } },
    persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Retain', whenScaled: 'Retain' },
    replicas: 1,
    revisionHistoryLimit: 10,
  })
})
const strategies: readonly (readonly [written: object | undefined, stored: object])[] = [
  [undefined, { type: 'RollingUpdate', rollingUpdate: { partition: 0 } }],
  [{ rollingUpdate: { partition: 2 } }, { type: 'RollingUpdate', rollingUpdate: { partition: 2 } }],
  [{ type: 'RollingUpdate' }, { type: 'RollingUpdate' }],
  [
    { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1 } },
    { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1, partition: 0 } },
  ],
  [{ type: 'OnDelete' }, { type: 'OnDelete' }],
]
for (const [updateStrategy, stored] of strategies)
  test(`the strategy ${JSON.stringify(updateStrategy)} is stored as ${JSON.stringify(stored)}`, () =>
    assert.deepEqual(written<StatefulSet>(statefulSets, set({ updateStrategy })).spec.updateStrategy, stored))
test('its claims are claims', () => {
  const { volumeClaimTemplates } = written<StatefulSet>(
    statefulSets,
    set({ volumeClaimTemplates: [{ metadata: { name: 'data' }, spec: {} }] }),
  ).spec
  assert.deepEqual(volumeClaimTemplates, [
    {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name: 'data' },
      spec: { volumeMode: 'Filesystem' },
      status: { phase: 'Pending' },
    },
  ])
})
test('mounts of claims are not looked for among the volumes of the template', () => {
  const spec = { containers: [{ name: 'db', image: 'a:1', volumeMounts: [{ name: 'data', mountPath: '/data' }] }] }
  assert.deepEqual(refusals(statefulSets, set({ template: { ...template, spec } })), [])
})

const checks: readonly (readonly [name: string, spec: object, ...expected: string[]])[] = [
  ['that is in order', {}],
  ['without a Service', { serviceName: undefined }],
  [
    'with an unknown order',
    { podManagementPolicy: 'Random' },
    `spec.podManagementPolicy: Invalid value: "Random": must be 'OrderedReady' or 'Parallel'`,
  ],
  [
    'with an unknown strategy',
    { updateStrategy: { type: 'Recreate' } },
    `spec.updateStrategy: Invalid value: {"type":"Recreate"}: must be 'RollingUpdate' or 'OnDelete'`,
  ],
  [
    'that rolls on delete',
    { updateStrategy: { type: 'OnDelete', rollingUpdate: { partition: 1 } } },
    `spec.updateStrategy.rollingUpdate: Invalid value: {"partition":1}: only allowed for updateStrategy 'RollingUpdate'`,
  ],
  [
    'that rolls from before the first',
    { updateStrategy: { rollingUpdate: { partition: -1 } } },
    'spec.updateStrategy.rollingUpdate.partition: Invalid value: -1: must be greater than or equal to 0',
  ],
  [
    'that stands still',
    { updateStrategy: { rollingUpdate: { maxUnavailable: '0%' } } },
    'spec.updateStrategy.rollingUpdate.maxUnavailable: Invalid value: "0%": cannot be 0',
  ],
  [
    'that throws volumes away sometimes',
    { persistentVolumeClaimRetentionPolicy: { whenScaled: 'Maybe' } },
    'spec.persistentVolumeClaimRetentionPolicy.whenScaled: Unsupported value: "Maybe": supported values: "Delete", "Retain"',
  ],
  ['of fewer than no pods', { replicas: -1 }, 'spec.replicas: Invalid value: -1: must be greater than or equal to 0'],
  ['that counts from below 0', { ordinals: { start: -1 } }, 'spec.ordinals.start: Invalid value: -1: must be greater than or equal to 0'],
  ['without a selector', { selector: undefined }, 'spec.selector: Required value'],
  ['that selects everything', { selector: {} }, 'spec.selector: Invalid value: {}: empty selector is invalid for statefulset'],
  [
    'that does not select its pods',
    { selector: { matchLabels: { app: 'web' } } },
    'spec.template.metadata.labels: Invalid value: {"app":"db"}: `selector` does not match template `labels`',
  ],
  [
    'whose pods end',
    { template: { ...template, spec: { ...template.spec, restartPolicy: 'Never', activeDeadlineSeconds: 5 } } },
    'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"',
    'spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in StatefulSet is not Supported',
  ],
]
for (const [name, spec, ...expected] of checks)
  test(`a StatefulSet ${name}`, () => assert.deepEqual(refusals(statefulSets, set(spec)), expected))

test('the name of the Service must be a label, for sets that are new', () => {
  const dotted = set({ serviceName: 'a.b' })
  assert.match(refusals(statefulSets, dotted)[0]!, /^spec.serviceName: Invalid value: "a.b": a lowercase RFC 1123 label/)
  assert.deepEqual(refusals(statefulSets, dotted, dotted), [])
})

const FORBIDDEN =
  "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"
const updates: readonly (readonly [name: string, spec: object, ...expected: string[]])[] = [
  ['nothing', {}],
  ['its size', { replicas: 5 }],
  ['its image', { template: { ...template, spec: { containers: [{ name: 'db', image: 'postgres:18' }] } } }],
  [
    'its strategy and history',
    { updateStrategy: { type: 'OnDelete' }, revisionHistoryLimit: 1, minReadySeconds: 5, ordinals: { start: 1 } },
  ],
  ['its Service', { serviceName: 'other' }, FORBIDDEN],
  ['its order', { podManagementPolicy: 'Parallel' }, FORBIDDEN],
  ['its claims', { volumeClaimTemplates: [{ metadata: { name: 'data' }, spec: {} }] }, FORBIDDEN],
  ['its selector', { selector: { matchLabels: { app: 'db' }, matchExpressions: [{ key: 'app', operator: 'Exists' }] } }, FORBIDDEN],
]
for (const [name, spec, ...expected] of updates)
  test(`a StatefulSet that changes ${name}`, () => assert.deepEqual(refusals(statefulSets, set(spec), set()), expected))

test('a status cannot count more than there are', () => {
  const before = written<StatefulSet>(statefulSets, set())
  const errors = statefulSets.validate!({ ...before, status: { replicas: 1, readyReplicas: 2 } }, before)
  assert.deepEqual(
    errors.map(({ path, message }) => `${path}: ${message}`),
    ['status.readyReplicas: Invalid value: 2: cannot be greater than status.replicas'],
  )
})
test('kubectl get shows how many pods of a StatefulSet are ready', () => {
  const object = { ...written<StatefulSet>(statefulSets, set({ replicas: 3 })), status: { replicas: 3, readyReplicas: 2 } }
  assert.deepEqual(row(statefulSets, object), { Name: 'x', Ready: '2/3', Age: '5m', Containers: 'db', Images: 'postgres:17' })
})
test('who makes a StatefulSet is told that nothing runs it', () => {
  assert.deepEqual(warnings(statefulSets, set()), [
    'no controller of this cluster makes pods for a StatefulSet yet: it is stored, and nothing runs',
  ])
  assert.deepEqual(warnings(statefulSets, set({ replicas: 2 }), set()), [])
})

test('a ReplicationController selects by the labels of its template', () => {
  const { metadata, spec } = written<ReplicationController>(replicationControllers, { spec: { template } })
  assert.deepEqual([spec.selector, metadata.labels, spec.replicas], [{ app: 'db' }, { app: 'db' }, 1])
})
const controllers: readonly (readonly [name: string, spec: object, ...expected: string[]])[] = [
  ['that is in order', { template }],
  ['of nothing', {}, 'spec.selector: Required value', 'spec.template: Required value'],
  ['of fewer than no pods', { replicas: -1, template }, 'spec.replicas: Invalid value: -1: must be greater than or equal to 0'],
  [
    'that does not select its pods',
    { selector: { app: 'web' }, template },
    'spec.template.metadata.labels: Invalid value: {"app":"db"}: `selector` does not match template `labels`',
  ],
  [
    'whose pods end',
    { template: { ...template, spec: { ...template.spec, restartPolicy: 'Never' } } },
    'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"',
  ],
]
for (const [name, spec, ...expected] of controllers)
  test(`a ReplicationController ${name}`, () => assert.deepEqual(refusals(replicationControllers, { spec }), expected))

test('kubectl get shows a ReplicationController', () => {
  const object = {
    ...written<ReplicationController>(replicationControllers, { spec: { replicas: 3, template } }),
    status: { replicas: 2, readyReplicas: 1 },
  }
  assert.deepEqual(row(replicationControllers, object), {
    Name: 'x',
    Desired: 3,
    Current: 2,
    Ready: 1,
    Age: '5m',
    Containers: 'db',
    Images: 'postgres:17',
    Selector: 'app=db',
  })
  assert.deepEqual(replicationControllers.fields!(object), { 'status.replicas': '2' })
})

test('a PodTemplate is defaulted, checked and printed like any template', () => {
  const object = written<PodTemplate>(podTemplates, { metadata: METADATA, template })
  assert.equal(object.template.spec.restartPolicy, 'Always')
  assert.deepEqual(row(podTemplates, object), { Name: 'x', Containers: 'db', Images: 'postgres:17', 'Pod Labels': 'app=db' })
  assert.deepEqual(refusals(podTemplates, { template: { spec: { containers: [] } } }), ['template.spec.containers: Required value'])
})
test('a template cannot have containers that only look', () => {
  const spec = { ...template.spec, ephemeralContainers: [{ name: 'debug', image: 'a:1' }] }
  assert.deepEqual(refusals(podTemplates, { template: { ...template, spec } }), [
    'template.spec.ephemeralContainers: Forbidden: ephemeral containers not allowed in pod template',
  ])
})
