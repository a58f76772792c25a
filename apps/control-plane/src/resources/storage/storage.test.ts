import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ResourceDefinition } from '../../api/resource.ts'
import { cell, METADATA, refusals, row, warnings, written } from '../testing.ts'
import { csiDrivers } from './csi-driver.ts'
import { csiNodes } from './csi-node.ts'
import { csiStorageCapacities } from './csi-storage-capacity.ts'
import { newestFirst } from './default-class.ts'
import { storageClasses } from './storage-class.ts'
import { volumeAttachments } from './volume-attachment.ts'
import { volumeAttributesClasses } from './volume-attributes-class.ts'

const provisioner = 'example.com/disk'
const topology = (...matchLabelExpressions: object[]) => ({ provisioner, allowedTopologies: [{ matchLabelExpressions }] })
const attachment = (more: object = {}) => ({
  spec: { attacher: 'disk.example.com', nodeName: 'pi-1', source: { persistentVolumeName: 'v' }, ...more },
})
const driver = (more: object = {}) => ({ spec: { drivers: [{ name: 'disk.example.com', nodeID: 'n', ...more }] } })
const token = (...tokenRequests: object[]) => ({ spec: { tokenRequests } })
const mebibytes = 'x'.repeat(1024 * 1024)

type Case = readonly [name: string, kind: ResourceDefinition, body: object, before?: object, ...expected: string[]]
const cases: readonly Case[] = [
  ['a StorageClass of the smallest kind', storageClasses, { provisioner }],
  ['a StorageClass with capitals in its provisioner', storageClasses, { provisioner: 'example.com/Disk' }],
  ['a StorageClass without a provisioner', storageClasses, {}, undefined, 'provisioner: Required value'],
  [
    'a StorageClass that reclaims oddly',
    storageClasses,
    { provisioner, reclaimPolicy: 'Recycle' },
    undefined,
    'reclaimPolicy: Unsupported value: "Recycle": supported values: "Delete", "Retain"',
  ],
  [
    'a StorageClass that binds oddly',
    storageClasses,
    { provisioner, volumeBindingMode: 'Late' },
    undefined,
    'volumeBindingMode: Unsupported value: "Late": supported values: "Immediate", "WaitForFirstConsumer"',
  ],
  [
    'a StorageClass with a nameless parameter',
    storageClasses,
    { provisioner, parameters: { '': 'x' } },
    undefined,
    'parameters: Invalid value: "": field can not be empty.',
  ],
  [
    'a StorageClass with a book of parameters',
    storageClasses,
    { provisioner, parameters: { a: mebibytes } },
    undefined,
    'parameters: Too long: may not be more than 262144 bytes',
  ],
  [
    'a StorageClass with a zone twice',
    storageClasses,
    topology({ key: 'zone', values: ['a', 'a'] }, { key: 'zone', values: [] }),
    undefined,
    'allowedTopologies[0].matchLabelExpressions[0].values[1]: Duplicate value: "a"',
    'allowedTopologies[0].matchLabelExpressions[1].values: Required value',
    'allowedTopologies[0].matchLabelExpressions[1].key: Duplicate value: "zone"',
  ],
  [
    'a StorageClass that becomes another',
    storageClasses,
    { provisioner: 'example.com/other', parameters: { a: 'b' }, reclaimPolicy: 'Retain', volumeBindingMode: 'WaitForFirstConsumer' },
    { provisioner },
    'parameters: Forbidden: updates to parameters are forbidden.',
    'provisioner: Forbidden: updates to provisioner are forbidden.',
    'reclaimPolicy: Forbidden: updates to reclaimPolicy are forbidden.',
    'volumeBindingMode: Invalid value: "WaitForFirstConsumer": field is immutable',
  ],
  ['a StorageClass that may grow now', storageClasses, { provisioner, allowVolumeExpansion: true }, { provisioner }],
  [
    'a VolumeAttributesClass without attributes',
    volumeAttributesClasses,
    { driverName: 'disk.example.com' },
    undefined,
    'parameters: Required value: must contain at least one key/value pair',
  ],
  [
    'a VolumeAttributesClass that becomes another',
    volumeAttributesClasses,
    { driverName: 'b.example.com', parameters: { iops: '2' } },
    { driverName: 'a.example.com', parameters: { iops: '1' } },
    'driverName: Forbidden: updates to driverName are forbidden.',
    'parameters: Forbidden: updates to parameters are forbidden.',
  ],
  ['a VolumeAttachment', volumeAttachments, attachment()],
  [
    'a VolumeAttachment of nothing by nobody',
    volumeAttachments,
    { spec: { nodeName: 'pi-1' } },
    undefined,
    'spec.attacher: Required value',
    'spec.source: Required value: must specify exactly one of inlineVolumeSpec and persistentVolumeName',
    'spec.attacher: Required value',
  ],
  [
    'a VolumeAttachment of two volumes',
    volumeAttachments,
    attachment({ source: { persistentVolumeName: 'v', inlineVolumeSpec: {} } }),
    undefined,
    'spec.source: Forbidden: must specify exactly one of inlineVolumeSpec and persistentVolumeName',
  ],
  [
    'a VolumeAttachment that moves',
    volumeAttachments,
    attachment({ nodeName: 'pi-2' }),
    attachment(),
    'spec: Invalid value: {"attacher":"disk.example.com","nodeName":"pi-2","source":{"persistentVolumeName":"v"}}: field is immutable',
  ],
  [
    'a VolumeAttachment that failed below zero',
    volumeAttachments,
    { ...attachment(), status: { attachError: { errorCode: -1 } } },
    undefined,
    'status.attachError.errorCode: Invalid value: -1: must be between 0 and 2147483647, inclusive',
  ],
  [
    'a CSIDriver with odd words',
    csiDrivers,
    { spec: { fsGroupPolicy: 'Some', volumeLifecycleModes: ['Eternal'], nodeAllocatableUpdatePeriodSeconds: 9 } },
    undefined,
    'spec.fsGroupPolicy: Unsupported value: "Some": supported values: "File", "None", "ReadWriteOnceWithFSType"',
    'spec.volumeLifecycleModes: Unsupported value: "Eternal": supported values: "Ephemeral", "Persistent"',
    'spec.nodeAllocatableUpdatePeriodSeconds: Invalid value: 9: must be greater than or equal to 10 seconds',
  ],
  [
    'a CSIDriver with odd tokens',
    csiDrivers,
    token({ audience: 'a', expirationSeconds: 60 }, { audience: 'a' }, { expirationSeconds: 2 ** 33 }),
    undefined,
    'spec.tokenRequests[0].expirationSeconds: Invalid value: 60: may not specify a duration less than 10 minutes',
    'spec.tokenRequests[1].audience: Duplicate value: "a"',
    'spec.tokenRequests[2].expirationSeconds: Invalid value: 8589934592: may not specify a duration larger than 2^32 seconds',
  ],
  [
    'a CSIDriver that attaches no more',
    csiDrivers,
    { spec: { attachRequired: false, volumeLifecycleModes: ['Ephemeral'] } },
    {},
    'spec.attachedRequired: Invalid value: false: field is immutable',
    'spec.volumeLifecycleModes: Invalid value: ["Ephemeral"]: field is immutable',
  ],
  ['a CSINode', csiNodes, driver({ topologyKeys: ['zone'], allocatable: { count: 3 } })],
  ['a CSINode whose driver takes more volumes', csiNodes, driver({ allocatable: { count: 5 } }), driver({ allocatable: { count: 3 } })],
  [
    'a CSINode whose driver says another name for it',
    csiNodes,
    driver({ nodeID: 'm' }),
    driver(),
    'spec.drivers: Invalid value: {"name":"disk.example.com","nodeID":"m"}: field is immutable',
  ],
  [
    'a CSINode of odd drivers',
    csiNodes,
    {
      spec: {
        drivers: [
          { name: 'a', nodeID: 'n' },
          { name: 'a', topologyKeys: ['z', 'z'], allocatable: { count: -1 } },
        ],
      },
    },
    undefined,
    'spec.drivers[1].nodeID: Required value',
    'spec.drivers[1].allocatable.count: Invalid value: -1: must be greater than or equal to 0',
    'spec.drivers[1].name: Duplicate value: "a"',
    'spec.drivers[1]: Duplicate value: "z"',
  ],
  [
    'a CSIStorageCapacity below zero',
    csiStorageCapacities,
    { storageClassName: 'fast', capacity: '-1' },
    undefined,
    'capacity: Invalid value: "-1": must be greater than or equal to 0',
  ],
  [
    'a CSIStorageCapacity of another class',
    csiStorageCapacities,
    { storageClassName: 'slow' },
    { storageClassName: 'fast' },
    'storageClassName: Invalid value: "slow": field is immutable',
  ],
]
for (const [name, kind, body, before, ...expected] of cases) test(name, () => assert.deepEqual(refusals(kind, body, before), expected))

