import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LimitRange } from '@bramble/api/types/quota'
import { limitRanges } from './limit-range.ts'
import { resourceQuotas } from './resource-quota.ts'
import { cell, refusals, row, warnings, written } from './testing.ts'

const quotas: readonly (readonly [name: string, spec: object, ...expected: string[]])[] = [
  [
    'of everything there is',
    {
      hard: {
        pods: '10',
        'requests.cpu': '4',
        'limits.memory': '8Gi',
        'services.nodeports': '2',
        'count/jobs.batch': '5',
        'requests.nvidia.com/gpu': '4',
        'gold.storageclass.storage.k8s.io/requests.storage': '1Gi',
      },
    },
  ],
  [
    'of what nobody knows',
    { hard: { gold: '1' } },
    'spec.hard[gold]: Invalid value: "gold": must be a standard resource type or fully qualified',
    'spec.hard[gold]: Invalid value: "gold": must be a standard resource for quota',
  ],
  [
    'of storage as such',
    { hard: { storage: '1Gi' } },
    'spec.hard[storage]: Invalid value: "storage": must be a standard resource for quota',
  ],
  ['of half a pod', { hard: { pods: '500m' } }, 'spec.hard[pods]: Invalid value: "500m": must be an integer'],
  ['of less than nothing', { hard: { cpu: '-1' } }, 'spec.hard[cpu]: Invalid value: "-1": must be greater than or equal to 0'],
  ['for pods that end', { hard: { pods: '1', cpu: '1' }, scopes: ['Terminating'] }],
  ['in an unknown scope', { scopes: ['Sometimes'] }, 'spec.scopes: Invalid value: ["Sometimes"]: unsupported scope'],
  [
    'of Services that end',
    { hard: { services: '1' }, scopes: ['Terminating'] },
    'spec.scopes: Invalid value: ["Terminating"]: unsupported scope applied to resource',
  ],
  [
    'for all and for none',
    { scopes: ['BestEffort', 'NotBestEffort'] },
    'spec.scopes: Invalid value: ["BestEffort","NotBestEffort"]: conflicting scopes',
  ],
  [
    'for a priority',
    { hard: { pods: '1' }, scopeSelector: { matchExpressions: [{ scopeName: 'PriorityClass', operator: 'In', values: ['high'] }] } },
  ],
  [
    'for no priority',
    { scopeSelector: { matchExpressions: [{ scopeName: 'PriorityClass', operator: 'In' }] } },
    "spec.scopeSelector.matchExpressions.values: Required value: must be at least one value when `operator` is 'In' or 'NotIn' for scope selector",
  ],
  [
    'with an operator that is none',
    { scopeSelector: { matchExpressions: [{ scopeName: 'PriorityClass', operator: 'Is' }] } },
    'spec.scopeSelector.matchExpressions.operator: Invalid value: "Is": not a valid selector operator',
  ],
]
for (const [name, spec, ...expected] of quotas)
  test(`a quota ${name}`, () => assert.deepEqual(refusals(resourceQuotas, { spec }), expected))

test('the scopes of a quota stay, its bounds may change', () => {
  const before = { spec: { hard: { pods: '1' }, scopes: ['Terminating'] } }
  assert.deepEqual(refusals(resourceQuotas, { spec: { hard: { pods: '2' }, scopes: ['Terminating'] } }, before), [])
  assert.deepEqual(refusals(resourceQuotas, { spec: { hard: { pods: '1' } } }, before), [
    'spec.scopes: Invalid value: []: field is immutable',
  ])
})
test('kubectl get shows what is used of a quota', () => {
  const status = { hard: { pods: '10', 'requests.cpu': '4000m', 'limits.cpu': '8' }, used: { pods: '3', 'limits.cpu': '1500m' } }
  assert.equal(cell(resourceQuotas, 'Request', { status }), 'pods: 3/10, requests.cpu: 0/4')
  assert.equal(cell(resourceQuotas, 'Limit', { status }), 'limits.cpu: 1500m/8')
})
test('who bounds a namespace is told that nothing is bounded', () => {
  assert.match(warnings(resourceQuotas, {})[0]!, /counts or enforces a ResourceQuota/)
  assert.match(warnings(limitRanges, {})[0]!, /applies a LimitRange/)
})

