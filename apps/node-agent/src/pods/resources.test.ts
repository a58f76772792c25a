import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Container } from '@bramble/api/types/pod'
import { aContainer, aPod } from './pods-harness.ts'
import { containerResources, oomScoreAdj, qosClass } from './resources.ts'

type Resources = NonNullable<Container['resources']>
const cases: readonly { readonly name: string; readonly resources: readonly Resources[]; readonly qos: string; readonly oom: number }[] = [
  { name: 'nothing asked', resources: [{}], qos: 'BestEffort', oom: 1000 },
  { name: 'limits for everything', resources: [{ limits: { cpu: 1, memory: '64Mi' } }], qos: 'Guaranteed', oom: 0 },
  {
    name: 'requests equal to limits',
    resources: [{ limits: { cpu: '500m', memory: '64Mi' }, requests: { cpu: 0.5, memory: '65536Ki' } }],
    qos: 'Guaranteed',
    oom: 0,
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
    limits: { cpuMillis: 250, memoryBytes: 2 ** 20 },
    cpuRequestMillis: 250,
  })
  assert.deepEqual(containerResources(aContainer('a')), { limits: {}, cpuRequestMillis: 0 })
})
