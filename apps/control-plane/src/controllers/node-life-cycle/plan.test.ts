import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Node, Taint } from '@bramble/api/types/node'
import type { Pod, Toleration } from '@bramble/api/types/pod'
import { toleratedMs } from './eviction.ts'
import { plannedTaints, silentConditions, withdrawnConditions } from './plan.ts'

const NOW = '2026-01-01T01:00:00Z'
const meta = (name: string) => ({ name, uid: name, resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' })
const node = (conditions: Record<string, 'True' | 'False' | 'Unknown'>, spec: Node['spec'] = {}): Node => ({
  metadata: meta('pi'),
  spec,
  status: { conditions: Object.entries(conditions).map(([type, status]) => ({ type, status, reason: 'Before' })) },
})

/** `not-ready:NoSchedule`, `mine=x:NoSchedule`; `@1` was there before, since 01:00. */
const taints = (...each: readonly string[]): Taint[] =>
  each.map((text) => {
    const [, key, value, effect, before] = /^([\w./-]+)(?:=(\w+))?:(\w+)(@)?$/.exec(text)!
    const own = /^(not-ready|unreachable|unschedulable|network-unavailable|\w+-pressure)$/.test(key!)
    return {
      key: own ? `node.kubernetes.io/${key}` : key!,
      ...(value && { value }),
      effect: effect as Taint['effect'],
      ...(effect === 'NoExecute' && { timeAdded: before ? '2026-01-01T00:30:00Z' : NOW }),
    }
  })

const cases: { name: string; node: Node; expect: Taint[] }[] = [
  { name: 'ready: none', node: node({ Ready: 'True' }), expect: [] },
  { name: 'never heard of: no pods yet, but none evicted', node: node({}), expect: taints('not-ready:NoSchedule') },
  { name: 'not ready', node: node({ Ready: 'False' }), expect: taints('not-ready:NoSchedule', 'not-ready:NoExecute') },
  { name: 'unreachable', node: node({ Ready: 'Unknown' }), expect: taints('unreachable:NoSchedule', 'unreachable:NoExecute') },
  {
    name: 'not ready becomes unreachable',
    node: node({ Ready: 'Unknown' }, { taints: taints('not-ready:NoSchedule', 'not-ready:NoExecute@') }),
    expect: taints('unreachable:NoSchedule', 'unreachable:NoExecute'),
  },
  {
    name: 'still unreachable: since when stays',
    node: node({ Ready: 'Unknown' }, { taints: taints('unreachable:NoSchedule', 'unreachable:NoExecute@') }),
    expect: taints('unreachable:NoSchedule', 'unreachable:NoExecute@'),
  },
  {
    name: 'ready again: ours go, others stay',
    node: node({ Ready: 'True' }, { taints: taints('mine=x:NoSchedule', 'unreachable:NoSchedule', 'unreachable:NoExecute@') }),
    expect: taints('mine=x:NoSchedule'),
  },
  { name: 'cordoned', node: node({ Ready: 'True' }, { unschedulable: true }), expect: taints('unschedulable:NoSchedule') },
  { name: 'uncordoned', node: node({ Ready: 'True' }, { taints: taints('unschedulable:NoSchedule') }), expect: [] },
  {
    name: 'a full disk',
    node: node({ Ready: 'True', DiskPressure: 'True', MemoryPressure: 'False' }),
    expect: taints('disk-pressure:NoSchedule'),
  },
  {
    name: 'everything at once',
    node: node({ Ready: 'True', MemoryPressure: 'True', DiskPressure: 'True', PIDPressure: 'True', NetworkUnavailable: 'True' }),
    expect: taints('memory-pressure:NoSchedule', 'disk-pressure:NoSchedule', 'pid-pressure:NoSchedule', 'network-unavailable:NoSchedule'),
  },
]
for (const { name, node: of, expect } of cases)
  test(`taints: ${name}`, () => {
    const planned = plannedTaints(of, NOW)
    assert.deepEqual(planned, expect)
    assert.deepEqual(plannedTaints({ ...of, spec: { ...of.spec, taints: [...planned] } }, '2026-01-01T02:00:00Z'), planned, 'and stay so')
  })

test('a silent node: everything it would report is unknown, what others say stays', () => {
  const silent = silentConditions(node({ Ready: 'True', DiskPressure: 'False', NetworkUnavailable: 'False' }), NOW)
  assert.deepEqual(
    silent.map(({ type, status, reason, lastTransitionTime }) => [type, status, reason, lastTransitionTime]),
    [
      ['Ready', 'Unknown', 'NodeStatusUnknown', NOW],
      ['DiskPressure', 'Unknown', 'NodeStatusUnknown', NOW],
      ['NetworkUnavailable', 'False', 'Before', undefined],
    ],
  )
  assert.deepEqual(
    silentConditions(node({}), NOW).map(({ type, reason }) => [type, reason]),
    [['Ready', 'NodeStatusNeverUpdated']],
  )
})

test('a node that is known to be lost already keeps the reason', () => {
  const lost = node({ Ready: 'Unknown' })
  assert.equal(silentConditions(lost, NOW), lost.status!.conditions)
})

const pod = (tolerations: Toleration[] = [], spec: Partial<Pod['spec']> = {}, status: Pod['status'] = {}): Pod => ({
  metadata: { ...meta('p'), namespace: 'default' },
  spec: { containers: [], tolerations, ...spec },
  status,
})

test('a ready pod is withdrawn once', () => {
  const conditions = withdrawnConditions(
    pod(
      [],
      {},
      {
        conditions: [
          { type: 'Ready', status: 'True' },
          { type: 'PodScheduled', status: 'True' },
        ],
      },
    ),
    NOW,
  )!
  assert.deepEqual(
    conditions.map(({ type, status, reason }) => [type, status, reason]),
    [
      ['Ready', 'False', 'NodeNotReady'],
      ['PodScheduled', 'True', undefined],
    ],
  )
  assert.equal(withdrawnConditions(pod([], {}, { conditions: [...conditions] }), NOW), undefined)
})

const forSeconds = (key: string, tolerationSeconds?: number): Toleration => ({
  key: `node.kubernetes.io/${key}`,
  operator: 'Exists',
  effect: 'NoExecute',
  ...(tolerationSeconds !== undefined && { tolerationSeconds }),
})
const unreachable = taints('unreachable:NoSchedule', 'unreachable:NoExecute')
const stays: { name: string; pod: Pod; taints: Taint[]; ms: number }[] = [
  { name: 'no such taint', pod: pod(), taints: taints('unreachable:NoSchedule'), ms: Infinity },
  { name: 'no toleration', pod: pod(), taints: unreachable, ms: 0 },
  { name: 'five minutes', pod: pod([forSeconds('unreachable', 300), forSeconds('not-ready', 10)]), taints: unreachable, ms: 300_000 },
  { name: 'for ever, as DaemonSet pods', pod: pod([forSeconds('unreachable')]), taints: unreachable, ms: Infinity },
  {
    name: 'the shortest counts',
    pod: pod([forSeconds('unreachable', 300), forSeconds('unreachable', 20)]),
    taints: unreachable,
    ms: 20_000,
  },
  { name: 'negative is at once', pod: pod([forSeconds('unreachable', -5)]), taints: unreachable, ms: 0 },
  {
    name: 'every taint must be tolerated',
    pod: pod([forSeconds('unreachable', 300)]),
    taints: [...unreachable, ...taints('mine=x:NoExecute')],
    ms: 0,
  },
  { name: 'a pod that ended', pod: pod([], {}, { phase: 'Succeeded' }), taints: unreachable, ms: Infinity },
  {
    name: 'a pod that can run nowhere else',
    pod: pod([forSeconds('unreachable', 300)], { nodeSelector: { 'kubernetes.io/hostname': 'pi' } }),
    taints: unreachable,
    ms: Infinity,
  },
  {
    name: 'but an operator may drive even that one away',
    pod: pod([], { nodeSelector: { 'kubernetes.io/hostname': 'pi' } }),
    taints: taints('mine=x:NoExecute'),
    ms: 0,
  },
]
for (const { name, pod: of, taints: on, ms } of stays) test(`stays: ${name}`, () => assert.equal(toleratedMs(of, on), ms))
