import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Node } from '@bramble/api/types/node'
import type { StorageClass } from '@bramble/api/types/storage'
import type { ClaimSpec, PersistentVolume, PersistentVolumeClaim } from '@bramble/api/types/volume'
import { aClaim, aClass, aVolume, stored } from '../persistent-volume-binder/testing.ts'
import { planProvision, planRemoval, type RemovalPlan } from './plan.ts'

const aNode = (folder?: string): Node =>
  stored({
    metadata: {
      name: 'pi-1',
      labels: { 'kubernetes.io/hostname': 'raspberry' },
      ...(folder !== undefined && { annotations: { 'bramble.dev/volume-folder': folder } }),
    },
    spec: {},
  } as never)
const claim = (spec: Partial<ClaimSpec> = {}, node: string | undefined = 'pi-1'): PersistentVolumeClaim =>
  stored(
    aClaim(
      'c',
      { storageClassName: 'local-path', ...spec },
      node === '' ? {} : { annotations: { 'volume.kubernetes.io/selected-node': node } },
    ) as never,
  )
const storageClass = (fields: Partial<StorageClass> = {}): StorageClass => stored(aClass('local-path', fields) as never)

test('a volume is a folder of the chosen node, and of no other', () => {
  const plan = planProvision(claim(), storageClass(), () => aNode('/var/lib/bramble/volumes'))
  assert.ok(plan.do === 'make')
  assert.deepEqual(plan.volume, {
    metadata: {
      name: 'pvc-uid-c',
      annotations: { 'pv.kubernetes.io/provisioned-by': 'bramble.dev/local-path', 'bramble.dev/node': 'pi-1' },
      finalizers: ['bramble.dev/volume-folder'],
    },
    spec: {
      capacity: { storage: '1Gi' },
      accessModes: ['ReadWriteOnce'],
      volumeMode: 'Filesystem',
      persistentVolumeReclaimPolicy: 'Delete',
      storageClassName: 'local-path',
      claimRef: { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace: 'default', name: 'c', uid: 'uid-c', resourceVersion: '1' },
      local: { path: '/var/lib/bramble/volumes/pvc-uid-c' },
      nodeAffinity: {
        required: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: ['raspberry'] }] }] },
      },
    },
  })
})

test('a class may say where volumes must be, and that they stay', () => {
  const plan = planProvision(claim(), storageClass({ parameters: { path: '/mnt/ssd' }, reclaimPolicy: 'Retain' }), () => aNode('/mnt/ssd'))
  assert.ok(plan.do === 'make')
  assert.deepEqual([plan.volume.spec.local?.path, plan.volume.spec.persistentVolumeReclaimPolicy], ['/mnt/ssd/pvc-uid-c', 'Retain'])
})

const refusals: readonly {
  name: string
  spec?: Partial<ClaimSpec>
  fields?: Partial<StorageClass>
  node?: Node
  again?: boolean
  says: RegExp
}[] = [
  { name: 'at once', fields: { volumeBindingMode: 'Immediate' }, says: /must have volumeBindingMode WaitForFirstConsumer/ },
  { name: 'as a block device', spec: { volumeMode: 'Block' }, says: /block volumes are not supported/ },
  { name: 'for many nodes', spec: { accessModes: ['ReadWriteMany'] }, says: /only the access modes ReadWriteOnce and ReadWriteOncePod/ },
  { name: 'by labels', spec: { selector: {} }, says: /claim Selector is not supported/ },
  { name: 'from another', spec: { dataSource: { kind: 'PersistentVolumeClaim', name: 'd' } }, says: /data sources are not supported/ },
  {
    name: 'out of a folder that is none',
    fields: { parameters: { path: '../etc' } },
    says: /parameter "path" must be an absolute path: "..\/etc"/,
  },
  { name: 'out of a folder above', fields: { parameters: { path: '/mnt/../etc' } }, says: /must be an absolute path/ },
  { name: 'with parameters of others', fields: { parameters: { fsType: 'ext4' } }, says: /unknown parameter "fsType"/ },
  { name: 'with mount options', fields: { mountOptions: ['ro'] }, says: /mount options/ },
  { name: 'on a node that is gone', says: /node "pi-1" not found/, again: true },
  {
    name: 'on a node that has them elsewhere',
    fields: { parameters: { path: '/mnt/ssd' } },
    node: aNode('/v'),
    says: /keeps volumes in "\/v", not in "\/mnt\/ssd"/,
    again: true,
  },
  { name: 'on a node without a folder', node: aNode(), says: /does not say where it keeps volumes/, again: true },
]
for (const { name, spec, fields, node, again = false, says } of refusals)
  test(`no volume is made ${name}`, () => {
    const plan = planProvision(claim(spec), storageClass(fields), () => node)
    assert.ok(plan.do === 'refuse')
    assert.match(plan.message, says)
    assert.equal(plan.chooseAgain, again)
  })

test('without a pod there is no node, and no volume', () =>
  assert.deepEqual(
    planProvision(claim({}, ''), storageClass(), () => aNode('/v')),
    { do: 'nothing' },
  ))

const removals: readonly [name: string, phase: string, policy: string, leaving: boolean, hasNode: boolean, expect: RemovalPlan][] = [
  ['that is bound', 'Bound', 'Delete', false, true, 'wait'],
  ['that is bound and to go', 'Bound', 'Delete', true, false, 'wait'],
  ['that is left and its node has not removed yet', 'Released', 'Delete', false, true, 'wait'],
  ['that is left, to go, and its node has not removed yet', 'Released', 'Delete', true, true, 'wait'],
  ['that is left on a node that is gone', 'Released', 'Delete', false, false, 'tell-node-gone'],
  ['that could not be removed from a node that is gone', 'Failed', 'Delete', false, false, 'tell-node-gone'],
  ['that is left on a node that is gone, and deleted by somebody', 'Released', 'Delete', true, false, 'let-go'],
  ['that is to stay', 'Released', 'Retain', false, true, 'wait'],
  ['that is to stay, and deleted by somebody: the folder stays', 'Released', 'Retain', true, true, 'let-go'],
]
for (const [name, phase, policy, leaving, hasNode, expect] of removals)
  test(`a volume ${name}: ${expect}`, () => {
    const metadata = leaving ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {}
    const volume: PersistentVolume = stored(aVolume('v', { persistentVolumeReclaimPolicy: policy }, metadata) as never, { phase })
    assert.equal(planRemoval(volume, hasNode), expect)
  })
