import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seeded } from '@bramble/reconcile/sim/seeded'
import type { Node } from '@bramble/api/types/node'
import type { Pod } from '@bramble/api/types/pod'
import { ClusterView } from './cluster-view.ts'
import { place } from './pipeline.ts'
import { needsOf } from './pod-needs.ts'
import { defaultPipeline } from './scheduler.ts'

const meta = (name: string) => ({ name, uid: `uid-${name}`, resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' })
const node = (
  name: string,
  more: { labels?: Record<string, string>; spec?: Node['spec']; allocatable?: Record<string, string> } = {},
): Node => ({
  metadata: { ...meta(name), labels: { 'kubernetes.io/hostname': name, ...more.labels } },
  spec: more.spec ?? {},
  status: { allocatable: more.allocatable ?? { cpu: '4', memory: '4Gi', pods: '10' } },
})
const pod = (name: string, spec: Partial<Pod['spec']> = {}, owner?: string): Pod => ({
  metadata: {
    ...meta(name),
    namespace: 'default',
    ...(owner && { ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: owner, uid: owner, controller: true }] }),
  },
  spec: { containers: [{ name: 'main', image: 'x' }], ...spec },
})
const requesting = (requests: Record<string, string>) => ({ containers: [{ name: 'main', image: 'x', resources: { requests } }] })
const onPort = (hostPort: number, hostIP?: string) => ({
  containers: [{ name: 'main', image: 'x', ports: [{ containerPort: 80, hostPort, ...(hostIP && { hostIP }) }] }],
})
const required = (
  terms: NonNullable<
    NonNullable<NonNullable<Pod['spec']['affinity']>['nodeAffinity']>['requiredDuringSchedulingIgnoredDuringExecution']
  >['nodeSelectorTerms'],
) => ({ affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: terms } } } })

function outcome(wanted: Pod, nodes: readonly Node[], running: readonly Pod[] = []): string {
  const view = new ClusterView()
  for (const each of nodes) view.setNode(each)
  for (const each of running) view.setPod(each)
  const placement = place(needsOf(wanted), view.nodes(), defaultPipeline)
  return 'message' in placement ? placement.message : placement.nodeName
}

