import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonObject, KubeObject } from '@bramble/api/object'
import { mutableCopy } from '@bramble/api/object'
import type { DaemonSet, Deployment, ReplicaSet } from '@bramble/api/types/workload'
import type { ResourceDefinition } from '../api/resource.ts'
import { controllerRevisions } from './controller-revision.ts'
import { daemonSets } from './daemon-set.ts'
import { deployments } from './deployment.ts'
import { replicaSets } from './replica-set.ts'

const metadata = { name: 'web', namespace: 'default', uid: 'u', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' }
const template = { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'web', image: 'nginx:1' }] } }
const selector = { matchLabels: { app: 'web' } }

const made = <T extends KubeObject>(resource: ResourceDefinition<T>, spec: object): T => {
  const object = { metadata: { ...metadata }, spec: mutableCopy({ selector, template, ...spec }) } as unknown as T
  resource.applyDefaults!(object)
  return object
}
const refusals = <T extends KubeObject>(resource: ResourceDefinition<T>, spec: object, previous?: object): string[] =>
  resource.validate!(made(resource, spec), previous && made(resource, previous)).map(({ path, message }) => `${path}: ${message}`)

test('a Deployment that says nothing rolls a quarter at a time', () => {
  const { spec } = made<Deployment>(deployments, {})
  assert.deepEqual(
    { ...spec, template: undefined, selector: undefined },
    {
      replicas: 1,
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: '25%', maxSurge: '25%' } },
      revisionHistoryLimit: 10,
      progressDeadlineSeconds: 600,
      template: undefined,
      selector: undefined,
    },
  )
  assert.equal(spec.template.spec.restartPolicy, 'Always')
})

test('none stays none', () => assert.equal(made<Deployment>(deployments, { replicas: 0 }).spec.replicas, 0))
test('a Deployment that recreates has nothing to roll', () =>
  assert.deepEqual(made<Deployment>(deployments, { strategy: { type: 'Recreate' } }).spec.strategy, { type: 'Recreate' }))
test('a ReplicaSet is for one pod', () => assert.equal(made<ReplicaSet>(replicaSets, {}).spec.replicas, 1))

test('a DaemonSet that says nothing updates one node after the other', () => {
  const { spec } = made<DaemonSet>(daemonSets, {})
  assert.deepEqual(spec.updateStrategy, { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1, maxSurge: 0 } })
  assert.equal(spec.revisionHistoryLimit, 10)
})

const onDeployments: readonly (readonly [name: string, spec: object, ...expected: string[]])[] = [
  ['what is in order', {}],
  ['fewer than no pods', { replicas: -1 }, 'spec.replicas: Invalid value: -1: must be greater than or equal to 0'],
  ['no selector', { selector: undefined }, 'spec.selector: Required value'],
  ['a selector for everything', { selector: {} }, 'spec.selector: Invalid value: {}: empty selector is invalid for deployment'],
  [
    'a selector for other pods',
    { selector: { matchLabels: { app: 'db' } } },
    'spec.template.metadata.labels: Invalid value: {"app":"web"}: `selector` does not match template `labels`',
  ],
  [
    'a selector with an operator that is none',
    { selector: { matchExpressions: [{ key: 'app', operator: 'In' }] } },
    "spec.selector.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
    'spec.template.metadata.labels: Invalid value: {"app":"web"}: `selector` does not match template `labels`',
  ],
  ['a template without containers', { template: { metadata: template.metadata } }, 'spec.template.spec.containers: Required value'],
  [
    'pods that end',
    { template: { ...template, spec: { ...template.spec, restartPolicy: 'Never' } } },
    'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"',
  ],
  [
    'pods with a deadline',
    { template: { ...template, spec: { ...template.spec, activeDeadlineSeconds: 5 } } },
    'spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in ReplicaSet is not Supported',
  ],
  [
    'an unknown strategy',
    { strategy: { type: 'BlueGreen' } },
    'spec.strategy.type: Unsupported value: "BlueGreen": supported values: "Recreate", "RollingUpdate"',
  ],
  [
    'rolling and recreating',
    { strategy: { type: 'Recreate', rollingUpdate: { maxSurge: 1 } } },
    "spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'",
  ],
  [
    'a rollout that stands still',
    { strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: '0%' } } },
    'spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "0%": may not be 0 when `maxSurge` is 0',
  ],
  [
    'more than all',
    { strategy: { rollingUpdate: { maxUnavailable: '101%' } } },
    'spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "101%": must not be greater than 100%',
  ],
  [
    'a share that is none',
    { strategy: { rollingUpdate: { maxSurge: 'half' } } },
    `spec.strategy.rollingUpdate.maxSurge: Invalid value: "half": a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')`,
  ],
  [
    'a deadline before it can be ready',
    { minReadySeconds: 60, progressDeadlineSeconds: 60 },
    'spec.progressDeadlineSeconds: Invalid value: 60: must be greater than minReadySeconds',
  ],
]
for (const [name, spec, ...expected] of onDeployments)
  test(`a Deployment with ${name}`, () => assert.deepEqual(refusals(deployments, spec), expected))

