import assert from 'node:assert/strict'
import { test } from 'node:test'
import { podDisruptionBudgets } from './pod-disruption-budget.ts'
import { cell, refusals } from './testing.ts'

const selector = { matchLabels: { app: 'web' } }
const PERCENT =
  "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')"
const checks: readonly (readonly [name: string, spec: object, ...expected: string[]])[] = [
  ['of two that must stay', { minAvailable: 2, selector }],
  ['of a quarter that may go', { maxUnavailable: '25%', selector }],
  ['for nothing', {}],
  [
    'of both',
    { minAvailable: 1, maxUnavailable: 1 },
    'spec: Invalid value: {"minAvailable":1,"maxUnavailable":1}: minAvailable and maxUnavailable cannot be both set',
  ],
  ['of fewer than none', { minAvailable: -1 }, 'spec.minAvailable: Invalid value: -1: must be greater than or equal to 0'],
  ['of more than all', { maxUnavailable: '101%' }, 'spec.maxUnavailable: Invalid value: "101%": must not be greater than 100%'],
  ['of half of them', { minAvailable: 'half' }, `spec.minAvailable: Invalid value: "half": ${PERCENT}`],
  [
    'with an operator that is none',
    { selector: { matchExpressions: [{ key: 'app', operator: 'Is' }] } },
    'spec.selector.matchExpressions[0].operator: Invalid value: "Is": not a valid selector operator',
  ],
  [
    'with an unknown policy',
    { unhealthyPodEvictionPolicy: 'Never' },
    'spec.unhealthyPodEvictionPolicy: Unsupported value: "Never": supported values: "AlwaysAllow", "IfHealthyBudget"',
  ],
]
for (const [name, spec, ...expected] of checks)
  test(`a budget ${name}`, () => assert.deepEqual(refusals(podDisruptionBudgets, { spec }), expected))

test('a budget may be changed later', () => {
  assert.deepEqual(
    refusals(podDisruptionBudgets, { spec: { maxUnavailable: 1, selector: {} } }, { spec: { minAvailable: 2, selector } }),
    [],
  )
})
test('kubectl get shows what a budget says and what it allows', () => {
  const shown = (body: object): unknown[] =>
    ['Min Available', 'Max Unavailable', 'Allowed Disruptions'].map((column) => cell(podDisruptionBudgets, column, body))
  assert.deepEqual(shown({ spec: { minAvailable: 2 }, status: { disruptionsAllowed: 1 } }), ['2', 'N/A', 1])
  assert.deepEqual(shown({ spec: { maxUnavailable: '25%' } }), ['N/A', '25%', 0])
})
