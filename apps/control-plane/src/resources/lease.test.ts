import assert from 'node:assert/strict'
import { test } from 'node:test'
import { leases } from './lease.ts'
import { cell, refusals } from './testing.ts'

const cases: readonly (readonly [name: string, spec: object, ...expected: string[]])[] = [
  ['that somebody holds', { holderIdentity: 'a', leaseDurationSeconds: 15, leaseTransitions: 0 }],
  ['that lasts no time', { leaseDurationSeconds: 0 }, 'spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0'],
  [
    'that changed hands less than never',
    { leaseTransitions: -1 },
    'spec.leaseTransitions: Invalid value: -1: must be greater than or equal to 0',
  ],
  ['that goes to the oldest', { strategy: 'OldestEmulationVersion', preferredHolder: 'a' }],
  ['that goes by a rule of its own', { strategy: 'example.com/Rule' }],
  [
    'that goes by an unknown rule',
    { strategy: 'Youngest' },
    'spec.strategy.strategy: Unsupported value: "Youngest": supported values: "OldestEmulationVersion"',
  ],
  [
    'that prefers somebody by no rule',
    { preferredHolder: 'a' },
    'spec.preferredHolder: Forbidden: may only be specified if `strategy` is defined',
  ],
]
for (const [name, spec, ...expected] of cases) test(`a Lease ${name}`, () => assert.deepEqual(refusals(leases, { spec }), expected))

test('a Lease is printed with its holder', () => {
  assert.equal(cell(leases, 'Holder', { spec: { holderIdentity: 'a' } }), 'a')
  assert.equal(cell(leases, 'Holder', {}), '')
})
