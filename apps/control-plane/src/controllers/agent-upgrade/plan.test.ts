import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AgentUpgrade, AgentUpgradeSpec } from '@bramble/api/types/agent-upgrade'
import { upgradeStatusText } from '../../resources/agent-upgrade.ts'
import { ownNodes } from './ownership.ts'
import { planUpgrade } from './plan.ts'
import { aCandidate, aNode, anUpgrade, type NodeTraits, NOW_MS, RELEASES } from './testing.ts'

const told = '0.2.0'
const at: NodeTraits = { told, by: 'fleet', says: 'Downloading' }
const trying: NodeTraits = { told, by: 'fleet', says: 'OnTrial', runs: '0.2.0' }
const done: NodeTraits = { told, says: 'UpToDate', runs: '0.2.0' }
const back: NodeTraits = { told, by: 'fleet', says: 'Returned', message: '0.2.0: crashed 3 times; 0.1.0 runs again' }
const off: NodeTraits = { offline: true }
const canary: NodeTraits = { canary: true }

interface Case {
  readonly name: string
  readonly spec?: Partial<AgentUpgradeSpec>
  readonly nodes: Readonly<Record<string, NodeTraits>>
  readonly releases?: typeof RELEASES
  readonly serverVersion?: string
  readonly before?: NonNullable<AgentUpgrade['status']>
  readonly tells?: string
  readonly untells?: string
  /** updated/updating/failed/offline of total, after this step. */
  readonly counts: string
  readonly status: string
}

const observed = ({ spec, nodes, releases = RELEASES, serverVersion, before }: Omit<Case, 'name' | 'counts' | 'status'>) => ({
  upgrade: anUpgrade(spec, before && { status: before }),
  candidates: Object.entries(nodes).map(([name, traits]) => aCandidate(name, traits)),
  releases,
  serverVersion,
  nowMs: NOW_MS,
})

const aborted = planUpgrade(observed({ nodes: { a: back } })).status

