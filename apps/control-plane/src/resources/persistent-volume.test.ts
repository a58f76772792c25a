import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PersistentVolume, PersistentVolumeClaim } from '@bramble/api/types/volume'
import { persistentVolumeClaims } from './persistent-volume-claim.ts'
import { persistentVolumes } from './persistent-volume.ts'
import { METADATA, refusals, row, warnings, written } from './testing.ts'

const volume = (spec: object = {}): object => ({
  spec: { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], hostPath: { path: '/data' }, ...spec },
})
const required = { nodeSelectorTerms: [{ matchExpressions: [{ key: 'a', operator: 'In', values: ['b'] }] }] }

const volumes: readonly (readonly [name: string, spec: object, ...expected: string[]])[] = [
  ['on a path of a node', {}],
  ['on one node', { hostPath: undefined, local: { path: '/mnt' }, nodeAffinity: { required } }],
  [
    'of no size',
    { capacity: undefined },
    'spec.capacity: Required value',
    'spec.capacity: Unsupported value: {}: supported values: "storage"',
  ],
  [
    'of a size in cores',
    { capacity: { storage: '1Gi', cpu: '1' } },
    'spec.capacity: Unsupported value: {"storage":"1Gi","cpu":"1"}: supported values: "storage"',
  ],
  ['of size 0', { capacity: { storage: '0' } }, 'spec.capacity[storage]: Invalid value: "0": must be greater than zero'],
  ['that nobody can use', { accessModes: [] }, 'spec.accessModes: Required value'],
  [
    'in an unknown mode',
    { accessModes: ['ReadNever'] },
    'spec.accessModes: Unsupported value: "ReadNever": supported values: "ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"',
  ],
  [
    'for one pod and for many',
    { accessModes: ['ReadWriteOncePod', 'ReadWriteMany'] },
    'spec.accessModes: Forbidden: may not use ReadWriteOncePod with other access modes',
  ],
  ['without a source', { hostPath: undefined }, 'spec: Required value: must specify a volume type'],
  ['of two sources', { nfs: { server: 's', path: '/x' } }, 'spec.nfs: Forbidden: may not specify more than 1 volume type'],
  ['on a path that climbs', { hostPath: { path: '/a/../b' } }, `spec.hostPath.path: Invalid value: "/a/../b": must not contain '..'`],
  [
    'on no node',
    { hostPath: undefined, local: { path: '/mnt' } },
    'spec.nodeAffinity: Required value: Local volume requires node affinity',
  ],
  [
    'on an unnamed server',
    { hostPath: undefined, nfs: { path: 'x' } },
    'spec.nfs.server: Required value',
    'spec.nfs.path: Invalid value: "x": must be an absolute path',
  ],
  ['of a driver without a handle', { hostPath: undefined, csi: { driver: 'd.example.com' } }, 'spec.csi.volumeHandle: Required value'],
  [
    'that is wiped at the root',
    { hostPath: { path: '/' }, persistentVolumeReclaimPolicy: 'Recycle' },
    "spec.persistentVolumeReclaimPolicy: Forbidden: may not be 'recycle' for a hostPath mount of '/'",
  ],
  [
    'with an unknown end',
    { persistentVolumeReclaimPolicy: 'Burn' },
    'spec.persistentVolumeReclaimPolicy: Unsupported value: "Burn": supported values: "Delete", "Recycle", "Retain"',
  ],
  ['with affinity to nothing', { nodeAffinity: {} }, 'spec.nodeAffinity.required: Required value: must specify required node constraints'],
  [
    'with attributes and no driver',
    { volumeAttributesClassName: 'gold' },
    'spec.csi: Required value: has to be specified when using volumeAttributesClassName',
  ],
]
for (const [name, spec, ...expected] of volumes)
  test(`a volume ${name}`, () => assert.deepEqual(refusals(persistentVolumes, volume(spec)), expected))

const volumeUpdates: readonly (readonly [name: string, spec: object, ...expected: string[]])[] = [
  ['more capacity and another end', { capacity: { storage: '2Gi' }, persistentVolumeReclaimPolicy: 'Delete' }],
  ['a claim', { claimRef: { namespace: 'default', name: 'data' } }],
  [
    'another source',
    { hostPath: { path: '/other' } },
    'spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is immutable after creation',
  ],
  ['another mode', { volumeMode: 'Block' }, 'volumeMode: Invalid value: "Block": field is immutable'],
  ['a node where there was none', { nodeAffinity: { required } }],
]
for (const [name, spec, ...expected] of volumeUpdates)
  test(`a volume gets ${name}`, () => assert.deepEqual(refusals(persistentVolumes, volume(spec), volume()), expected))