test('what is left out is what Kubernetes takes for it', () => {
  const { reclaimPolicy, volumeBindingMode } = written(storageClasses, { provisioner })
  assert.deepEqual([reclaimPolicy, volumeBindingMode], ['Delete', 'Immediate'])
  assert.deepEqual(written(csiDrivers, {}).spec, {
    attachRequired: true,
    podInfoOnMount: false,
    storageCapacity: false,
    fsGroupPolicy: 'ReadWriteOnceWithFSType',
    volumeLifecycleModes: ['Persistent'],
    requiresRepublish: false,
    seLinuxMount: false,
  })
})

test('rows are those of Kubernetes', () => {
  const annotations = { 'storageclass.kubernetes.io/is-default-class': 'true' }
  assert.deepEqual(row(storageClasses, written(storageClasses, { metadata: { ...METADATA, annotations }, provisioner })), {
    Name: 'x (default)',
    Provisioner: provisioner,
    ReclaimPolicy: 'Delete',
    VolumeBindingMode: 'Immediate',
    AllowVolumeExpansion: false,
    Age: '5m',
  })
  assert.deepEqual(row(csiDrivers, written(csiDrivers, token({ audience: 'a' }, {}))), {
    Name: 'x',
    AttachRequired: true,
    PodInfoOnMount: false,
    StorageCapacity: false,
    TokenRequests: 'a,',
    RequiresRepublish: false,
    Modes: 'Persistent',
    Age: '5m',
  })
  assert.equal(cell(csiDrivers, 'TokenRequests', {}), '<unset>')
  assert.deepEqual(row(volumeAttachments, written(volumeAttachments, attachment())), {
    Name: 'x',
    Attacher: 'disk.example.com',
    PV: 'v',
    Node: 'pi-1',
    Attached: false,
    Age: '5m',
  })
  assert.equal(cell(csiNodes, 'Drivers', driver()), 1)
  assert.equal(cell(csiStorageCapacities, 'Created At', {}), METADATA.creationTimestamp)
})

test('who registers a driver hears that nobody attaches its volumes', () => {
  assert.match(warnings(csiDrivers, { spec: {} })[0]!, /unless spec.attachRequired is false/)
  assert.deepEqual(warnings(csiDrivers, { spec: { attachRequired: false } }), [])
  assert.match(warnings(volumeAttachments, attachment())[0]!, /attaches no volumes itself/)
})

test('of several default classes the newest counts, of one age the first by name', () => {
  const made = (name: string, creationTimestamp: string) => ({ metadata: { ...METADATA, name, creationTimestamp } })
  const classes = [made('b', '2026-01-02T00:00:00Z'), made('a', '2026-01-02T00:00:00Z'), made('z', '2026-01-01T00:00:00Z')]
  assert.deepEqual(
    newestFirst(classes).map(({ metadata }) => metadata.name),
    ['a', 'b', 'z'],
  )
})
