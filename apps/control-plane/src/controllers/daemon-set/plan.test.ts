import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Node } from '@bramble/api/types/node'
import type { Pod } from '@bramble/api/types/pod'
import { seeded } from '@bramble/reconcile/sim/seeded'
import { bounds, planDaemonSet } from './plan.ts'
import { aNode, aPod, aSet, type DaemonWish, NOW_MS } from './testing.ts'

interface Case {
  readonly name: string
  readonly wish?: DaemonWish
  readonly nodes: readonly string[]
  readonly pods: readonly string[]
  readonly heldBack?: readonly string[]
  readonly create?: readonly string[]
  readonly remove?: readonly string[]
}

const exists = (key: string) => [{ key, operator: 'Exists' as const }]
const cases: readonly Case[] = [
  { name: 'creates on every bare node', nodes: ['a', 'b'], pods: [], create: ['a', 'b'] },
  { name: 'settles when each node has one', nodes: ['a'], pods: ['a:p1*'] },
  { name: 'counts a pod that is made but not yet bound', nodes: ['a'], pods: ['a:p1*…'] },
  { name: 'keeps the oldest of two on one node', nodes: ['a'], pods: ['a:p1*', 'a:p2*'], remove: ['p2'] },
  { name: 'keeps a bound one rather than one that is not', nodes: ['a'], pods: ['a:p1*…', 'a:p2*'], remove: ['p1'] },
  { name: 'removes from a node that is gone', nodes: [], pods: ['a:p1*'], remove: ['p1'] },
  { name: 'waits for a leaving pod before replacing it', nodes: ['a'], pods: ['a:p1*!'] },
  { name: 'replaces a failed pod', nodes: ['a'], pods: ['a:p1*x'], remove: ['p1'] },
  { name: 'leaves a failed pod lying while it is held back', nodes: ['a'], pods: ['a:p1*x'], heldBack: ['a'] },
  { name: 'stays away from a tainted node', nodes: ['a:gpu', 'b'], pods: [], create: ['b'] },
  { name: 'goes where its toleration allows', wish: { spec: { tolerations: exists('gpu') } }, nodes: ['a:gpu'], pods: [], create: ['a'] },
  { name: 'a taint against new pods does not drive out a running one', nodes: ['a:gpu'], pods: ['a:p1*'] },
  { name: 'a taint against all pods does', nodes: ['a:gpu!'], pods: ['a:p1*'], remove: ['p1'] },
  {
    name: 'goes only where the node selector points',
    wish: { spec: { nodeSelector: { disk: 'ssd' } } },
    nodes: ['a#ssd', 'b#hdd'],
    pods: [],
    create: ['a'],
  },
  {
    name: 'leaves a node whose label changed',
    wish: { spec: { nodeSelector: { disk: 'ssd' } } },
    nodes: ['a#hdd'],
    pods: ['a:p1*'],
    remove: ['p1'],
  },
  { name: 'keeps a pod on a node that is offline', nodes: ['a~'], pods: ['a:p1*?'] },

  { name: 'updates one node at a time', nodes: ['a', 'b'], pods: ['a:p1', 'b:p2'], remove: ['p1'] },
  {
    name: 'updates as many as may be missing',
    wish: { unavailable: '50%' },
    nodes: ['a', 'b', 'c', 'd'],
    pods: ['a:p1', 'b:p2', 'c:p3', 'd:p4'],
    remove: ['p1', 'p2'],
  },
  { name: 'waits for the new pod to be available', nodes: ['a', 'b'], pods: ['a:p1*?', 'b:p2'] },
  { name: 'waits while the old pod is leaving', nodes: ['a', 'b'], pods: ['a:p1!', 'b:p2'] },
  { name: 'waits while the new pod is yet to be made', nodes: ['a', 'b'], pods: ['b:p2'], create: ['a'] },
  { name: 'goes on when the new pod is available', nodes: ['a', 'b'], pods: ['a:p1*', 'b:p2'], remove: ['p2'] },
  { name: 'replaces a broken old pod whatever may be missing', nodes: ['a', 'b', 'c'], pods: ['a:p1', 'b:p2?', 'c:p3*?'], remove: ['p2'] },
  { name: 'an offline node does not hold up the others', nodes: ['a~', 'b', 'c'], pods: ['a:p1?', 'b:p2', 'c:p3'], remove: ['p2'] },
  {
    name: 'a node that went offline in the middle of its update does not hold up the others',
    nodes: ['a~', 'b'],
    pods: ['a:p1*?', 'b:p2'],
    remove: ['p2'],
  },
  { name: 'a node that has just gone offline counts as missing for a while', nodes: ['a~5', 'b'], pods: ['a:p1*?', 'b:p2'] },
  { name: 'a node that returns is caught up', nodes: ['a', 'b'], pods: ['a:p1', 'b:p2*'], remove: ['p1'] },
  { name: 'OnDelete leaves old pods alone', wish: { onDelete: true }, nodes: ['a', 'b'], pods: ['a:p1'], create: ['b'] },

  { name: 'with a surge the new pod comes first', wish: { surge: 1 }, nodes: ['a', 'b'], pods: ['a:p1', 'b:p2'], create: ['a'] },
  {
    name: 'with a surge it waits for the new pod beside the old one',
    wish: { surge: 1 },
    nodes: ['a', 'b'],
    pods: ['a:p1', 'a:p3*?', 'b:p2'],
  },
  {
    name: 'with a surge the old pod goes when the new one is available',
    wish: { surge: 1 },
    nodes: ['a', 'b'],
    pods: ['a:p1', 'a:p3*', 'b:p2'],
    create: ['b'],
    remove: ['p1'],
  },
]

