import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { KubeObject } from '@bramble/api/object'
import type { Pod, PodSpec } from '@bramble/api/types/pod'
import { addDigest, removeDigest, show, versionOf } from './assignments.ts'
import { referencesOf } from './references.ts'

const metadata = { name: 'web', namespace: 'shop', uid: 'u1', resourceVersion: '7', creationTimestamp: '2026-01-01T00:00:00Z' }
const aPod = (spec: Partial<PodSpec> = {}, rest: object = {}): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata,
  spec: { containers: [{ name: 'app', image: 'busybox' }], ...spec },
  ...rest,
})
const app = { name: 'app', image: 'busybox' }

const references: readonly { name: string; spec: Partial<PodSpec>; ids: readonly string[] }[] = [
  { name: 'nothing', spec: {}, ids: [] },
  {
    name: 'a variable from a ConfigMap',
    spec: { containers: [{ ...app, env: [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'c', key: 'k' } } }] }] },
    ids: ['ConfigMap shop/c'],
  },
  {
    name: 'a variable from a Secret',
    spec: { containers: [{ ...app, env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } }] }] },
    ids: ['Secret shop/s'],
  },
  {
    name: 'all variables of both',
    spec: { containers: [{ ...app, envFrom: [{ configMapRef: { name: 'c' } }, { secretRef: { name: 's' } }] }] },
    ids: ['ConfigMap shop/c', 'Secret shop/s'],
  },
  {
    name: 'what an init container names',
    spec: { initContainers: [{ ...app, envFrom: [{ secretRef: { name: 's' } }] }] },
    ids: ['Secret shop/s'],
  },
  {
    name: 'volumes',
    spec: {
      volumes: [
        { name: 'a', configMap: { name: 'c' } },
        { name: 'b', secret: { secretName: 's' } },
        { name: 'd', emptyDir: {} },
      ],
    },
    ids: ['ConfigMap shop/c', 'Secret shop/s'],
  },
  {
    name: 'projected volumes',
    spec: {
      volumes: [
        {
          name: 'a',
          projected: { sources: [{ configMap: { name: 'c' } }, { secret: { name: 's' } }, { serviceAccountToken: { path: 't' } }] },
        },
      ],
    },
    ids: ['ConfigMap shop/c', 'Secret shop/s'],
  },
  {
    name: 'claims, its own and others',
    spec: {
      volumes: [
        { name: 'a', persistentVolumeClaim: { claimName: 'c' } },
        { name: 'b', ephemeral: { volumeClaimTemplate: {} } },
      ],
    },
    ids: ['PersistentVolumeClaim shop/c', 'PersistentVolumeClaim shop/web-b'],
  },
  {
    name: 'a driver and its secret',
    spec: { volumes: [{ name: 'a', csi: { driver: 'disk.example.com', nodePublishSecretRef: { name: 's' } } }] },
    ids: ['CSIDriver disk.example.com', 'Secret shop/s'],
  },
  { name: 'pull secrets', spec: { imagePullSecrets: [{ name: 's' }, {}] }, ids: ['Secret shop/s'] },
  {
    name: 'the same thing twice',
    spec: { imagePullSecrets: [{ name: 's' }], volumes: [{ name: 'b', secret: { secretName: 's' } }] },
    ids: ['Secret shop/s'],
  },
]
for (const { name, spec, ids } of references)
  test(`a pod refers to ${name}`, () => assert.deepEqual([...referencesOf(aPod(spec))].sort(), [...ids]))

const object = (kind: string, rest: object): KubeObject => ({ kind, metadata: { ...metadata, name: 'x' }, ...rest }) as KubeObject
const chain: readonly (readonly [name: string, object: KubeObject, ...ids: string[]])[] = [
  [
    'a claim that is bound',
    object('PersistentVolumeClaim', { spec: { volumeName: 'v' }, status: { phase: 'Bound' } }),
    'PersistentVolume v',
  ],
  [
    'a claim that somebody wrote a volume into',
    object('PersistentVolumeClaim', { spec: { volumeName: 'v' }, status: { phase: 'Pending' } }),
  ],
  [
    'a volume of a driver',
    object('PersistentVolume', {
      spec: {
        csi: { driver: 'd', nodeStageSecretRef: { namespace: 'a', name: 's' }, nodePublishSecretRef: { namespace: 'b', name: 's' } },
      },
    }),
    'CSIDriver d',
    'Secret a/s',
    'Secret b/s',
  ],
  ['a volume of a folder', object('PersistentVolume', { spec: { local: { path: '/x' } } })],
]
for (const [name, given, ...expected] of chain)
  test(`${name} leads to ${expected.join(', ') || 'nothing'}`, () => assert.deepEqual([...referencesOf(given)].sort(), expected))