test('kubectl get shows a volume', () => {
  const object = written<PersistentVolume>(
    persistentVolumes,
    volume({
      capacity: { storage: '1024Mi' },
      accessModes: ['ReadWriteMany', 'ReadWriteOnce'],
      claimRef: { namespace: 'default', name: 'data' },
      storageClassName: 'fast',
    }),
  )
  assert.deepEqual(row(persistentVolumes, { ...object, status: { phase: 'Bound' } }), {
    Name: 'x',
    Capacity: '1Gi',
    'Access Modes': 'RWO,RWX',
    'Reclaim Policy': 'Retain',
    Status: 'Bound',
    Claim: 'default/data',
    StorageClass: 'fast',
    VolumeAttributesClass: '<unset>',
    Reason: '',
    Age: '5m',
    VolumeMode: 'Filesystem',
  })
  const leaving = { ...object, metadata: { ...METADATA, deletionTimestamp: '2026-01-01T00:00:00Z' } }
  assert.equal(row(persistentVolumes, leaving)['Status'], 'Terminating')
})

const claim = (spec: object = {}, more: object = {}): object => ({
  ...more,
  spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, ...spec },
})
const bound = (spec: object = {}): object => claim(spec, { status: { phase: 'Bound', capacity: { storage: '1Gi' } } })

const claims: readonly (readonly [name: string, spec: object, ...expected: string[]])[] = [
  ['for a gibibyte', {}],
  ['for no mode', { accessModes: undefined }, 'spec.accessModes: Required value: at least 1 access mode is required'],
  ['for no size', { resources: undefined }, 'spec.resources[storage]: Required value'],
  ['for size 0', { resources: { requests: { storage: '0' } } }, 'spec.resources[storage]: Invalid value: "0": must be greater than zero'],
  [
    'of a mode that volumes do not have',
    { volumeMode: 'Tape' },
    'spec.volumeMode: Unsupported value: "Tape": supported values: "Block", "Filesystem"',
  ],
  [
    'from nothing in particular',
    { dataSource: { kind: 'Pod', name: 'x' } },
    `spec.dataSource: Invalid value: "Pod": must be 'PersistentVolumeClaim' when referencing the default apiGroup`,
    `spec.dataSourceRef: Invalid value: "Pod": must be 'PersistentVolumeClaim' when referencing the default apiGroup`,
  ],
  [
    'from two sources',
    { dataSource: { kind: 'PersistentVolumeClaim', name: 'x' }, dataSourceRef: { kind: 'PersistentVolumeClaim', name: 'y' } },
    'spec: Invalid value: "spec.dataSource": must match dataSourceRef',
  ],
]
for (const [name, spec, ...expected] of claims)
  test(`a claim ${name}`, () => assert.deepEqual(refusals(persistentVolumeClaims, claim(spec)), expected))

const FIXED = 'spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims'
const bigger = { resources: { requests: { storage: '2Gi' } } }
const claimUpdates: readonly (readonly [name: string, body: object, before: object, ...expected: string[]])[] = [
  ['its volume', claim({ volumeName: 'v' }), claim()],
  ['another volume', claim({ volumeName: 'w' }), claim({ volumeName: 'v' }), `${FIXED}\nchanged: spec.volumeName`],
  ['its class, named later', claim({ storageClassName: 'fast' }), claim()],
  ['another class', claim({ storageClassName: 'fast' }), claim({ storageClassName: 'slow' }), `${FIXED}\nchanged: spec.storageClassName`],
  ['more while it waits', claim(bigger), claim(), `${FIXED}\nchanged: spec.resources.requests.storage`],
  ['more when it is bound', bound(bigger), bound()],
  [
    'less than it has',
    bound({ resources: { requests: { storage: '512Mi' } } }),
    bound(),
    'spec.resources.requests.storage: Forbidden: field can not be less than status.capacity',
  ],
  [
    'less than it was refused to grow to',
    bound({ resources: { requests: { storage: '2Gi' } } }),
    bound({ resources: { requests: { storage: '3Gi' } } }),
  ],
]
for (const [name, body, before, ...expected] of claimUpdates)
  test(`a claim gets ${name}`, () => assert.deepEqual(refusals(persistentVolumeClaims, body, before), expected))

test('both fields say what a claim starts from', () => {
  const { spec } = written<PersistentVolumeClaim>(
    persistentVolumeClaims,
    claim({ dataSource: { kind: 'PersistentVolumeClaim', name: 'x' } }),
  )
  assert.deepEqual(spec.dataSourceRef, spec.dataSource)
})
test('kubectl get shows a claim that waits and one that is bound', () => {
  const waiting = row(persistentVolumeClaims, written<PersistentVolumeClaim>(persistentVolumeClaims, claim()))
  assert.deepEqual([waiting['Status'], waiting['Volume'], waiting['Capacity'], waiting['Access Modes']], ['Pending', '', '', ''])
  const object = written<PersistentVolumeClaim>(persistentVolumeClaims, claim({ volumeName: 'v' }))
  const full = row(persistentVolumeClaims, {
    ...object,
    status: { phase: 'Bound', capacity: { storage: '2048Mi' }, accessModes: ['ReadWriteOnce'] },
  })
  assert.deepEqual([full['Status'], full['Volume'], full['Capacity'], full['Access Modes']], ['Bound', 'v', '2Gi', 'RWO'])
})
test('who makes a claim is told of half bytes', () => {
  assert.deepEqual(warnings(persistentVolumeClaims, claim({ resources: { requests: { storage: '1500m' } } })), [
    'spec.resources.requests[storage]: fractional byte value "1500m" is invalid, must be an integer',
  ])
})
