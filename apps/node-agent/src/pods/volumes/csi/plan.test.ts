import assert from 'node:assert/strict'
import { test } from 'node:test'
import { accessModeOf, type CsiVolume, givesToGroup } from './plan.ts'

const VOLUME: CsiVolume = {
  driver: 'a.csi',
  handle: 'vol-1',
  lifecycle: 'Persistent',
  isBlock: false,
  readOnly: false,
  fsType: 'ext4',
  mountFlags: [],
  accessModes: ['ReadWriteOnce'],
  attributes: {},
}
const object = (fsGroupPolicy: string) => ({
  metadata: { name: 'a.csi', uid: 'u', resourceVersion: '1', creationTimestamp: '' },
  spec: { fsGroupPolicy },
})

const groups: readonly (readonly [name: string, volume: Partial<CsiVolume>, policy: string | undefined, gives: boolean])[] = [
  ['a volume of one node with a file system', {}, undefined, true],
  ['a volume without a file system of its own', { fsType: '' }, undefined, false],
  ['a volume of many nodes', { accessModes: ['ReadWriteMany'] }, 'ReadWriteOnceWithFSType', false],
  ['a volume of many nodes, of a driver with files', { accessModes: ['ReadWriteMany'], fsType: '' }, 'File', true],
  ['a volume of a driver that knows no groups', {}, 'None', false],
  ['a volume of the pod alone', { lifecycle: 'Ephemeral', accessModes: [] }, undefined, true],
  ['a volume to be read', { readOnly: true }, 'File', false],
  ['a device', { isBlock: true }, 'File', false],
]
for (const [name, volume, policy, gives] of groups)
  test(`${name} is ${gives ? '' : 'not '}given to the pod's group`, () =>
    assert.equal(givesToGroup({ ...VOLUME, ...volume }, policy === undefined ? undefined : object(policy)), gives))

for (const [mode, plain, telling] of [
  ['ReadWriteOnce', 'SINGLE_NODE_WRITER', 'SINGLE_NODE_MULTI_WRITER'],
  ['ReadWriteOncePod', 'SINGLE_NODE_WRITER', 'SINGLE_NODE_SINGLE_WRITER'],
  ['ReadOnlyMany', 'MULTI_NODE_READER_ONLY', 'MULTI_NODE_READER_ONLY'],
  ['ReadWriteMany', 'MULTI_NODE_MULTI_WRITER', 'MULTI_NODE_MULTI_WRITER'],
] as const)
  test(`${mode} as drivers know it`, () => {
    assert.equal(accessModeOf([mode], false), plain)
    assert.equal(accessModeOf([mode], true), telling)
  })