const cases: readonly Case[] = [
  { name: 'a wave at first', nodes: { c: {}, b: {}, a: {} }, tells: 'a b', counts: '0/2/0/0 of 3', status: 'Progressing' },
  { name: 'the next when one is done', nodes: { a: done, b: at, c: {}, d: {} }, tells: 'c', counts: '1/2/0/0 of 4', status: 'Progressing' },
  { name: 'none while the wave is full', nodes: { a: at, b: trying, c: {} }, counts: '0/2/0/0 of 3', status: 'Progressing' },
  {
    name: 'a tenth of those in contact, at least one',
    spec: { maxUnavailable: '10%' },
    nodes: { a: {}, b: {}, c: off },
    tells: 'a',
    counts: '0/1/0/1 of 3',
    status: 'Progressing',
  },
  {
    name: 'half of those in contact, rounded down',
    spec: { maxUnavailable: '50%' },
    nodes: { a: {}, b: {}, c: {}, d: {}, e: {}, f: off },
    tells: 'a b',
    counts: '0/2/0/1 of 6',
    status: 'Progressing',
  },
  {
    name: 'those in contact, past those that are not',
    nodes: { a: off, b: off, c: {} },
    tells: 'c',
    counts: '0/1/0/2 of 3',
    status: 'Progressing',
  },
  { name: 'nobody when the rest is out of contact', nodes: { a: done, b: off }, counts: '1/0/0/1 of 2', status: 'WaitingForNodes' },
  { name: 'one that has returned', nodes: { a: done, b: {} }, tells: 'b', counts: '1/1/0/0 of 2', status: 'Progressing' },
  { name: 'nobody when all is done', nodes: { a: done, b: { runs: '0.2.0' } }, counts: '2/0/0/0 of 2', status: 'Complete' },
  { name: 'nobody when there is nobody', nodes: {}, counts: '0/0/0/0 of 0', status: 'NoNodes' },
  { name: 'canaries alone', nodes: { a: {}, b: canary, c: {} }, tells: 'b', counts: '0/1/0/0 of 3', status: 'Progressing' },
  { name: 'nobody while a canary is at it', nodes: { a: {}, b: { ...at, ...canary } }, counts: '0/1/0/0 of 2', status: 'Progressing' },
  {
    name: 'the others when canaries are done',
    nodes: { a: {}, b: { ...done, ...canary } },
    tells: 'a',
    counts: '1/1/0/0 of 2',
    status: 'Progressing',
  },
  {
    name: 'the others when canaries are away',
    nodes: { a: {}, b: { ...off, ...canary } },
    tells: 'a',
    counts: '0/1/0/1 of 2',
    status: 'Progressing',
  },
  { name: 'nobody when it is paused', spec: { paused: true }, nodes: { a: at, b: {} }, counts: '0/1/0/0 of 2', status: 'Paused' },
  { name: 'nobody after the first failure', nodes: { a: back, b: {} }, counts: '0/0/1/0 of 2', status: 'Aborted' },
  {
    name: 'nobody any more, and takes back what has not begun',
    nodes: { a: back, b: at, c: trying, d: { told, by: 'fleet' }, e: { told, by: 'fleet', offline: true }, f: { told }, g: {} },
    untells: 'b d e',
    counts: '0/5/1/0 of 7',
    status: 'Aborted',
  },
  {
    name: 'some more after the first of two failures',
    spec: { maxFailures: 2 },
    nodes: { a: back, b: {} },
    tells: 'b',
    counts: '0/1/1/0 of 2',
    status: 'Progressing',
  },
  {
    name: 'nobody when only failures are left',
    spec: { maxFailures: 2 },
    nodes: { a: back, b: done },
    counts: '1/0/1/0 of 2',
    status: 'Failures',
  },
  {
    name: 'some more after a failure in twenty of a fifth',
    spec: { maxFailures: '20%' },
    nodes: { a: back, ...Object.fromEntries([...'bcdefghij'].map((name) => [name, done])), k: {} },
    tells: 'k',
    counts: '9/1/1/0 of 11',
    status: 'Progressing',
  },
  {
    name: 'nobody after an abort, though nothing fails any more',
    before: aborted,
    nodes: { a: {}, b: {} },
    counts: '0/0/0/0 of 2',
    status: 'Aborted',
  },
  {
    name: 'a wave when another version failed before',
    before: { ...aborted, version: '0.1.9' },
    nodes: { a: {} },
    tells: 'a',
    counts: '0/1/0/0 of 1',
    status: 'Progressing',
  },
  {
    name: 'nobody when somebody says so',
    spec: { aborted: true },
    nodes: { a: at, b: {} },
    untells: 'a',
    counts: '0/1/0/0 of 2',
    status: 'Aborted',
  },
  {
    name: 'nobody when there is no such release',
    releases: [],
    nodes: { a: {}, b: done },
    counts: '1/0/0/0 of 2',
    status: 'ReleaseMissing',
  },
  {
    name: 'those for whom there is a release',
    releases: RELEASES.filter(({ arch }) => arch === 'arm64'),
    nodes: { a: { arch: 'amd64' }, b: {} },
    tells: 'b',
    counts: '0/1/0/0 of 2',
    status: 'Progressing',
  },
  { name: 'another architecture, too', nodes: { a: { arch: 'amd64' } }, tells: 'a', counts: '0/1/0/0 of 1', status: 'Progressing' },
  {
    name: 'nobody when the control plane is too old for it',
    serverVersion: '0.5.0',
    nodes: { a: {} },
    counts: '0/0/0/0 of 1',
    status: 'TooFarApart',
  },
  {
    name: 'a wave when the control plane is old enough',
    serverVersion: '0.4.9',
    nodes: { a: {} },
    tells: 'a',
    counts: '0/1/0/0 of 1',
    status: 'Progressing',
  },
  {
    name: 'one that shall run another version',
    nodes: { a: { ...done, told: '0.1.0', says: 'Staged' } },
    tells: 'a',
    counts: '0/1/0/0 of 1',
    status: 'Progressing',
  },
]
for (const { name, tells = '', untells = '', counts, status, ...given } of cases)
  test(`an upgrade tells ${name}`, () => {
    const plan = planUpgrade(observed(given))
    const names = (nodes: readonly { metadata: { name: string } }[]): string => nodes.map(({ metadata }) => metadata.name).join(' ')
    assert.deepEqual([names(plan.tell), names(plan.untell)], [tells, untells])
    const { total, updated, updating, failed, offline } = plan.status
    assert.equal(`${updated}/${updating}/${failed}/${offline} of ${total}`, counts)
    assert.equal(upgradeStatusText(plan.status), status)
    assert.deepEqual(
      planUpgrade({ ...observed(given), upgrade: anUpgrade(given.spec, { status: plan.status }) }).status,
      plan.status,
      'twice',
    )
  })

