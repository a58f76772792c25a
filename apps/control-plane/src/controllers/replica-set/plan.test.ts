import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pod } from '@bramble/api/types/pod'
import type { ReplicaSet } from '@bramble/api/types/workload'
import { seeded } from '@bramble/reconcile/sim/seeded'
import { planReplicaSet } from './plan.ts'
import { replicaSetStatus } from './status.ts'

const aSet = (replicas: number, minReadySeconds = 0): ReplicaSet => ({
  metadata: {
    name: 'web',
    namespace: 'default',
    uid: 'web',
    resourceVersion: '1',
    generation: 3,
    creationTimestamp: '2026-01-01T00:00:00Z',
  },
  spec: {
    replicas,
    minReadySeconds,
    selector: { matchLabels: { app: 'web' } },
    template: { metadata: { labels: { app: 'web' } }, spec: { containers: [] } },
  },
})

/**
 * `p1@a+` ready on node a; `p1@a` running, not ready; `p1@a?` pending on a; `p1` not scheduled; `!` leaving; `x` failed;
 * `~5` restarted five times; `$9` deletion cost; a later number is a younger pod, ready that much later.
 */
function aPod(text: string): Pod {
  const [, name, age, node, marks] = /^(p(\d+))(?:@(\w))?(.*)$/.exec(text)!
  const ready = marks!.includes('+')
  const restarts = /~(\d+)/.exec(marks!)?.[1]
  const cost = /\$(-?\d+)/.exec(marks!)?.[1]
  const time = `2026-01-01T00:00:${age!.padStart(2, '0')}Z`
  return {
    metadata: {
      name: name!,
      namespace: 'default',
      uid: name!,
      resourceVersion: '1',
      creationTimestamp: time,
      labels: { app: 'web' },
      ...(cost && { annotations: { 'controller.kubernetes.io/pod-deletion-cost': cost } }),
      ...(marks!.includes('!') && { deletionTimestamp: time }),
    },
    spec: { containers: [], ...(node && { nodeName: node }) },
    status: {
      phase: marks!.includes('x') ? 'Failed' : node && !marks!.includes('?') ? 'Running' : 'Pending',
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime: time }],
      ...(restarts && { containerStatuses: [{ name: 'c', ready, restartCount: Number(restarts), image: '', imageID: '' }] }),
    },
  }
}

const cases = [
  { name: 'makes all pods of an empty set', replicas: 3, pods: [], create: 3, remove: [] },
  { name: 'settles when there are enough', replicas: 2, pods: ['p1@a+', 'p2@b'], create: 0, remove: [] },
  { name: 'makes no more than the limit in one pass', replicas: 500, pods: [], create: 100, remove: [] },
  { name: 'replaces a pod that is leaving at once', replicas: 1, pods: ['p1@a+!'], create: 1, remove: [] },
  { name: 'replaces a pod that has failed', replicas: 1, pods: ['p1@ax'], create: 1, remove: [] },
  { name: 'never removes what is leaving already', replicas: 0, pods: ['p1@a!'], create: 0, remove: [] },
  { name: 'removes pods without a node first', replicas: 1, pods: ['p1@a', 'p2'], create: 0, remove: ['p2'] },
  { name: 'then pods that are pending', replicas: 1, pods: ['p1@a?', 'p2@a'], create: 0, remove: ['p1'] },
  { name: 'then pods that are not ready', replicas: 1, pods: ['p1@a', 'p2@b+'], create: 0, remove: ['p1'] },
  { name: 'then pods that say they are cheap', replicas: 1, pods: ['p1@a+$5', 'p2@b+$9'], create: 0, remove: ['p1'] },
  { name: 'then pods on crowded nodes', replicas: 2, pods: ['p1@a+', 'p2@a+', 'p3@b+'], create: 0, remove: ['p2'] },
  { name: 'then pods that became ready last', replicas: 1, pods: ['p1@a+', 'p2@b+'], create: 0, remove: ['p2'] },
  { name: 'then pods that restarted most', replicas: 1, pods: ['p1@a~5', 'p2@b'], create: 0, remove: ['p1'] },
  { name: 'then the youngest', replicas: 1, pods: ['p1@a', 'p2@b'], create: 0, remove: ['p2'] },
]

for (const { name, replicas, pods, create, remove } of cases)
  test(name, () => {
    const made = pods.map(aPod)
    const plan = planReplicaSet(aSet(replicas), made, made, 100)
    assert.deepEqual({ create: plan.create, remove: plan.remove.map((pod) => pod.metadata.name) }, { create, remove })
  })

test('applying a plan leaves nothing to plan', () => {
  for (let seed = 1; seed <= 300; seed++) {
    const random = seeded(seed)
    const pick = (letters: string): string => letters[Math.floor(random() * letters.length)]!.trim()
    const before = Array.from({ length: Math.floor(random() * 12) }, (_, index) =>
      aPod(`p${index}${random() < 0.7 ? `@${pick('abc')}` : ''}${pick('+! x?')}`),
    )
    const set = aSet(Math.floor(random() * 12))
    const plan = planReplicaSet(set, before, before, 100)
    const after = [
      ...before.filter((pod) => !plan.remove.includes(pod)),
      ...Array.from({ length: plan.create }, (_, index) => aPod(`p${index + 20}`)),
    ]
    assert.deepEqual(planReplicaSet(set, after, after, 100), { create: 0, remove: [] }, `seed ${seed}`)
  }
})

test('the status counts what runs, is labelled, ready, and ready for long enough', () => {
  const unlabelled = aPod('p4@a+')
  unlabelled.metadata.labels = { app: 'web2' }
  const pods = [...['p1', 'p2@a', 'p3@a+', 'p5@a+!', 'p6@ax'].map(aPod), unlabelled]
  assert.deepEqual(replicaSetStatus(aSet(4, 10), pods, undefined, '2026-01-01T00:00:13Z'), {
    replicas: 4,
    fullyLabeledReplicas: 3,
    readyReplicas: 2,
    availableReplicas: 1,
    observedGeneration: 3,
  })
})

test('a failure is told until it is over', () => {
  const set = aSet(1)
  const status = replicaSetStatus(set, [], { reason: 'FailedCreate', message: 'quota' }, '2026-01-01T00:00:00Z')
  assert.deepEqual(status.conditions, [
    { type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message: 'quota', lastTransitionTime: '2026-01-01T00:00:00Z' },
  ])
  assert.equal(replicaSetStatus({ ...set, status }, [], undefined, '2026-01-01T00:00:01Z').conditions, undefined)
})
