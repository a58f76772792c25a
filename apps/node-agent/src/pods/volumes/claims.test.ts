import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Container, Pod, Volume } from '@bramble/api/types/pod'
import type { PersistentVolume, PersistentVolumeClaim } from '@bramble/api/types/volume'
import { aContainer, aPod, FakeConfigs } from '../pods-harness.ts'
import { VolumeError } from '../pod-files.ts'
import { resolveVolume } from './claims.ts'

const FACTS = { nodeName: 'pi-1', hostIp: '192.0.2.1', podIp: '', allocatable: { cpuMillis: 1000, memoryBytes: 2 ** 30 } }
const meta = (name: string, rest: object = {}) => ({ name, uid: `uid-${name}`, resourceVersion: '1', creationTimestamp: '', ...rest })

interface Change {
  readonly claim?: Partial<PersistentVolumeClaim> | undefined
  readonly spec?: Partial<PersistentVolume['spec']>
  readonly noClaim?: boolean
  readonly noVolume?: boolean
  readonly volume?: Omit<Volume, 'name'>
  readonly container?: Partial<Container>
  readonly status?: Pod['status']
}

/** The event that tells people, or what the volume comes to. */
function resolved({ claim, spec, noClaim, noVolume, volume, container, status }: Change): string {
  const configs = new FakeConfigs()
  const name = volume?.ephemeral ? 'web-data' : 'c'
  if (!noClaim)
    configs.claims.set(`default/${name}`, {
      metadata: meta(name, { namespace: 'default' }),
      spec: { volumeName: 'pv-1' },
      status: { phase: 'Bound' },
      ...claim,
    })
  if (!noVolume)
    configs.volumes.set('pv-1', {
      metadata: meta('pv-1'),
      spec: { capacity: { storage: '1Gi' }, nfs: { server: 's', path: '/p' }, claimRef: { uid: `uid-${name}` }, ...spec },
    })
  const pod = {
    ...aPod('web', { containers: [aContainer('main', { volumeMounts: [{ name: 'data', mountPath: '/d' }], ...container })] }),
    ...(status && { status }),
  }
  try {
    const all = { name: 'data', ...(volume ?? { persistentVolumeClaim: { claimName: 'c' } }) }
    const { field, persistent, readOnly } = resolveVolume(pod, all, configs, FACTS)
    return [field, ...(persistent ? [persistent.metadata.name] : []), ...(readOnly ? ['read-only'] : [])].join(' ')
  } catch (error) {
    assert.ok(error instanceof VolumeError)
    const { reason, message } = error.event()
    return `${reason}: ${message}`
  }
}

const UNPROCESSED =
  'FailedMount: Unable to attach or mount volumes: unmounted volumes=[data], unattached volumes=[], failed to process volumes=[data]: '
const leaving = { metadata: meta('c', { namespace: 'default', deletionTimestamp: '2026-01-01T00:00:00Z' }) }
const owned = {
  metadata: meta('web-data', {
    namespace: 'default',
    ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'web', uid: 'uid-web', controller: true }],
  }),
}
const onNode = (value: string): Partial<PersistentVolume['spec']> => ({
  nodeAffinity: {
    required: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [value] }] }] },
  },
})

const cases: readonly (Change & { readonly name: string; readonly wanted: string })[] = [
  { name: 'a bound claim comes to its volume', wanted: 'nfs pv-1' },
  { name: 'a volume without a claim is what it says', volume: { hostPath: { path: '/x' } }, wanted: 'hostPath' },
  { name: 'a volume that says nothing is an empty folder', volume: {}, wanted: 'emptyDir' },
  { name: 'a kind that nobody knows is named', volume: { cephfs: {} } as Omit<Volume, 'name'>, wanted: 'cephfs' },
  {
    name: 'a claim may be read-only',
    volume: { persistentVolumeClaim: { claimName: 'c', readOnly: true } },
    wanted: 'nfs pv-1 read-only',
  },
  {
    name: 'a claim that is missing',
    noClaim: true,
    wanted: `${UNPROCESSED}error processing PVC default/c: failed to fetch PVC from API server: persistentvolumeclaims "c" not found`,
  },
  {
    name: 'a claim that is pending',
    claim: { status: { phase: 'Pending' } },
    wanted: `${UNPROCESSED}error processing PVC default/c: PVC is not bound`,
  },
  { name: 'a claim that is deleted', claim: leaving, wanted: `${UNPROCESSED}error processing PVC default/c: PVC is being deleted` },
  {
    name: 'a claim that is deleted while the pod has it',
    claim: leaving,
    status: { containerStatuses: [{ name: 'main', ready: true, restartCount: 0, image: '', imageID: '', containerID: 'podman://1' }] },
    wanted: 'nfs pv-1',
  },
  {
    name: 'a claim without a volume',
    claim: { spec: {} },
    wanted: `${UNPROCESSED}error processing PVC default/c: PVC has empty pvc.Spec.VolumeName`,
  },
  {
    name: 'a volume that is missing',
    noVolume: true,
    wanted: `${UNPROCESSED}error processing PVC default/c: failed to fetch PV pv-1 from API server: persistentvolumes "pv-1" not found`,
  },
  {
    name: 'a volume that is bound to another claim',
    spec: { claimRef: { uid: 'uid-other' } },
    wanted: `${UNPROCESSED}error processing PVC default/c: found PV object pv-1 but its pv.Spec.ClaimRef.UID uid-other does not point to claim.UID uid-c`,
  },
  { name: 'the claim of its own template', volume: { ephemeral: {} }, claim: owned, wanted: 'nfs pv-1' },
  {
    name: 'a claim of the same name that somebody else made',
    volume: { ephemeral: {} },
    wanted: `${UNPROCESSED}error processing PVC default/web-data: PVC default/web-data was not created for pod default/web (pod is not owner)`,
  },
  {
    name: 'a device that is mounted',
    spec: { volumeMode: 'Block' },
    wanted: `${UNPROCESSED}volume data has volumeMode Block, but is specified in volumeMounts`,
  },
  {
    name: 'a file system that is used as a device',
    container: { volumeMounts: [], volumeDevices: [{ name: 'data', devicePath: '/dev/x' }] },
    wanted: `${UNPROCESSED}volume data has volumeMode Filesystem, but is specified in volumeDevices`,
  },
  { name: 'a volume of this node', spec: onNode('pi-1'), wanted: 'nfs pv-1' },
  {
    name: 'a volume of another node',
    spec: onNode('pi-2'),
    wanted: 'FailedMount: MountVolume.NodeAffinity check failed for volume "pv-1" : no matching NodeSelectorTerms',
  },
]
for (const { name, wanted, ...change } of cases) test(`claims: ${name}`, () => assert.equal(resolved(change), wanted))
