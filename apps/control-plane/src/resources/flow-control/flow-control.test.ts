import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ResourceDefinition } from '../../api/resource.ts'
import { METADATA, refusals, row, warnings, written } from '../testing.ts'
import { flowSchemas } from './flow-schema.ts'
import { MANDATORY_FLOW_SCHEMAS, MANDATORY_PRIORITY_LEVELS } from './mandatory.ts'
import { priorityLevelConfigurations } from './priority-level-configuration.ts'

const flow = (more: object = {}) => ({ spec: { priorityLevelConfiguration: { name: 'low' }, ...more } })
const rule = (more: object) =>
  flow({
    rules: [
      {
        subjects: [{ kind: 'User', user: { name: 'jane' } }],
        resourceRules: [{ verbs: ['get'], apiGroups: [''], resources: ['pods'], namespaces: ['default'] }],
        ...more,
      },
    ],
  })
const paths = (...nonResourceURLs: string[]) => rule({ nonResourceRules: [{ verbs: ['*'], nonResourceURLs }] })
const limited = (more: object = {}) => ({ spec: { type: 'Limited', limited: { limitResponse: { type: 'Queue', queuing: {} }, ...more } } })
const queued = (queuing: object) => limited({ limitResponse: { type: 'Queue', queuing } })
const named = (name: string, spec: unknown) => ({ metadata: { ...METADATA, name }, spec: spec as object })

const RULE = 'spec.rules[0]'
const QUEUING = 'spec.limited.limitResponse.queuing'

