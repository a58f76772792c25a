import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { HorizontalPodAutoscaler } from '@bramble/api/types/autoscaling'
import { fromV1, toV1 } from './autoscaler-spec/convert.ts'
import { horizontalPodAutoscalers, horizontalPodAutoscalersV1 } from './horizontal-pod-autoscaler.ts'
import { METADATA, refusals, row, written } from './testing.ts'

const cpu = { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } } }
const memory = { type: 'Resource', resource: { name: 'memory', target: { type: 'AverageValue', averageValue: '64Mi' } } }
const requests = { type: 'Pods', pods: { metric: { name: 'requests' }, target: { type: 'AverageValue', averageValue: '10' } } }
const queue = { type: 'External', external: { metric: { name: 'queue' }, target: { type: 'Value', value: '30' } } }
const scaler = (spec: object = {}): object => ({
  spec: { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' }, maxReplicas: 5, ...spec },
})

test('an autoscaler that says nothing keeps the processors at four fifths', () => {
  const { spec } = written<HorizontalPodAutoscaler>(horizontalPodAutoscalers, scaler())
  assert.equal(spec.minReplicas, 1)
  assert.deepEqual(spec.metrics, [{ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } } }])
  assert.equal(spec.behavior, undefined)
})
test('a behaviour is completed', () => {
  const { spec } = written<HorizontalPodAutoscaler>(
    horizontalPodAutoscalers,
    scaler({ behavior: { scaleDown: { stabilizationWindowSeconds: 60 } } }),
  )
  assert.deepEqual(spec.behavior, {
    scaleUp: {
      stabilizationWindowSeconds: 0,
      selectPolicy: 'Max',
      policies: [
        { type: 'Pods', value: 4, periodSeconds: 15 },
        { type: 'Percent', value: 100, periodSeconds: 15 },
      ],
    },
    scaleDown: { selectPolicy: 'Max', policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }], stabilizationWindowSeconds: 60 },
  })
})

const M = 'spec.metrics[0]'
const TYPES = 'supported values: "ContainerResource", "External", "Object", "Pods", "Resource"'
const checks: readonly (readonly [name: string, spec: object, ...expected: string[]])[] = [
  ['by every sort of metric', { metrics: [cpu, memory, requests, queue] }],
  ['of nothing', { scaleTargetRef: undefined }, 'spec.scaleTargetRef.kind: Required value', 'spec.scaleTargetRef.name: Required value'],
  [
    'to no pods at most',
    { maxReplicas: 0 },
    'spec.maxReplicas: Invalid value: 0: must be greater than 0',
    'spec.maxReplicas: Invalid value: 0: must be greater than or equal to `minReplicas`',
  ],
  ['to more than at most', { minReplicas: 9 }, 'spec.maxReplicas: Invalid value: 5: must be greater than or equal to `minReplicas`'],
  [
    'to none',
    { minReplicas: 0 },
    'spec.minReplicas: Invalid value: 0: must be greater than or equal to 1',
    'spec.metrics: Forbidden: must specify at least one Object or External metric to support scaling to zero replicas',
  ],
  [
    'by an unknown sort',
    { metrics: [{ type: 'Mood' }] },
    `${M}.type: Unsupported value: "Mood": ${TYPES}`,
    `${M}.type: Unsupported value: "Mood": ${TYPES}`,
  ],
  [
    'by a metric that is missing',
    { metrics: [{ type: 'Pods' }] },
    `${M}.pods: Required value: must populate information for the given metric source`,
  ],
  [
    'by two metrics in one',
    { metrics: [{ ...cpu, pods: requests.pods }] },
    `${M}.pods: Forbidden: must populate the given metric source only`,
  ],
  [
    'by a share of nothing',
    { metrics: [{ type: 'Resource', resource: { target: { type: 'Utilization' } } }] },
    `${M}.resource.name: Required value: must specify a resource name`,
    `${M}.resource.target.averageUtilization: Required value: must set either a target raw value or a target utilization`,
  ],
  [
    'by a share below one',
    { metrics: [{ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 0 } } }] },
    `${M}.resource.target.averageUtilization: Invalid value: 0: must be greater than 0`,
  ],
  [
    'by an amount of nothing',
    { metrics: [{ type: 'External', external: { metric: {}, target: { type: 'Sum', value: '0' } } }] },
    `${M}.external.metric.name: Required value: must specify a metric name`,
    `${M}.external.target.type: Invalid value: "Sum": must be either Utilization, Value, or AverageValue`,
    `${M}.external.target.value: Invalid value: "0": must be positive`,
  ],
  [
    'in a hurry of no time',
    {
      behavior: {
        scaleUp: { policies: [{ type: 'Pods', value: 0, periodSeconds: 3600 }], selectPolicy: 'Some', stabilizationWindowSeconds: 9999 },
      },
    },
    'spec.behavior.scaleUp.stabilizationWindowSeconds: Invalid value: 9999: must be less than or equal to 3600',
    'spec.behavior.scaleUp.selectPolicy: Unsupported value: "Some": supported values: "Disabled", "Max", "Min"',
    'spec.behavior.scaleUp.policies[0].value: Invalid value: 0: must be greater than zero',
    'spec.behavior.scaleUp.policies[0].periodSeconds: Invalid value: 3600: must be less than or equal to 1800',
  ],
]
for (const [name, spec, ...expected] of checks)
  test(`an autoscaler ${name}`, () => assert.deepEqual(refusals(horizontalPodAutoscalers, scaler(spec)), expected))