for (const { name, wish, nodes, pods, heldBack = [], create = [], remove = [] } of cases)
  test(name, () => {
    const plan = planDaemonSet(
      { set: aSet(wish), hash: 'new', nodes: nodes.map(aNode), pods: pods.map(aPod), heldBack: new Set(heldBack), nowMs: NOW_MS },
      100,
    )
    assert.deepEqual(plan.create, create)
    assert.deepEqual(
      plan.remove.map((pod) => pod.metadata.name),
      remove,
    )
  })

test('one bad template cannot flood the store', () => {
  const nodes = 'abcdefgh'.split('').map(aNode)
  assert.equal(planDaemonSet({ set: aSet(), hash: 'new', nodes, pods: [], heldBack: new Set(), nowMs: NOW_MS }, 3).create.length, 3)
})

const MARKS = ['', '*', '?', '*?', '…', '*…', '!', '*!', 'x', '*x'] as const
const pickOf =
  (random: () => number) =>
  <T>(items: readonly T[]): T =>
    items[Math.floor(random() * items.length)]!

/** What the plan and the nodes do to the world in one step: leaving pods go, new ones run at once. */
function applied(pods: readonly Pod[], plan: ReturnType<typeof planDaemonSet>, nextName: () => string): readonly Pod[] {
  const gone = new Set(plan.remove)
  return [
    ...pods.filter((pod) => !gone.has(pod) && !pod.metadata.deletionTimestamp),
    ...plan.create.map((nodeName) => aPod(`${nodeName}:${nextName()}*`)),
  ]
}

