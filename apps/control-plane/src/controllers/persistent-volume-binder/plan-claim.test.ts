import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { StorageClass } from '@bramble/api/types/storage'
import type { ClaimSpec, PersistentVolume, PersistentVolumeClaim } from '@bramble/api/types/volume'
import { planClaim } from './plan-claim.ts'
import { aClaim, aClass, aVolume, stored } from './testing.ts'

const volume = (name: string, spec: Partial<PersistentVolume['spec']> = {}, phase = 'Available', metadata: object = {}): PersistentVolume =>
  stored(aVolume(name, spec, metadata) as never, { phase })
const claim = (spec: Partial<ClaimSpec> = {}, annotations: Record<string, string> = {}, metadata: object = {}): PersistentVolumeClaim =>
  stored(aClaim('c', spec, { annotations, ...metadata }) as never, { phase: 'Pending' })
const late = stored(aClass('late') as never) as StorageClass
const prompt = stored(aClass('prompt', { volumeBindingMode: 'Immediate', provisioner: 'disk.example.com' }) as never) as StorageClass
const byHand = stored(aClass('by-hand', { provisioner: 'kubernetes.io/no-provisioner' }) as never) as StorageClass
const of = { namespace: 'default', name: 'c' }

interface Case {
  readonly name: string
  readonly claim: PersistentVolumeClaim
  readonly volumes?: readonly PersistentVolume[]
  readonly storageClass?: StorageClass
  readonly defaultClassName?: string
  readonly expect: string
}
const cases: readonly Case[] = [
  {
    name: 'takes the smallest that is large enough',
    claim: claim(),
    volumes: [volume('big', { capacity: { storage: '9Gi' } }), volume('fits')],
    expect: 'bind fits',
  },
  {
    name: 'takes none that is too small',
    claim: claim({ resources: { requests: { storage: '3Gi' } } }),
    volumes: [volume('a')],
    expect: 'wait FailedBinding',
  },
  { name: 'takes none of another class', claim: claim(), volumes: [volume('a', { storageClassName: 'x' })], expect: 'wait FailedBinding' },
  {
    name: 'takes none without the mode',
    claim: claim({ accessModes: ['ReadOnlyMany'] }),
    volumes: [volume('a')],
    expect: 'wait FailedBinding',
  },
  { name: 'takes no block device', claim: claim(), volumes: [volume('a', { volumeMode: 'Block' })], expect: 'wait FailedBinding' },
  { name: 'takes none that is not free', claim: claim(), volumes: [volume('a', {}, 'Released')], expect: 'wait FailedBinding' },
  {
    name: 'takes none that is going',
    claim: claim(),
    volumes: [volume('a', {}, 'Available', { deletionTimestamp: 'now' })],
    expect: 'wait FailedBinding',
  },
  {
    name: 'takes one with the labels it asks for',
    claim: claim({ selector: { matchLabels: { disk: 'ssd' } } }),
    volumes: [volume('a'), volume('b', { capacity: { storage: '5Gi' } }, 'Available', { labels: { disk: 'ssd' } })],
    expect: 'bind b',
  },
  {
    name: 'takes the one that is kept for it, though another is smaller',
    claim: claim(),
    volumes: [volume('a'), volume('mine', { claimRef: of, capacity: { storage: '9Gi' } })],
    expect: 'bind mine',
  },
  {
    name: 'takes none that is kept for another',
    claim: claim(),
    volumes: [volume('a', { claimRef: { ...of, name: 'd' } })],
    expect: 'wait FailedBinding',
  },
  {
    name: 'takes none that was kept for one of its name before',
    claim: claim(),
    volumes: [volume('a', { claimRef: { ...of, uid: 'old' } })],
    expect: 'wait FailedBinding',
  },
  {
    name: 'goes on with the one it has begun with',
    claim: claim(),
    volumes: [volume('a', { claimRef: { ...of, uid: 'uid-c' } })],
    expect: 'bind a',
  },
  {
    name: 'waits for its first pod',
    claim: claim({ storageClassName: 'late' }),
    storageClass: late,
    volumes: [volume('a', { storageClassName: 'late' })],
    expect: 'wait WaitForFirstConsumer',
  },
  {
    name: 'binds at once to what is kept for it, also when it may wait',
    claim: claim({ storageClassName: 'late' }),
    storageClass: late,
    volumes: [volume('a', { storageClassName: 'late', claimRef: of })],
    expect: 'bind a',
  },
  {
    name: 'has a volume made once its pod has a node',
    claim: claim({ storageClassName: 'late' }, { 'volume.kubernetes.io/selected-node': 'pi-1' }),
    storageClass: late,
    expect: 'wait ExternalProvisioning by bramble.dev/local-path',
  },
  {
    name: 'has a volume made at once',
    claim: claim({ storageClassName: 'prompt' }),
    storageClass: prompt,
    expect: 'wait ExternalProvisioning by disk.example.com',
  },
  {
    name: 'has none made where volumes are made by hand',
    claim: claim({ storageClassName: 'by-hand' }, { 'volume.kubernetes.io/selected-node': 'pi-1' }),
    storageClass: byHand,
    expect: 'wait FailedBinding',
  },
  { name: 'says that its class is not there', claim: claim({ storageClassName: 'none' }), expect: 'wait ProvisioningFailed' },
  {
    name: 'that names no class gets the default one when there is one',
    claim: claim({ storageClassName: undefined }),
    defaultClassName: 'late',
    expect: 'name-class late',
  },
  { name: 'that wants no class gets none', claim: claim(), defaultClassName: 'late', expect: 'wait FailedBinding' },
  {
    name: 'that names a volume takes that',
    claim: claim({ volumeName: 'b' }),
    volumes: [volume('a'), volume('b', { capacity: { storage: '9Gi' } })],
    expect: 'bind b',
  },
  { name: 'that names a volume waits for it', claim: claim({ volumeName: 'b' }), volumes: [volume('a')], expect: 'wait' },
  {
    name: 'that names a volume of another',
    claim: claim({ volumeName: 'a' }),
    volumes: [volume('a', { claimRef: { ...of, name: 'd' } })],
    expect: 'wait FailedBinding',
  },
  {
    name: 'that names a volume that does not serve',
    claim: claim({ volumeName: 'a' }),
    volumes: [volume('a', { volumeMode: 'Block' })],
    expect: 'wait VolumeMismatch',
  },
]
const bound = { 'pv.kubernetes.io/bind-completed': 'yes' }
const boundCases: readonly Case[] = [
  {
    name: 'stays bound',
    claim: claim({ volumeName: 'a' }, bound),
    volumes: [volume('a', { claimRef: { ...of, uid: 'uid-c' } }, 'Bound')],
    expect: 'bind a',
  },
  {
    name: 'claims its volume back when somebody took its name out',
    claim: claim({ volumeName: 'a' }, bound),
    volumes: [volume('a')],
    expect: 'bind a',
  },
  { name: 'is lost without its volume', claim: claim({ volumeName: 'a' }, bound), expect: 'lose ClaimLost' },
  { name: 'is lost when it forgot its volume', claim: claim({}, bound), volumes: [volume('a')], expect: 'lose ClaimLost' },
  {
    name: 'is lost when its volume is another’s',
    claim: claim({ volumeName: 'a' }, bound),
    volumes: [volume('a', { claimRef: { ...of, uid: 'other' } })],
    expect: 'lose ClaimMisbound',
  },
]
for (const { name, claim: of, volumes = [], storageClass, defaultClassName, expect } of [...cases, ...boundCases])
  test(`a claim ${name}`, () => {
    const plan = planClaim(of, { volumes, storageClass, defaultClassName })
    const said = {
      bind: () => plan.do === 'bind' && plan.volume.metadata.name,
      wait: () => plan.do === 'wait' && [plan.tell?.reason, ...(plan.provisioner ? ['by', plan.provisioner] : [])].join(' '),
      lose: () => plan.do === 'lose' && plan.tell.reason,
      'name-class': () => plan.do === 'name-class' && plan.className,
    }[plan.do]()
    assert.equal(`${plan.do} ${said}`.trim(), expect)
  })