type Case = readonly [name: string, kind: ResourceDefinition, body: object, ...expected: string[]]
const cases: readonly Case[] = [
  ['a FlowSchema', flowSchemas, rule({})],
  [
    'a FlowSchema of nothing',
    flowSchemas,
    { spec: {} },
    'spec.priorityLevelConfiguration.name: Required value: must reference a priority level',
  ],
  [
    'a FlowSchema before all others',
    flowSchemas,
    flow({ matchingPrecedence: 1 }),
    "spec.matchingPrecedence: Invalid value: 1: only the schema named 'exempt' may have matchingPrecedence 1",
  ],
  [
    'a FlowSchema after all others',
    flowSchemas,
    flow({ matchingPrecedence: 10_001 }),
    'spec.matchingPrecedence: Invalid value: 10001: must not be greater than 10000',
  ],
  [
    'a FlowSchema that tells apart oddly',
    flowSchemas,
    flow({ distinguisherMethod: { type: 'ByHat' } }),
    'spec.distinguisherMethod.type: Unsupported value: {"type":"ByHat"}: supported values: "ByNamespace", "ByUser"',
  ],
  [
    'a FlowSchema for nobody and nothing',
    flowSchemas,
    rule({ subjects: [], resourceRules: [] }),
    `${RULE}.subjects: Required value: subjects must contain at least one value`,
    `${RULE}: Required value: at least one of resourceRules and nonResourceRules has to be non-empty`,
  ],
  [
    'a FlowSchema for odd subjects',
    flowSchemas,
    rule({
      subjects: [{ kind: 'Robot' }, { kind: 'Group', user: { name: 'x' } }, { kind: 'ServiceAccount', serviceAccount: { name: '*' } }],
    }),
    `${RULE}.subjects[0].kind: Unsupported value: "Robot": supported values: "Group", "ServiceAccount", "User"`,
    `${RULE}.subjects[1].group: Required value: group is required when subject kind is 'Group'`,
    `${RULE}.subjects[1].user: Forbidden: user is forbidden when subject kind is not 'User'`,
    `${RULE}.subjects[2].serviceAccount.namespace: Required value: must specify namespace for service account`,
  ],
  [
    'a FlowSchema for odd requests',
    flowSchemas,
    rule({ resourceRules: [{ verbs: ['look'], apiGroups: ['*', ''], resources: [], namespaces: [] }] }),
    `${RULE}.resourceRules[0].verbs: Unsupported value: ["look"]: supported values: "create", "delete", "deletecollection", "get", "list", "patch", "proxy", "update", "watch"`,
    `${RULE}.resourceRules[0].apiGroups: Invalid value: ["*",""]: if '*' is present, must not specify other api groups`,
    `${RULE}.resourceRules[0].resources: Required value: resource rules must supply at least one resource`,
    `${RULE}.resourceRules[0].namespaces: Required value: resource rules that are not cluster scoped must supply at least one namespace`,
  ],
  ['a FlowSchema for paths', flowSchemas, paths('/', '/healthz', '/apis/*')],
  [
    'a FlowSchema for odd paths',
    flowSchemas,
    paths('x', '/a b', '//', '/a*'),
    `${RULE}.nonResourceRules[0].nonResourceURLs[0]: Invalid value: "x": must start with slash`,
    `${RULE}.nonResourceRules[0].nonResourceURLs[1]: Invalid value: "/a b": must not contain white-space`,
    `${RULE}.nonResourceRules[0].nonResourceURLs[2]: Invalid value: "//": must not contain double slash`,
    `${RULE}.nonResourceRules[0].nonResourceURLs[3]: Invalid value: "/a*": wildcard can only do suffix matching`,
  ],
  ['the FlowSchema exempt', flowSchemas, named('exempt', MANDATORY_FLOW_SCHEMAS['exempt'])],
  ['a PriorityLevelConfiguration', priorityLevelConfigurations, limited()],
  [
    'a PriorityLevelConfiguration that is exempt',
    priorityLevelConfigurations,
    { spec: { type: 'Exempt' } },
    `spec.type: Invalid value: "Exempt": type must be 'Exempt' if and only if name is 'exempt'`,
  ],
  [
    'a PriorityLevelConfiguration of an odd type',
    priorityLevelConfigurations,
    { spec: { type: 'Fast' } },
    'spec.type: Unsupported value: "Fast": supported values: "Exempt", "Limited"',
  ],
  [
    'a PriorityLevelConfiguration without a limit',
    priorityLevelConfigurations,
    { spec: { type: 'Limited' } },
    'spec.limited: Required value: must not be empty when type is Limited',
  ],
  [
    'a PriorityLevelConfiguration that rejects what it queues',
    priorityLevelConfigurations,
    limited({ limitResponse: { type: 'Reject', queuing: {} } }),
    `${QUEUING}: Forbidden: must be nil if limited.limitResponse.type is not Limited`,
  ],
  [
    'a PriorityLevelConfiguration that lends too much',
    priorityLevelConfigurations,
    limited({ lendablePercent: 101, nominalConcurrencyShares: -1, borrowingLimitPercent: -1 }),
    'spec.limited.nominalConcurrencyShares: Invalid value: -1: must be a non-negative integer',
    'spec.limited.lendablePercent: Invalid value: 101: must be between 0 and 100, inclusive',
    'spec.limited.borrowingLimitPercent: Invalid value: -1: if specified, must be a non-negative integer',
  ],
  [
    'a PriorityLevelConfiguration with a hand larger than the deck',
    priorityLevelConfigurations,
    queued({ queues: 4, handSize: 5 }),
    `${QUEUING}.handSize: Invalid value: 5: should not be greater than queues (4)`,
  ],
  [
    'a PriorityLevelConfiguration that takes too many bits',
    priorityLevelConfigurations,
    queued({ queues: 1024, handSize: 8, queueLengthLimit: -1 }),
    `${QUEUING}.queueLengthLimit: Invalid value: -1: must be positive`,
    `${QUEUING}.handSize: Invalid value: 8: required entropy bits of deckSize 1024 and handSize 8 should not be greater than 60`,
  ],
  [
    'the level exempt with other shares',
    priorityLevelConfigurations,
    named('exempt', { type: 'Exempt', exempt: { nominalConcurrencyShares: 7 } }),
  ],
  ['the level catch-all', priorityLevelConfigurations, named('catch-all', MANDATORY_PRIORITY_LEVELS['catch-all'])],
]
for (const [name, kind, body, ...expected] of cases) test(name, () => assert.deepEqual(refusals(kind, body), expected))

test('what every server has is what it is', () => {
  assert.match(
    refusals(flowSchemas, named('catch-all', flow().spec))[0]!,
    /^spec: Invalid value: .* spec of 'catch-all' must equal the fixed value$/,
  )
  assert.match(
    refusals(priorityLevelConfigurations, named('catch-all', limited().spec))[0]!,
    /spec of 'catch-all' must equal the fixed value$/,
  )
})

test('rows are those of Kubernetes', () => {
  assert.deepEqual(row(flowSchemas, written(flowSchemas, flow())), {
    Name: 'x',
    PriorityLevel: 'low',
    MatchingPrecedence: 1000,
    DistinguisherMethod: '<none>',
    Age: '5m',
    MissingPL: '?',
  })
  assert.deepEqual(row(priorityLevelConfigurations, written(priorityLevelConfigurations, limited())), {
    Name: 'x',
    Type: 'Limited',
    NominalConcurrencyShares: 30,
    Queues: 64,
    HandSize: 8,
    QueueLengthLimit: 50,
    Age: '5m',
  })
})

test('who makes one hears that requests are not queued', () => {
  assert.match(warnings(flowSchemas, flow())[0]!, /does not queue or limit requests by flow/)
  assert.deepEqual(warnings(flowSchemas, named('exempt', {})), [])
})
