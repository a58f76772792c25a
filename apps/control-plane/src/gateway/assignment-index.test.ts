import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keyOf, type KubeObject } from '@bramble/api/object'
import type { Pod } from '@bramble/api/types/pod'
import type { PersistentVolume } from '@bramble/api/types/volume'
import { applyAssignment, type Assigned } from '@bramble/link/assignment'
import { seeded } from '@bramble/reconcile/sim/seeded'
import type { TokenIssuer } from '../auth/service-account-tokens.ts'
import { AssignmentIndex } from './assignment-index.ts'
import { PodTokens } from './pod-tokens.ts'
import { referencesOf, removerOf } from './references.ts'

const NODES = ['pi-1', 'pi-2', 'pi-3']
const NAMES = ['a', 'b', 'c', 'd']
const KINDS = ['Pod', 'Pod', 'ConfigMap', 'Secret', 'Service', 'EndpointSlice', 'Node', 'ServiceAccount', 'CSIDriver']
const CLUSTER_KINDS = ['Node', 'PersistentVolume', 'CSIDriver']

type Lookup = (kind: string, key: string) => KubeObject | undefined
const tokens: TokenIssuer = {
  issue: (account, { pod }, audiences, lifeSeconds) => [account.metadata.uid, pod!.metadata.uid, ...audiences, lifeSeconds].join(' '),
}
const anIndex = (find: Lookup): AssignmentIndex => new AssignmentIndex(find, new PodTokens({ find, tokens, nowMs: () => 0 }))

/** A cluster that changes at random, and an index that hears of it. */
class World {
  readonly objects = new Map<string, KubeObject>()
  readonly index = anIndex((kind, key) => this.objects.get(`${kind} ${key}`))
  readonly #random: () => number
  #uid = 0

  constructor(seed: number) {
    this.#random = seeded(seed)
  }

  pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.#random() * from.length)]!
  }

  step(): void {
    const kind = this.pick([...KINDS, 'PersistentVolumeClaim', 'PersistentVolume', 'PersistentVolume'])
    const name = kind === 'Node' ? this.pick(NODES) : this.pick(NAMES)
    const id = `${kind} ${CLUSTER_KINDS.includes(kind) ? name : `default/${name}`}`
    if (this.#random() < 0.3) this.objects.delete(id)
    else this.objects.set(id, this.#make(kind, name))
    this.index.update(kind, id.slice(kind.length + 1), this.objects.get(id))
  }

  #make(kind: string, name: string): KubeObject {
    const metadata = {
      name,
      uid: `u${this.#uid++ % 7}`,
      resourceVersion: String(this.#uid),
      creationTimestamp: '',
      ...(!CLUSTER_KINDS.includes(kind) && { namespace: 'default' }),
    }
    if (kind === 'PersistentVolumeClaim')
      return {
        kind,
        metadata,
        spec: { volumeName: this.pick(NAMES) },
        status: { phase: this.pick(['Bound', 'Bound', 'Pending']) },
      } as unknown as KubeObject
    if (kind === 'PersistentVolume') return this.#volume(metadata)
    const annotations = kind === 'Node' && { 'bramble.dev/agent-version': this.pick(['0.1.0', '0.2.0', 'soon']) }
    if (kind !== 'Pod')
      return {
        apiVersion: 'v1',
        kind,
        metadata: { ...metadata, ...(annotations && { annotations }) },
        data: { text: this.pick(NAMES) },
        spec: { podCIDR: this.pick(NAMES) },
        endpoints: [],
      } as unknown as KubeObject
    const nodeName = this.pick([...NODES, undefined])
    const envFrom = [{ configMapRef: { name: this.pick(NAMES) } }, { secretRef: { name: this.pick(NAMES) } }].slice(
      Math.floor(this.#random() * 3),
    )
    const volumes = [
      { name: 'v', persistentVolumeClaim: { claimName: this.pick(NAMES) } },
      { name: 't', projected: { sources: [{ serviceAccountToken: { path: 'token', audience: this.pick(NAMES) } }] } },
    ].slice(Math.floor(this.#random() * 3))
    const spec = { nodeName, serviceAccountName: this.pick(NAMES), volumes, containers: [{ name: 'app', image: 'busybox', envFrom }] }
    return { apiVersion: 'v1', kind, metadata, spec } as Pod
  }

  #volume(metadata: object): KubeObject {
    const annotations = { 'pv.kubernetes.io/provisioned-by': 'bramble.dev/local-path', 'bramble.dev/node': this.pick(NODES) }
    return {
      kind: 'PersistentVolume',
      metadata: { ...metadata, annotations },
      spec: {
        persistentVolumeReclaimPolicy: this.pick(['Delete', 'Retain']),
        csi: { driver: this.pick(NAMES), nodePublishSecretRef: { namespace: 'default', name: this.pick(NAMES) } },
      },
      status: { phase: this.pick(['Bound', 'Released']) },
    } as unknown as KubeObject
  }

  /** What the node may see, worked out anew. */
  allowed(nodeName: string): string[] {
    const all = [...this.objects.values()]
    const pods = all.filter(({ kind }) => kind === 'Pod').filter((pod) => (pod as Pod).spec.nodeName === nodeName) as Pod[]
    const removed = all.filter((object) => object.kind === 'PersistentVolume' && removerOf(object as PersistentVolume) === nodeName)
    const named = new Set(removed.map((object) => `${object.kind} ${keyOf(object)}`))
    const follow = (object: KubeObject | undefined): void => {
      for (const id of referencesOf(object)) {
        named.add(id)
        follow(this.objects.get(id))
      }
    }
    for (const root of [...pods, ...removed]) follow(root)
    const seen = all.filter(
      (object) => ['Service', 'EndpointSlice', 'Node'].includes(object.kind!) || named.has(`${object.kind} ${keyOf(object)}`),
    )
    const withTokens = pods.filter(
      ({ spec }) =>
        spec.volumes?.some(({ projected }) => projected) && this.objects.has(`ServiceAccount default/${spec.serviceAccountName}`),
    )
    const own = seen.filter(
      ({ kind, metadata: { name, annotations } }) =>
        kind === 'Node' && name === nodeName && annotations!['bramble.dev/agent-version'] !== 'soon',
    )
    return [
      ...own.map(({ metadata: { name, uid } }) => `NodeConfig ${name} ${uid}`),
      ...[...pods, ...seen].map((object) => `${object.kind} ${keyOf(object)} ${object.metadata.uid}`),
      ...withTokens.map((pod) => `PodToken ${keyOf(pod)} ${pod.metadata.uid}`),
    ].sort()
  }
}

const shown = ({ objects }: Pick<Assigned, 'objects'>): string[] => [...objects].map(([id, { metadata }]) => `${id} ${metadata.uid}`).sort()
const assigned = (index: AssignmentIndex, nodeName: string): Assigned => applyAssignment(undefined, index.complete(nodeName)) as Assigned
const withoutVersions = ({ objects }: Assigned): unknown =>
  [...objects].sort().map(([id, object]) => [id, { ...object, metadata: { ...object.metadata, resourceVersion: '' } }])

test('a node sees its pods, what they name and what all see; nothing else, ever', () => {
  for (let seed = 1; seed <= 60; seed++) {
    const world = new World(seed)
    for (let i = 0; i < 60; i++) {
      world.step()
      for (const nodeName of NODES)
        assert.deepEqual(shown(assigned(world.index, nodeName)), world.allowed(nodeName), `seed ${seed}, step ${i}`)
    }
  }
})

test('increments lead where a complete assignment leads, however many changes they gather', () => {
  for (let seed = 1; seed <= 60; seed++) {
    const world = new World(seed)
    const held = new Map(NODES.map((nodeName) => [nodeName, assigned(world.index, nodeName)]))
    world.index.takeShared()
    world.index.takeOwn()
    for (let i = 0; i < 30; i++) {
      for (let burst = 0; burst < i % 5; burst++) world.step()
      const changes = { shared: world.index.takeShared(), own: world.index.takeOwn() }
      for (const nodeName of NODES) {
        const increment = world.index.increment(nodeName, held.get(nodeName)!.version, changes)
        const next = applyAssignment(held.get(nodeName), increment)
        assert.notEqual(next, 'resync')
        held.set(nodeName, next as Assigned)
        assert.deepEqual(withoutVersions(next as Assigned), withoutVersions(assigned(world.index, nodeName)), `seed ${seed}, step ${i}`)
        assert.equal((next as Assigned).version, world.index.version(nodeName))
      }
    }
  }
})

test('the version depends on the content alone: an index built anew has the same', () => {
  for (let seed = 1; seed <= 60; seed++) {
    const world = new World(seed)
    for (let i = 0; i < 60; i++) world.step()
    const anew = anIndex((kind, key) => world.objects.get(`${kind} ${key}`))
    for (const object of world.objects.values()) anew.update(object.kind!, keyOf(object), object)
    for (const nodeName of NODES) assert.equal(anew.version(nodeName), world.index.version(nodeName), `seed ${seed}`)
  }
})

test('only the nodes concerned have something to hear', () => {
  const world = new World(1)
  const pod = (name: string, nodeName: string): KubeObject =>
    ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: 'default', uid: name, resourceVersion: '1', creationTimestamp: '' },
      spec: { nodeName, containers: [{ name: 'app', image: 'x', envFrom: [{ secretRef: { name: `of-${name}` } }] }] },
    }) as Pod
  world.index.update('Pod', 'default/one', pod('one', 'pi-1'))
  world.index.update('Pod', 'default/two', pod('two', 'pi-2'))
  world.index.takeOwn()
  world.index.update('Secret', 'default/of-one', { apiVersion: 'v1', kind: 'Secret', metadata: { ...pod('of-one', '').metadata } })
  assert.deepEqual([...world.index.takeOwn().keys()], ['pi-1'])
  assert.equal(world.index.changes.shared.size, 0)
  world.index.update('Secret', 'default/of-nobody', { apiVersion: 'v1', kind: 'Secret', metadata: { ...pod('of-nobody', '').metadata } })
  assert.equal(world.index.changes.own.size, 0)
})