const unreachable = node('b', {
  spec: {
    taints: [
      { key: 'node.kubernetes.io/unreachable', effect: 'NoSchedule' },
      { key: 'node.kubernetes.io/unreachable', effect: 'NoExecute' },
    ],
  },
})
const ssd = node('c', { labels: { disktype: 'ssd' } })
const cases: { name: string; pod: Pod; nodes: readonly Node[]; running?: readonly Pod[]; expect: string }[] = [
  { name: 'no node at all', pod: pod('p'), nodes: [], expect: 'no nodes available to schedule pods' },
  { name: 'of equal nodes the first by name', pod: pod('p'), nodes: [node('b'), node('a')], expect: 'a' },
  {
    name: 'the node with more room',
    pod: pod('p'),
    nodes: [node('a'), node('b')],
    running: [pod('x', { ...requesting({ cpu: '1' }), nodeName: 'a' })],
    expect: 'b',
  },
  {
    name: 'reasons are counted and sorted',
    pod: pod('p', { nodeSelector: { disktype: 'ssd' } }),
    nodes: [node('a'), unreachable, node('d')],
    expect:
      "0/3 nodes are available: 1 node(s) had untolerated taint {node.kubernetes.io/unreachable: }, 2 node(s) didn't match Pod's node affinity/selector.",
  },
  { name: 'node selector', pod: pod('p', { nodeSelector: { disktype: 'ssd' } }), nodes: [node('a'), ssd], expect: 'c' },
  {
    name: 'required affinity by field',
    pod: pod('p', required([{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['b'] }] }])),
    nodes: [node('a'), node('b')],
    expect: 'b',
  },
  {
    name: 'one of several terms is enough, all of a term must hold',
    nodes: [node('a'), ssd],
    pod: pod(
      'p',
      required([
        {
          matchExpressions: [
            { key: 'disktype', operator: 'Exists' },
            { key: 'gpu', operator: 'Exists' },
          ],
        },
        { matchExpressions: [{ key: 'disktype', operator: 'In', values: ['ssd'] }] },
      ]),
    ),
    expect: 'c',
  },
  {
    name: 'an empty term matches nothing',
    pod: pod('p', required([{}])),
    nodes: [node('a')],
    expect: "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.",
  },
  { name: 'a tolerated taint is none', pod: pod('p', { tolerations: [{ operator: 'Exists' }] }), nodes: [unreachable], expect: 'b' },
  {
    name: 'cordoned',
    pod: pod('p'),
    nodes: [node('a', { spec: { unschedulable: true } })],
    expect: '0/1 nodes are available: 1 node(s) were unschedulable.',
  },
  {
    name: 'cordoned, tolerated',
    pod: pod('p', { tolerations: [{ key: 'node.kubernetes.io/unschedulable', operator: 'Exists', effect: 'NoSchedule' }] }),
    nodes: [node('a', { spec: { unschedulable: true } })],
    expect: 'a',
  },
  {
    name: 'every resource that is short is named',
    pod: pod('p', requesting({ cpu: '5', memory: '5Gi' })),
    nodes: [node('a')],
    expect: '0/1 nodes are available: 1 Insufficient cpu, 1 Insufficient memory.',
  },
  {
    name: 'requests of bound pods count',
    pod: pod('p', requesting({ cpu: '3' })),
    nodes: [node('a')],
    running: [pod('x', { ...requesting({ cpu: '1500m' }), nodeName: 'a' })],
    expect: '0/1 nodes are available: 1 Insufficient cpu.',
  },
  {
    name: 'pods that ended take nothing',
    pod: pod('p', requesting({ cpu: '3' })),
    nodes: [node('a')],
    running: [{ ...pod('x', { ...requesting({ cpu: '1500m' }), nodeName: 'a' }), status: { phase: 'Succeeded' } }],
    expect: 'a',
  },
  {
    name: 'exactly what is left fits',
    pod: pod('p', requesting({ cpu: '2500m' })),
    nodes: [node('a')],
    running: [pod('x', { ...requesting({ cpu: '1500m' }), nodeName: 'a' })],
    expect: 'a',
  },
  {
    name: 'a limit without a request is one',
    pod: pod('p', { containers: [{ name: 'm', image: 'x', resources: { limits: { cpu: '5' } } }] }),
    nodes: [node('a')],
    expect: '0/1 nodes are available: 1 Insufficient cpu.',
  },
  {
    name: 'the largest init container counts, beside sidecars',
    nodes: [node('a')],
    expect: '0/1 nodes are available: 1 Insufficient cpu.',
    pod: pod('p', {
      ...requesting({ cpu: '1' }),
      initContainers: [
        { name: 's', image: 'x', restartPolicy: 'Always', resources: { requests: { cpu: '2' } } },
        { name: 'i', image: 'x', resources: { requests: { cpu: '2500m' } } },
      ],
    }),
  },
  {
    name: 'an unknown resource is nowhere',
    pod: pod('p', requesting({ 'example.com/tpu': '1' })),
    nodes: [node('a')],
    expect: '0/1 nodes are available: 1 Insufficient example.com/tpu.',
  },
  {
    name: 'too many pods',
    pod: pod('p'),
    nodes: [node('a', { allocatable: { cpu: '4', memory: '4Gi', pods: '1' } })],
    running: [pod('x', { nodeName: 'a' })],
    expect: '0/1 nodes are available: 1 Too many pods.',
  },
  {
    name: 'a host port that is taken',
    pod: pod('p', onPort(80)),
    nodes: [node('a')],
    running: [pod('x', { ...onPort(80, '10.0.0.1'), nodeName: 'a' })],
    expect: "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports.",
  },
  {
    name: 'the same host port on two addresses',
    pod: pod('p', onPort(80, '10.0.0.2')),
    nodes: [node('a')],
    running: [pod('x', { ...onPort(80, '10.0.0.1'), nodeName: 'a' })],
    expect: 'a',
  },
  {
    name: 'pods of one owner spread',
    pod: pod('p', {}, 'web'),
    nodes: [node('a'), node('b', { allocatable: { cpu: '2', memory: '2Gi' } })],
    running: [pod('x', { nodeName: 'a' }, 'web')],
    expect: 'b',
  },
  {
    name: 'preferred affinity',
    nodes: [node('a'), ssd],
    expect: 'c',
    pod: pod('p', {
      affinity: {
        nodeAffinity: {
          preferredDuringSchedulingIgnoredDuringExecution: [
            { weight: 1, preference: { matchExpressions: [{ key: 'disktype', operator: 'In', values: ['ssd'] }] } },
          ],
        },
      },
    }),
  },
  {
    name: 'a PreferNoSchedule taint is avoided',
    pod: pod('p'),
    nodes: [node('a', { spec: { taints: [{ key: 'slow', effect: 'PreferNoSchedule' }] } }), node('b')],
    expect: 'b',
  },
]
for (const { name, pod: wanted, nodes, running, expect } of cases) test(name, () => assert.equal(outcome(wanted, nodes, running), expect))

test('counting change by change equals counting anew (seeded)', () => {
  for (let seed = 1; seed <= 100; seed++) {
    const random = seeded(seed)
    const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)]!
    const nodes = ['a', 'b', 'c'].map((name) => node(name))
    const alive = new Map<string, Pod>()
    const view = new ClusterView()
    for (const each of nodes) view.setNode(each)
    for (let step = 0; step < 40; step++) {
      const name = `p${Math.floor(random() * 8)}`
      if (random() < 0.3) {
        alive.delete(name)
        view.removePod(`uid-${name}`)
      } else {
        const next = pod(
          name,
          {
            ...requesting({ cpu: pick(['100m', '1', '2']), memory: pick(['64Mi', '1Gi']) }),
            nodeName: alive.get(name)?.spec.nodeName ?? pick(['a', 'b', 'c']),
          },
          pick(['r', 's', undefined]),
        )
        if (random() < 0.5) view.assume(needsOf(next), next.spec.nodeName!)
        view.setPod(next)
        alive.set(name, next)
      }
    }
    const anew = new ClusterView()
    for (const each of nodes) anew.setNode(each)
    for (const each of alive.values()) anew.setPod(each)
    const facts = (of: ClusterView) =>
      of.nodes().map((each) => [each.podCount, each.requested('cpu'), each.requested('memory'), each.podsOf('r'), each.podsOf('s')])
    assert.deepEqual(facts(view), facts(anew), `seed ${seed}`)
  }
})