const current = [
  { type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: 12, averageValue: '12m' } } },
  { type: 'Resource', resource: { name: 'memory', current: { averageValue: '32Mi' } } },
]
const targets: readonly (readonly [name: string, metrics: readonly object[], currentMetrics: readonly object[], text: string])[] = [
  ['nothing measured yet', [cpu], [], 'cpu: <unknown>/50%'],
  ['a share and an amount', [cpu, memory], current, 'cpu: 12%/50%, memory: 32Mi/64Mi'],
  ['more than two', [cpu, memory, requests, queue], current, 'cpu: 12%/50%, memory: 32Mi/64Mi + 2 more...'],
  ['an amount per pod', [requests], [{ type: 'Pods', pods: { current: { averageValue: '3500m' } } }], '3500m/10'],
  ['something outside', [queue], [{ type: 'External', external: { current: { value: '7' } } }], '7/30'],
  [
    'something outside, per pod',
    [{ type: 'External', external: { target: { averageValue: '30' } } }],
    [{ type: 'External', external: { current: { averageValue: '7' } } }],
    '7/30 (avg)',
  ],
]
for (const [name, metrics, currentMetrics, text] of targets)
  test(`kubectl get shows the targets of an autoscaler: ${name}`, () => {
    const object = {
      ...written<HorizontalPodAutoscaler>(horizontalPodAutoscalers, scaler({ metrics })),
      status: { currentReplicas: 2, currentMetrics },
    }
    assert.deepEqual(row(horizontalPodAutoscalers, object as HorizontalPodAutoscaler), {
      Name: 'x',
      Reference: 'Deployment/web',
      Targets: text,
      MinPods: '1',
      MaxPods: 5,
      Replicas: 2,
      Age: '5m',
    })
  })

test('a client of v1 sees the share of cpu in its field and the rest in annotations', () => {
  const behavior = {
    scaleUp: { stabilizationWindowSeconds: 0, selectPolicy: 'Max', policies: [{ type: 'Pods', value: 4, periodSeconds: 15 }] },
  }
  const stored = {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: METADATA,
    ...scaler({ minReplicas: 2, metrics: [cpu, memory], behavior }),
    status: { currentReplicas: 2, currentMetrics: current, conditions: [{ type: 'AbleToScale', status: 'True' }] },
  } as unknown as HorizontalPodAutoscaler
  const seen = toV1(stored)
  assert.equal(seen.apiVersion, 'autoscaling/v1')
  assert.deepEqual(seen.spec, {
    scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
    minReplicas: 2,
    maxReplicas: 5,
    targetCPUUtilizationPercentage: 50,
  })
  assert.deepEqual(seen.status, { currentReplicas: 2, currentCPUUtilizationPercentage: 12 })
  assert.deepEqual(seen.metadata.annotations, {
    'autoscaling.alpha.kubernetes.io/metrics': '[{"type":"Resource","resource":{"name":"memory","targetAverageValue":"64Mi"}}]',
    'autoscaling.alpha.kubernetes.io/current-metrics':
      '[{"type":"Resource","resource":{"name":"cpu","currentAverageUtilization":12,"currentAverageValue":"12m"}},{"type":"Resource","resource":{"name":"memory","currentAverageValue":"32Mi"}}]',
    'autoscaling.alpha.kubernetes.io/conditions': '[{"type":"AbleToScale","status":"True"}]',
    'autoscaling.alpha.kubernetes.io/behavior':
      '{"ScaleUp":{"StabilizationWindowSeconds":0,"SelectPolicy":"Max","Policies":[{"Type":"Pods","Value":4,"PeriodSeconds":15}],"Tolerance":null},"ScaleDown":null}',
  })
})

test('what v1 wrote back means what was stored', () => {
  const object = {
    type: 'Object',
    object: { describedObject: { kind: 'Service', name: 's' }, metric: { name: 'hits' }, target: { type: 'Value', value: '10' } },
  }
  const container = {
    type: 'ContainerResource',
    containerResource: { name: 'cpu', container: 'app', target: { type: 'Utilization', averageUtilization: 60 } },
  }
  const stored = written<HorizontalPodAutoscaler>(horizontalPodAutoscalers, {
    apiVersion: 'autoscaling/v2',
    ...scaler({
      metrics: [cpu, memory, requests, queue, object, container],
      behavior: { scaleUp: {}, scaleDown: { stabilizationWindowSeconds: 60 } },
    }),
    status: { currentReplicas: 2, currentMetrics: current, conditions: [{ type: 'AbleToScale', status: 'True' }] },
  })
  assert.deepEqual(fromV1(toV1(stored)), stored)
})

test('a client of v1 that says a share of cpu', () => {
  const body = { metadata: METADATA, ...scaler({ targetCPUUtilizationPercentage: 70 }) } as never
  assert.deepEqual(fromV1(body).spec.metrics, [
    { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 70 } } },
  ])
})

for (const annotation of ['not json', '5', '[5]', '[{"type":5}]', '{"ScaleUp":{"Policies":5}}', 'null'])
  test(`an annotation that cannot be read counts for nothing: ${annotation}`, () => {
    const annotations = Object.fromEntries(
      ['metrics', 'current-metrics', 'conditions', 'behavior'].map((name) => [`autoscaling.alpha.kubernetes.io/${name}`, annotation]),
    )
    const body = { metadata: { ...METADATA, annotations: { ...annotations, mine: 'x' } }, ...scaler(), status: {} } as never
    const { metadata, spec, status } = fromV1(body)
    assert.deepEqual(metadata.annotations, { mine: 'x' })
    assert.deepEqual([spec.metrics, spec.behavior ?? {}, status], [undefined, {}, {}])
  })

test('both versions print the same', () => {
  const stored = written<HorizontalPodAutoscaler>(horizontalPodAutoscalers, scaler({ metrics: [cpu, memory] }))
  assert.deepEqual(row(horizontalPodAutoscalersV1, toV1(stored)), row(horizontalPodAutoscalers, stored))
})