const range = (item: object, ...more: readonly object[]): object => ({ spec: { limits: [{ type: 'Container', ...item }, ...more] } })
const L = 'spec.limits[0]'
const ranges: readonly (readonly [name: string, body: object, ...expected: string[]])[] = [
  ['of containers', range({ max: { cpu: '2' }, min: { cpu: '100m' }, default: { cpu: '1' }, defaultRequest: { cpu: '500m' } })],
  ['of claims', range({ type: 'PersistentVolumeClaim', max: { storage: '10Gi' } })],
  ['of an unknown type', range({ type: 'Node' }), `${L}.type: Invalid value: "Node": must be a standard limit type or fully qualified`],
  ['of one type twice', range({}, { type: 'Container' }), 'spec.limits[1].type: Duplicate value: "Container"'],
  [
    'of the storage of containers',
    range({ min: { storage: '1' } }),
    `${L}.min[storage]: Invalid value: "storage": must be a standard resource for containers`,
    `${L}.defaultRequest[storage]: Invalid value: "storage": must be a standard resource for containers`,
  ],
  [
    'of pods with defaults',
    range({ type: 'Pod', default: { cpu: '1' } }),
    `${L}.default: Forbidden: may not be specified when \`type\` is 'Pod'`,
  ],
  [
    'of claims without bounds',
    range({ type: 'PersistentVolumeClaim' }),
    `${L}.limits: Required value: either minimum or maximum storage value is required, but neither was provided`,
  ],
  [
    'upside down',
    range({ type: 'Pod', min: { cpu: '2' }, max: { cpu: '1' } }),
    `${L}.min[cpu]: Invalid value: "2": min value 2 is greater than max value 1`,
  ],
  [
    'whose default is too high',
    range({ max: { cpu: '1' }, default: { cpu: '2' } }),
    `${L}.defaultRequest[cpu]: Invalid value: "2": default request value 2 is greater than max value 1`,
    `${L}.default[cpu]: Invalid value: "1": default value 2 is greater than max value 1`,
  ],
  [
    'whose default request is too low',
    range({ min: { cpu: '500m' }, defaultRequest: { cpu: '100m' } }),
    `${L}.defaultRequest[cpu]: Invalid value: "100m": min value 500m is greater than default request value 100m`,
  ],
  [
    'with a ratio below one',
    range({ type: 'Pod', maxLimitRequestRatio: { cpu: '500m' } }),
    `${L}.maxLimitRequestRatio[cpu]: Invalid value: "500m": ratio 500m is less than 1`,
  ],
  [
    'with a ratio out of its bounds',
    range({ type: 'Pod', min: { cpu: '1' }, max: { cpu: '2' }, maxLimitRequestRatio: { cpu: '3' } }),
    `${L}.maxLimitRequestRatio[cpu]: Invalid value: "3": ratio 3 is greater than max/min = 2.000000`,
  ],
]
for (const [name, body, ...expected] of ranges) test(`a range ${name}`, () => assert.deepEqual(refusals(limitRanges, body), expected))

test('a bound of containers is their default, and what is not asked for is asked for by default', () => {
  const { spec } = written<LimitRange>(limitRanges, range({ max: { cpu: '2' }, min: { memory: '64Mi' } }))
  assert.deepEqual(spec.limits![0], {
    type: 'Container',
    max: { cpu: '2' },
    min: { memory: '64Mi' },
    default: { cpu: '2' },
    defaultRequest: { memory: '64Mi', cpu: '2' },
  })
})
test('kubectl get shows when a range was made', () => {
  assert.deepEqual(row(limitRanges, written<LimitRange>(limitRanges, {})), { Name: 'x', 'Created At': '2026-01-01T00:00:00Z' })
})