const messages: readonly (readonly [name: string, type: string, given: Omit<Case, 'name' | 'counts' | 'status'>, message: RegExp])[] = [
  ['how far it is', 'Progressing', { nodes: { a: done, b: at, c: off } }, /^1 of 3 nodes run 0\.2\.0, 1 is at it$/],
  [
    'what to type for a release',
    'Progressing',
    { releases: [], nodes: { a: {}, b: { arch: 'amd64' } } },
    /0\.2\.0 for arm64 is not among the releases: on the control plane, type bramble release import bramble-0\.2\.0-linux-arm64\.tar\.zst; 0\.2\.0 for x64/,
  ],
  [
    'why it was aborted',
    'Aborted',
    { nodes: { a: back, b: {} } },
    /^failed on a \(0\.2\.0: crashed 3 times; 0\.1\.0 runs again\): no more nodes are touched/,
  ],
  ['that somebody wanted it so', 'Aborted', { spec: { aborted: true }, nodes: { a: {} } }, /^spec\.aborted is set/],
  ['whom it waits for', 'Progressing', { nodes: { a: off } }, /the others are offline and get it when they return$/],
]
for (const [name, type, given, message] of messages)
  test(`an upgrade says ${name}`, () => {
    const { conditions } = planUpgrade(observed(given)).status
    assert.match(conditions!.find((condition) => condition.type === type)!.message!, message)
  })

test('a failure is news once', () => {
  const first = planUpgrade(observed({ nodes: { a: back } }))
  assert.deepEqual(first.newFailures, [{ node: 'a', reason: 'Returned', message: back.message }])
  assert.deepEqual(planUpgrade(observed({ nodes: { a: back }, before: first.status })).newFailures, [])
})

test('a node is let off once it has done what it was told', () => {
  const { finish } = planUpgrade(observed({ nodes: { a: { ...done, by: 'fleet' }, b: done, c: trying } }))
  assert.deepEqual(
    finish.map(({ metadata }) => metadata.name),
    ['a'],
  )
})

test('an upgrade looks again when a node may be late, or a release may have come', () => {
  assert.equal(planUpgrade(observed({ nodes: { a: at, b: { told, toldMs: 1000 } } })).againInMs, 719_000)
  assert.equal(planUpgrade(observed({ releases: [], nodes: { a: {} } })).againInMs, 30_000)
  assert.equal(planUpgrade(observed({ nodes: { a: done } })).againInMs, undefined)
})

const made = (name: string, second: number, labels?: Record<string, string>): AgentUpgrade => {
  const upgrade = anUpgrade(labels && { nodeSelector: { matchLabels: labels } })
  return { ...upgrade, metadata: { ...upgrade.metadata, name, creationTimestamp: `2026-01-01T00:00:0${second}Z` } }
}
const fleet = ['a', 'b', 'c'].map((name) => aNode(name, { labels: { name } }))
const everything = made('everything', 1)
const owners: readonly (readonly [name: string, upgrade: AgentUpgrade, others: readonly AgentUpgrade[], nodes: string])[] = [
  ['has every node when it names none', everything, [], 'a b c'],
  ['has those that it selects', made('one', 1, { name: 'b' }), [], 'b'],
  ['leaves nodes to a newer one', everything, [made('one', 2, { name: 'b' })], 'a c'],
  ['takes nodes from an older one', made('one', 2, { name: 'b' }), [everything], 'b'],
  ['leaves nodes to one of the same second whose name comes later', everything, [made('one', 1, { name: 'b' })], 'a c'],
  [
    'takes nodes back from one that goes',
    everything,
    [{ ...made('one', 2), metadata: { ...made('one', 2).metadata, deletionTimestamp: '2026-01-01T00:00:03Z' } }],
    'a b c',
  ],
]
for (const [name, upgrade, others, nodes] of owners)
  test(`an upgrade ${name}`, () =>
    assert.equal(
      ownNodes(upgrade, [upgrade, ...others], fleet)
        .map(({ metadata }) => metadata.name)
        .join(' '),
      nodes,
    ))
