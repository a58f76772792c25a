import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PersistentVolume, PersistentVolumeClaim } from '@bramble/api/types/volume'
import { planVolume, type VolumePlan } from './plan-volume.ts'
import { aClaim, aVolume, stored } from './testing.ts'

const BOUND_BY_CONTROLLER = { 'pv.kubernetes.io/bound-by-controller': 'yes' }
const PROVISIONED = { 'pv.kubernetes.io/provisioned-by': 'bramble.dev/local-path' }
const of = (uid?: string) => ({ namespace: 'default', name: 'c', ...(uid && { uid }) })
const volume = (spec: Partial<PersistentVolume['spec']>, annotations: Record<string, string> = {}, phase = 'Pending'): PersistentVolume =>
  stored(aVolume('v', spec, { annotations }) as never, { phase })
const claim = (volumeName?: string): PersistentVolumeClaim => stored(aClaim('c', volumeName === undefined ? {} : { volumeName }) as never)

const cases: readonly { name: string; volume: PersistentVolume; claim?: PersistentVolumeClaim; expect: VolumePlan | string }[] = [
  { name: 'that nobody claims is free', volume: volume({}), expect: { phase: 'Available' } },
  { name: 'that is kept for a claim by name is free for it', volume: volume({ claimRef: of() }), expect: { phase: 'Available' } },
  { name: 'whose claim is not done yet is left alone', volume: volume({ claimRef: of('uid-c') }), claim: claim(), expect: {} },
  { name: 'whose claim names it is bound', volume: volume({ claimRef: of('uid-c') }), claim: claim('v'), expect: { phase: 'Bound' } },
  { name: 'whose claim is gone is released', volume: volume({ claimRef: of('uid-c') }), expect: { phase: 'Released' } },
  {
    name: 'whose claim was made anew is released',
    volume: volume({ claimRef: of('old') }),
    claim: claim('v'),
    expect: { phase: 'Released' },
  },
  {
    name: 'that was made for the claim and is to be deleted is released',
    volume: volume({ claimRef: of('uid-c'), persistentVolumeReclaimPolicy: 'Delete' }, PROVISIONED),
    expect: { phase: 'Released' },
  },
  { name: 'that could not be removed stays Failed', volume: volume({ claimRef: of('uid-c') }, {}, 'Failed'), expect: {} },
  {
    name: 'that nobody here made cannot be deleted by anybody',
    volume: volume({ claimRef: of('uid-c'), persistentVolumeReclaimPolicy: 'Delete' }),
    expect: 'Failed VolumeFailedDelete error getting deleter volume plugin for volume "v": no deletable volume plugin matched',
  },
  {
    name: 'that is to be emptied cannot be',
    volume: volume({ claimRef: of('uid-c'), persistentVolumeReclaimPolicy: 'Recycle' }),
    expect: 'Failed VolumeFailedRecycle No recycler plugin found for the volume!',
  },
  {
    name: 'whose claim took another is free again',
    volume: volume({ claimRef: of('uid-c') }, BOUND_BY_CONTROLLER),
    claim: claim('w'),
    expect: { phase: 'Available', letGo: 'wholly' },
  },
  {
    name: 'that its user had kept for the claim stays kept',
    volume: volume({ claimRef: of('uid-c') }),
    claim: claim('w'),
    expect: { phase: 'Available', letGo: 'to-its-name' },
  },
  {
    name: 'that was made for a claim that took another goes',
    volume: volume({ claimRef: of('uid-c'), persistentVolumeReclaimPolicy: 'Delete' }, PROVISIONED),
    claim: claim('w'),
    expect: { phase: 'Released' },
  },
]
for (const { name, volume: given, claim: found, expect } of cases)
  test(`a volume ${name}`, () => {
    const plan = planVolume(given, found)
    if (typeof expect === 'string') assert.equal(`${plan.phase} ${plan.tell?.reason} ${plan.tell?.message}`, expect)
    else assert.deepEqual(plan, expect)
  })
