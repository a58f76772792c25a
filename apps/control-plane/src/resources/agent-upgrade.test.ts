import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AgentUpgradeSpec, AgentUpgradeStatus } from '@bramble/api/types/agent-upgrade'
import { agentUpgrades } from './agent-upgrade.ts'
import { nodes } from './node.ts'
import { METADATA, refusals, row, warnings, written } from './testing.ts'

const PERCENT =
  "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')"

const cases: readonly (readonly [name: string, spec: Partial<AgentUpgradeSpec>, ...refusals: string[]])[] = [
  ['one of every node', { version: '0.2.0' }],
  ['one of some nodes', { version: '0.2.0-rc.1', nodeSelector: { matchLabels: { site: 'north' } }, maxUnavailable: 3, maxFailures: '5%' }],
  ['one to nothing', {}, 'spec.version: Required value'],
  ['one to whatever is new', { version: 'latest' }, 'spec.version: Invalid value: "latest": must be a version such as 0.2.0 or 0.2.0-rc.1'],
  [
    'one to a file',
    { version: '../../0.2.0' },
    'spec.version: Invalid value: "../../0.2.0": must be a version such as 0.2.0 or 0.2.0-rc.1',
  ],
  [
    'one of no nodes at once',
    { version: '0.2.0', maxUnavailable: 0, maxFailures: '0%' },
    'spec.maxUnavailable: Invalid value: 0: must be at least 1: to hold the rollout, set spec.paused',
    'spec.maxFailures: Invalid value: "0%": must be at least 1: with 1 the first failure ends the rollout',
  ],
  [
    'one of a few nodes at once',
    { version: '0.2.0', maxUnavailable: 'few', maxFailures: -1 },
    `spec.maxUnavailable: Invalid value: "few": ${PERCENT}`,
    'spec.maxFailures: Invalid value: -1: must be greater than or equal to 0',
  ],
  [
    'one of more nodes than there are',
    { version: '0.2.0', maxUnavailable: '101%' },
    'spec.maxUnavailable: Invalid value: "101%": must not be greater than 100%',
  ],
  [
    'one in no time',
    { version: '0.2.0', deadlineSeconds: 5 },
    'spec.deadlineSeconds: Invalid value: 5: must be between 30 and 86400, inclusive',
  ],
  [
    'one of nodes that nobody can tell apart',
    { version: '0.2.0', nodeSelector: { matchExpressions: [{ key: 'a b', operator: 'In' }] } },
    "spec.nodeSelector.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
    "spec.nodeSelector.matchExpressions[0].key: Invalid value: \"a b\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
  ],
]
for (const [name, spec, ...expected] of cases)
  test(`an AgentUpgrade, ${name}`, () => assert.deepEqual(refusals(agentUpgrades, { spec }), expected))

test('a few at a time and not one failure, unless somebody says otherwise', () => {
  const { version: _, ...rest } = written(agentUpgrades, { spec: { version: '0.2.0' } }).spec
  assert.deepEqual(rest, { maxUnavailable: '10%', maxFailures: 1, deadlineSeconds: 600 })
})

test('whoever risks most of the fleet at once is warned, once', () => {
  const spec = { version: '0.2.0', maxUnavailable: '80%' }
  assert.deepEqual(warnings(agentUpgrades, { spec }), [
    'spec.maxUnavailable: with 80% most nodes get the version before any has shown that it works',
  ])
  assert.deepEqual(warnings(agentUpgrades, { spec }, { spec }), [])
  assert.deepEqual(warnings(agentUpgrades, { spec: { ...spec, maxUnavailable: '10%' } }), [])
})

const counts: AgentUpgradeStatus = { total: 7, updated: 3, updating: 1, failed: 1, offline: 2 }
const statuses: readonly (readonly [conditions: AgentUpgradeStatus['conditions'], text: string])[] = [
  [undefined, 'Pending'],
  [[{ type: 'Progressing', status: 'True', reason: 'NodesUpdating' }], 'Progressing'],
  [[{ type: 'Progressing', status: 'False', reason: 'Paused' }], 'Paused'],
  [
    [
      { type: 'Progressing', status: 'False', reason: 'Aborted' },
      { type: 'Aborted', status: 'True', reason: 'TooManyFailures' },
    ],
    'Aborted',
  ],
]
for (const [conditions, text] of statuses)
  test(`an AgentUpgrade is printed as ${text}`, () => {
    const upgrade = written(agentUpgrades, { spec: { version: '0.2.0' }, status: { ...counts, ...(conditions && { conditions }) } })
    const { Name: _, Age: __, Message: ___, ...rest } = row(agentUpgrades, upgrade)
    assert.deepEqual(rest, { Version: '0.2.0', Updated: '3/7', Failed: 1, Offline: 2, Status: text })
  })

test('who mistypes a version on a Node is told that nothing will come of it', () => {
  const wanting = (version: string): object => ({ metadata: { ...METADATA, annotations: { 'bramble.dev/agent-version': version } } })
  assert.deepEqual(warnings(nodes, wanting('0.2.0')), [])
  assert.deepEqual(warnings(nodes, wanting('latest')), [
    'metadata.annotations[bramble.dev/agent-version]: "latest" must be a version such as 0.2.0 or 0.2.0-rc.1: the node is not told',
  ])
  assert.deepEqual(warnings(nodes, wanting('latest'), wanting('latest')), [])
})
