import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Container } from '@bramble/api/types/pod'
import { aContainer, aPod } from './pods-harness.ts'
import { containerResources, qosClass, podResources } from './resources.ts'
import { oomScoreAdj } from './security/oom-score.ts'

type Resources = NonNullable<Container['resources']>
const cases: readonly { readonly name: string; readonly resources: readonly Resources[]; readonly qos: string; readonly oom: number }[] = [
  { name: 'nothing asked', resources: [{}], qos: 'BestEffort', oom: 1000 },
  { name: 'limits for everything', resources: [{ limits: { cpu: 1, memory: '64Mi' } }], qos: 'Guaranteed', oom: -997 },
  {
    name: 'requests equal to limits',
    resources: [{ limits: { cpu: '500m', memory: '64Mi' }, requests: { cpu: 0.5, memory: '65536Ki' } }],
    qos: 'Guaranteed',
    oom: -997,
  },
  {
    name: 'a request below its limit',
    resources: [{ limits: { cpu: 1, memory: '512Mi' }, requests: { memory: '256Mi' } }],
    qos: 'Burstable',
    oom: 750,
  },
  { name: 'one container without', resources: [{ limits: { cpu: 1, memory: '512Mi' } }, {}], qos: 'Burstable', oom: 500 },
  { name: 'more than the node has', resources: [{ requests: { memory: '2Gi' } }], qos: 'Burstable', oom: 3 },
]
for (const { name, resources, qos, oom } of cases)
  test(`${name} is ${qos}`, () => {
    const pod = aPod('web', { containers: resources.map((each, index) => aContainer(`c${index}`, { resources: each })) })
    assert.equal(qosClass(pod), qos)
    assert.equal(oomScoreAdj(pod, pod.spec.containers[0]!, 2 ** 30), oom)
  })

test('a limit alone is also a request, and no limit is none', () => {
  assert.deepEqual(containerResources(aContainer('a', { resources: { limits: { cpu: '250m', memory: '1Mi' } } })), {
    cpuRequestMillis: 250,
    cpuLimitMillis: 250,
    memoryLimitBytes: 2 ** 20,
  })
  assert.deepEqual(containerResources(aContainer('a')), { cpuRequestMillis: 0 })
})

test('a pod has the sum of its limits, and none where a container has none; sidecars count, other init containers do not', () => {
  const limited = (cpu: string, memory: string) => aContainer(`c${cpu}`, { resources: { limits: { cpu, memory } } })
  const pod = aPod('web', {
    containers: [limited('1', '1Mi'), limited('500m', '2Mi')],
    initContainers: [limited('4', '8Mi'), { ...limited('250m', '1Mi'), restartPolicy: 'Always' as const }],
  })
  assert.deepEqual(podResources(pod), {
    qosClass: 'Guaranteed',
    cpuRequestMillis: 1750,
    cpuLimitMillis: 1750,
    memoryLimitBytes: 4 * 2 ** 20,
  })
  pod.spec.containers.push(aContainer('greedy', { resources: { limits: { cpu: '1' } } }))
  assert.deepEqual(podResources(pod), { qosClass: 'Burstable', cpuRequestMillis: 2750, cpuLimitMillis: 2750 })
})
