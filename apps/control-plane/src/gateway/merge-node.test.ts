import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Node, NodeStatus } from '@bramble/api/types/node'
import { mayNodeSetLabel } from '@bramble/api/node-words'
import { lostConditions, mergeNodeMetadata, mergeNodeStatus, NODE_LABELS_ANNOTATION } from './merge-node.ts'

const NOW = '2026-01-01T00:00:00Z'
const LATER = '2026-01-01T00:01:00Z'
const aNode = (labels: Record<string, string>, record?: string): Node => ({
  spec: {},
  metadata: {
    name: 'pi-1',
    uid: 'u',
    resourceVersion: '1',
    creationTimestamp: NOW,
    labels,
    ...(record !== undefined && { annotations: { [NODE_LABELS_ANNOTATION]: record } }),
  },
})

const labelKeys: readonly (readonly [string, boolean])[] = [
  ['disktype', true],
  ['example.com/zone', true],
  ['bramble.dev/model', true],
  ['kubernetes.io/hostname', true],
  ['kubernetes.io/arch', true],
  ['node.kubernetes.io/instance-type', true],
  ['kubelet.kubernetes.io/x', true],
  ['topology.kubernetes.io/zone', true],
  ['node-role.kubernetes.io/control-plane', false],
  ['kubernetes.io/role', false],
  ['k8s.io/x', false],
  ['a.k8s.io/x', false],
  ['node-restriction.kubernetes.io/x', false],
  ['a.node-restriction.kubernetes.io/x', false],
  ['not a key', false],
  ['a/b/c', false],
  ['notk8s.io/x', true],
]
for (const [key, allowed] of labelKeys)
  test(`a node ${allowed ? 'may' : 'may not'} label itself ${key}`, () => assert.equal(mayNodeSetLabel(key), allowed))

const labelCases: readonly {
  name: string
  labels: Record<string, string>
  record?: string
  reported: Record<string, string>
  change?: object
  recorded?: string
}[] = [
  { name: 'sets what is not there', labels: {}, reported: { a: '1' }, change: { a: '1' }, recorded: 'a=1' },
  { name: 'changes what it set', labels: { a: '1' }, record: 'a=1', reported: { a: '2' }, change: { a: '2' }, recorded: 'a=2' },
  {
    name: 'removes what it set and says no more',
    labels: { a: '1', b: '1' },
    record: 'a=1,b=1',
    reported: { a: '1' },
    change: { b: null },
    recorded: 'a=1',
  },
  { name: 'changes nothing when nothing changed', labels: { a: '1' }, record: 'a=1', reported: { a: '1' } },
  { name: 'leaves a label that the operator had set before', labels: { a: 'mine' }, record: 'b=1', reported: { a: '1' }, recorded: '' },
  { name: 'leaves a label that the operator changed, for good', labels: { a: 'mine' }, record: 'a=1', reported: { a: '1' }, recorded: '' },
  { name: 'does not bring back what the operator removed', labels: {}, record: 'a=1', reported: { a: '1' } },
  {
    name: 'sets what was removed when its own setting changes',
    labels: {},
    record: 'a=1',
    reported: { a: '2' },
    change: { a: '2' },
    recorded: 'a=2',
  },
  { name: 'does not remove what the operator changed', labels: { a: 'mine' }, record: 'a=1', reported: {}, recorded: '' },
  { name: "leaves alone the operator's label of the same value", labels: { a: '1' }, reported: { a: '1' } },
  {
    name: 'always says what the machine is',
    labels: { 'kubernetes.io/arch': 'wrong' },
    reported: { 'kubernetes.io/arch': 'arm64' },
    change: { 'kubernetes.io/arch': 'arm64' },
    recorded: 'kubernetes.io/arch=arm64',
  },
]
for (const { name, labels, record, reported, change, recorded } of labelCases)
  test(`the agent ${name}`, () => {
    const merged = mergeNodeMetadata(aNode(labels, record), reported, {}).change
    assert.deepEqual(merged?.labels, change)
    assert.deepEqual(merged?.annotations, recorded === undefined ? undefined : { [NODE_LABELS_ANNOTATION]: recorded })
  })

