import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ResourceDefinition } from '../../api/resource.ts'
import { METADATA, refusals, row, written } from '../testing.ts'
import { priorityClasses } from './priority-class.ts'
import { runtimeClasses } from './runtime-class.ts'

const named = (name: string, more: object) => ({ metadata: { ...METADATA, name }, ...more })
const RESERVED = "metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system use only. error: "

type Case = readonly [name: string, kind: ResourceDefinition, body: object, before?: object, ...expected: string[]]
const cases: readonly Case[] = [
  ['a PriorityClass', priorityClasses, { value: 1_000_000_000 }],
  ['a PriorityClass below zero', priorityClasses, { value: -5 }],
  [
    'a PriorityClass above all',
    priorityClasses,
    { value: 1_000_000_001 },
    undefined,
    'value: Forbidden: maximum allowed value of a user defined priority is 1000000000',
  ],
  ['a PriorityClass of the system', priorityClasses, named('system-node-critical', { value: 2_000_001_000 })],
  [
    'a PriorityClass of the system with another value',
    priorityClasses,
    named('system-node-critical', { value: 1 }),
    undefined,
    `${RESERVED}value of system-node-critical PriorityClass must be 2000001000`,
  ],
  [
    'a PriorityClass of the system for everybody',
    priorityClasses,
    named('system-cluster-critical', { value: 2_000_000_000, globalDefault: true }),
    undefined,
    `${RESERVED}globalDefault of system-cluster-critical PriorityClass must be false`,
  ],
  [
    'a PriorityClass that pretends',
    priorityClasses,
    named('system-mine', { value: 1 }),
    undefined,
    `${RESERVED}system-mine is not a known system priority class`,
  ],
  [
    'a PriorityClass with an odd policy',
    priorityClasses,
    { preemptionPolicy: 'Always' },
    undefined,
    'preemptionPolicy: Unsupported value: "Always": supported values: "Never", "PreemptLowerPriority"',
  ],
  [
    'a PriorityClass that changes',
    priorityClasses,
    { value: 2, preemptionPolicy: 'Never', description: 'new' },
    { value: 1 },
    'value: Forbidden: may not be changed in an update.',
    'preemptionPolicy: Invalid value: "Never": field is immutable',
  ],
  ['a RuntimeClass', runtimeClasses, { handler: 'kata', scheduling: { nodeSelector: { a: 'b' } } }],
  [
    'a RuntimeClass that changes its handler',
    runtimeClasses,
    { handler: 'gvisor' },
    { handler: 'kata' },
    'handler: Invalid value: "gvisor": field is immutable',
  ],
  [
    'a RuntimeClass with a toleration of nothing',
    runtimeClasses,
    { handler: 'kata', scheduling: { tolerations: [{}] } },
    undefined,
    'scheduling.tolerations[0].operator: Invalid value: "": operator must be Exists when `key` is empty, which means "match all values and all keys"',
  ],
]
for (const [name, kind, body, before, ...expected] of cases) test(name, () => assert.deepEqual(refusals(kind, body, before), expected))

test('a RuntimeClass without a handler is refused', () =>
  assert.match(refusals(runtimeClasses, {})[0]!, /^handler: Invalid value: "": a lowercase RFC 1123 label must consist of/))

test('a PriorityClass preempts unless it says otherwise, and is printed so', () => {
  assert.deepEqual(row(priorityClasses, written(priorityClasses, {})), {
    Name: 'x',
    Value: 0,
    'Global-Default': false,
    Age: '5m',
    PreemptionPolicy: 'PreemptLowerPriority',
  })
})