const relabelled = { selector: { matchLabels: { app: 'db' } }, template: { ...template, metadata: { labels: { app: 'db' } } } }
for (const resource of [deployments, replicaSets, daemonSets] as readonly ResourceDefinition[]) {
  test(`the selector of a ${resource.kind} stays`, () =>
    assert.deepEqual(refusals(resource, relabelled, {}), [
      'spec.selector: Invalid value: {"matchLabels":{"app":"db"}}: field is immutable',
    ]))
}

const onDaemonSets: readonly (readonly [name: string, spec: object, ...expected: string[]])[] = [
  ['a surge instead of a gap', { updateStrategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } } }],
  [
    'only a surge',
    { updateStrategy: { rollingUpdate: { maxSurge: 1 } } },
    'spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: 1: may not be set when maxUnavailable is non-zero',
  ],
  [
    'neither surge nor gap',
    { updateStrategy: { rollingUpdate: { maxUnavailable: 0 } } },
    'spec.updateStrategy.rollingUpdate.maxUnavailable: Required value: cannot be 0 when maxSurge is 0',
  ],
  ['updates on delete', { updateStrategy: { type: 'OnDelete' } }],
  [
    'an unknown strategy',
    { updateStrategy: { type: 'Never' } },
    'spec.updateStrategy.type: Unsupported value: "Never": supported values: "OnDelete", "RollingUpdate"',
  ],
  ['a selector for everything', { selector: {} }, 'spec.selector: Invalid value: {}: empty selector is invalid for daemonset'],
]
for (const [name, spec, ...expected] of onDaemonSets)
  test(`a DaemonSet with ${name}`, () => assert.deepEqual(refusals(daemonSets, spec), expected))

test('the data of a revision stays, its number may rise', () => {
  const revision = (data: JsonObject | undefined, number: number) => ({ metadata, data, revision: number })
  const messages = (...given: Parameters<NonNullable<typeof controllerRevisions.validate>>) =>
    controllerRevisions.validate!(...given).map(({ path, message }) => `${path}: ${message}`)
  assert.deepEqual(messages(revision({ a: 1 }, 2), revision({ a: 1 }, 1)), [])
  assert.deepEqual(messages(revision({ a: 2 }, 1), revision({ a: 1 }, 1)), ['data: Invalid value: {"a":2}: field is immutable'])
  assert.deepEqual(messages(revision(undefined, -1), undefined), [
    'data: Required value: data is mandatory',
    'revision: Invalid value: -1: must be greater than or equal to 0',
  ])
})

test('a Deployment is shown as ready of wanted, with what it runs', () => {
  const deployment = {
    ...made<Deployment>(deployments, { replicas: 3 }),
    status: { readyReplicas: 1, updatedReplicas: 2, availableReplicas: 1 },
  }
  const row = Object.fromEntries(deployments.columns.map((column) => [column.name, column.value(deployment, Date.UTC(2026, 0, 1, 0, 5))]))
  assert.deepEqual(row, {
    Name: 'web',
    Ready: '1/3',
    'Up-to-date': 2,
    Available: 1,
    Age: '5m',
    Containers: 'web',
    Images: 'nginx:1',
    Selector: 'app=web',
  })
})