test('a role, a value that is none and annotations of others are refused', () => {
  const { change, refused } = mergeNodeMetadata(
    undefined,
    { 'node-role.kubernetes.io/control-plane': '', b: 'not a value!', a: '1' },
    { 'bramble.dev/device-key': 'stolen', [NODE_LABELS_ANNOTATION]: 'x=y', 'node.bramble.dev/note': 'kept' },
  )
  assert.deepEqual(refused, ['b', 'node-role.kubernetes.io/control-plane'])
  assert.deepEqual(change, { labels: { a: '1' }, annotations: { [NODE_LABELS_ANNOTATION]: 'a=1', 'node.bramble.dev/note': 'kept' } })
})

for (const [folder, isTaken] of [
  ['/var/lib/bramble/volumes', true],
  ['/', false],
  ['volumes', false],
  ['/var/../etc', false],
  ['/var//lib', false],
  ['/var/lib/', false],
] as const)
  test(`a node ${isTaken ? 'says' : 'may not say'} that it keeps volumes in ${folder}`, () => {
    const { change } = mergeNodeMetadata(undefined, {}, { 'bramble.dev/volume-folder': folder })
    assert.equal(change?.annotations?.['bramble.dev/volume-folder'], isTaken ? folder : undefined)
  })

const ready = (status: 'True' | 'False', at: string): NodeStatus['conditions'] => [
  { type: 'Ready', status, reason: 'R', message: 'm', lastTransitionTime: at },
]

test('a heartbeat changes nothing', () => {
  const stored = mergeNodeStatus(undefined, { conditions: ready('True', NOW), addresses: [] }, NOW)!
  assert.equal(stored.conditions![0]!.lastHeartbeatTime, NOW)
  assert.equal(mergeNodeStatus(stored, { conditions: ready('True', LATER), addresses: [] }, LATER), undefined)
})

test('a change of a condition moves its transition, and what others set stays', () => {
  const foreign = { type: 'NetworkUnavailable', status: 'False' as const, lastTransitionTime: NOW }
  const stored = { ...mergeNodeStatus(undefined, { conditions: ready('True', NOW) }, NOW)!, conditions: [...ready('True', NOW)!, foreign] }
  const merged = mergeNodeStatus(stored, { conditions: ready('False', NOW) }, LATER)!
  assert.deepEqual(
    merged.conditions!.map(({ type, status, lastTransitionTime }) => [type, status, lastTransitionTime]),
    [
      ['Ready', 'False', LATER],
      ['NetworkUnavailable', 'False', NOW],
    ],
  )
})

test('a node that is lost says so once, and hearing of it again is a change', () => {
  const status = mergeNodeStatus(
    undefined,
    { conditions: [...ready('True', NOW)!, { type: 'DiskPressure', status: 'False' }, { type: 'HighTemperature', status: 'False' }] },
    NOW,
  )!
  const lost = lostConditions({ ...aNode({}), status }, 'The link to the node was lost', LATER)!
  assert.deepEqual(
    lost.map(({ type, status: is, reason }) => [type, is, reason]),
    [
      ['Ready', 'Unknown', 'NodeStatusUnknown'],
      ['DiskPressure', 'Unknown', 'NodeStatusUnknown'],
      ['HighTemperature', 'False', undefined],
    ],
  )
  assert.equal(lostConditions({ ...aNode({}), status: { ...status, conditions: [...lost] } }, 'again', LATER), undefined)
  assert.equal(
    mergeNodeStatus({ ...status, conditions: [...lost] }, { conditions: ready('True', NOW) }, LATER)!.conditions![0]!.status,
    'True',
  )
})

test('a node without a status that is lost is not ready', () => {
  assert.equal(lostConditions(aNode({}), 'gone', NOW)![0]!.status, 'Unknown')
})