test('a pod is shown without what its node does not need', () => {
  const { object } = show(
    aPod(
      {},
      {
        metadata: {
          ...metadata,
          labels: { a: 'b' },
          generation: 3,
          managedFields: [{}],
          finalizers: ['x'],
          annotations: { note: 'kept', 'kubectl.kubernetes.io/last-applied-configuration': '{}' },
        },
        status: { phase: 'Running', podIP: '10.42.0.5', hostIP: '10.0.0.1', qosClass: 'Burstable', startTime: '2026-01-01T00:00:01Z' },
      },
    ),
  )
  assert.deepEqual(object, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...metadata, labels: { a: 'b' }, generation: 3, annotations: { note: 'kept' } },
    spec: { containers: [app] },
    status: { phase: 'Running', startTime: '2026-01-01T00:00:01Z' },
  })
})

test('of another node a node sees only how to reach its pods', () => {
  const { object } = show({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { ...metadata, labels: { secret: 'x' }, annotations: { y: 'z' } },
    spec: { podCIDR: '10.42.1.0/24', taints: [] },
    status: { addresses: [{ type: 'InternalIP', address: '10.0.0.2' }], images: [] },
  } as KubeObject)
  assert.deepEqual(object, {
    apiVersion: 'v1',
    kind: 'Node',
    metadata,
    spec: { podCIDR: '10.42.1.0/24' },
    status: { addresses: [{ type: 'InternalIP', address: '10.0.0.2' }] },
  })
})

test('kinds that are not for nodes are refused', () => {
  assert.throws(() => show({ apiVersion: 'v1', kind: 'ServiceAccount', metadata }), /not for nodes/)
})

const running = { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] }
const changes: readonly { name: string; before: KubeObject; after: KubeObject; heard: boolean }[] = [
  { name: 'a resourceVersion', before: aPod(), after: aPod({}, { metadata: { ...metadata, resourceVersion: '8' } }), heard: false },
  { name: 'what the node reported', before: aPod({}, { status: {} }), after: aPod({}, { status: running }), heard: false },
  {
    name: 'where the scheduler put the pod',
    before: aPod(),
    after: aPod({}, { status: { conditions: [{ type: 'PodScheduled', status: 'True' }] } }),
    heard: false,
  },
  {
    name: 'a readiness gate',
    before: aPod(),
    after: aPod({}, { status: { conditions: [{ type: 'example.com/ready', status: 'True' }] } }),
    heard: true,
  },
  { name: 'the end of a pod', before: aPod({}, { status: running }), after: aPod({}, { status: { phase: 'Failed' } }), heard: true },
  {
    name: 'a deletion',
    before: aPod(),
    after: aPod({}, { metadata: { ...metadata, deletionTimestamp: '2026-01-02T00:00:00Z' } }),
    heard: true,
  },
  { name: 'a new object of the same name', before: aPod(), after: aPod({}, { metadata: { ...metadata, uid: 'u2' } }), heard: true },
  { name: 'an image', before: aPod(), after: aPod({ containers: [{ ...app, image: 'other' }] }), heard: true },
  { name: 'a label', before: aPod(), after: aPod({}, { metadata: { ...metadata, labels: { a: 'b' } } }), heard: true },
]
for (const { name, before, after, heard } of changes)
  test(`${name} is ${heard ? '' : 'not '}heard of`, () => assert.equal(show(before).digest !== show(after).digest, heard))

test('a version names the content, whatever the order in which it came about', () => {
  const [a, b, c] = ['a', 'b', 'c'].map((name) => show(aPod({}, { metadata: { ...metadata, name } })).digest) as [bigint, bigint, bigint]
  const ab = [a, b].reduce(addDigest, 0n)
  assert.equal(versionOf(removeDigest([c, b, a].reduce(addDigest, 0n), c)), versionOf(ab))
  assert.notEqual(versionOf(addDigest(ab, c)), versionOf(ab))
  assert.equal(removeDigest(removeDigest(ab, a), b), 0n)
})