test('whatever it starts from, following the plan ends with one available new pod on every reachable node', () => {
  for (let seed = 1; seed <= 300; seed++) {
    const pick = pickOf(seeded(seed))
    const nodes = ['a', 'b', 'c', 'd'].filter(() => pick([true, true, false])).map((name) => aNode(name + pick(['', '', '~'])))
    const set = aSet(pick<DaemonWish>([{}, { unavailable: 2 }, { unavailable: '100%' }, { surge: 1 }, { surge: '50%' }]))
    let made = 0
    const nextName = (): string => `n${made++}`
    let pods: readonly Pod[] = Array.from({ length: pick([0, 2, 4, 6]) }, (_, index) =>
      aPod(`${pick(['a', 'b', 'c', 'd', 'e'])}:p${index}${pick(MARKS)}`),
    )
    const plan = () => planDaemonSet({ set, hash: 'new', nodes, pods, heldBack: new Set(), nowMs: NOW_MS }, 100)
    for (let step = 0; step < 20; step++) {
      pods = applied(pods, plan(), nextName)
      if (step > 8)
        pods = pods.map((pod) =>
          isReady(pod)
            ? pod
            : { ...pod, spec: { ...pod.spec, nodeName: pod.spec.nodeName ?? targetOf(pod) }, status: aPod('a:p1').status! },
        )
    }
    assert.deepEqual(plan(), { create: [], remove: [] }, `seed ${seed}`)
    for (const node of nodes.filter(isOnline))
      assert.deepEqual(
        pods.filter((pod) => targetOf(pod) === node.metadata.name).map((pod) => pod.metadata.labels!['controller-revision-hash']),
        ['new'],
        `seed ${seed}`,
      )
  }
})

test('a rolling update never leaves more nodes without an available pod than it may, whatever the order in which pods come and go', () => {
  for (let seed = 1; seed <= 300; seed++) {
    const random = seeded(seed)
    const pick = pickOf(random)
    const nodes = 'abcdef'
      .slice(0, 1 + Math.floor(random() * 6))
      .split('')
      .map(aNode)
    const set = aSet(pick<DaemonWish>([{}, { unavailable: 2 }, { unavailable: '50%' }, { surge: 1 }, { surge: 2 }]))
    const { surgeMax, unavailableMax } = bounds(set, nodes.length)
    let pods: readonly Pod[] = nodes.map((node, index) => aPod(`${node.metadata.name}:p${index}`))
    let made = 0
    for (let step = 0; step < 100; step++) {
      const dice = random()
      if (dice < 0.4) {
        const plan = planDaemonSet({ set, hash: 'new', nodes, pods, heldBack: new Set(), nowMs: NOW_MS }, 100)
        pods = pods.map((pod) => (plan.remove.includes(pod) ? { ...pod, metadata: { ...pod.metadata, deletionTimestamp: 'now' } } : pod))
        pods = [...pods, ...plan.create.map((nodeName) => aPod(`${nodeName}:n${made++}*?`))]
      } else if (dice < 0.7) {
        const leaving = pods.find((pod) => pod.metadata.deletionTimestamp)
        pods = pods.filter((pod) => pod !== leaving)
      } else {
        const starting = pick(pods.filter((pod) => !isReady(pod)))
        pods = pods.map((pod) => (pod === starting ? { ...pod, status: aPod('a:p1').status! } : pod))
      }
      const staying = pods.filter((pod) => !pod.metadata.deletionTimestamp)
      const served = nodes.filter((node) => staying.some((pod) => targetOf(pod) === node.metadata.name && isReady(pod)))
      assert.ok(
        nodes.length - served.length <= unavailableMax,
        `seed ${seed}, step ${step}: ${served.length} of ${nodes.length} nodes served`,
      )
      const crowded = nodes.filter((node) => staying.filter((pod) => targetOf(pod) === node.metadata.name).length > 1)
      assert.ok(crowded.length <= surgeMax, `seed ${seed}, step ${step}: ${crowded.length} nodes with two pods`)
    }
  }
})

const isReady = (pod: Pod): boolean => pod.status?.conditions?.[0]?.status === 'True'
const isOnline = (node: Node): boolean => node.status?.conditions?.[0]?.status === 'True'
const targetOf = (pod: Pod): string =>
  pod.spec.affinity!.nodeAffinity!.requiredDuringSchedulingIgnoredDuringExecution!.nodeSelectorTerms[0]!.matchFields![0]!.values![0]!
