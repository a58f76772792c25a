import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Job } from '@bramble/api/types/batch'
import { jobs } from './job.ts'
import { METADATA, refusals, row, warnings, written } from './testing.ts'

const pod = { restartPolicy: 'Never', containers: [{ name: 'main', image: 'busybox:1' }] }
const job = (spec: object = {}, more: object = {}): object => ({ ...more, spec: { template: { spec: pod }, ...spec } })
const indexed = (spec: object = {}): object => job({ completionMode: 'Indexed', completions: 3, parallelism: 2, ...spec })

test('a Job that says nothing runs one pod to its end', () => {
  const { template: _, selector: _selector, ...spec } = written<Job>(jobs, job()).spec
  assert.deepEqual(spec, {
    completions: 1,
    parallelism: 1,
    backoffLimit: 6,
    completionMode: 'NonIndexed',
    suspend: false,
    manualSelector: false,
    podReplacementPolicy: 'TerminatingOrFailed',
  })
})

test('a Job selects its own pods by its uid, under the names of today and of yesterday', () => {
  const { metadata, spec } = written<Job>(jobs, job())
  const labels = {
    'controller-uid': 'u',
    'job-name': 'x',
    'batch.kubernetes.io/controller-uid': 'u',
    'batch.kubernetes.io/job-name': 'x',
  }
  assert.deepEqual(spec.selector, { matchLabels: { 'batch.kubernetes.io/controller-uid': 'u' } })
  assert.deepEqual(spec.template.metadata?.labels, labels)
  assert.deepEqual(metadata.labels, labels)
})

test('a Job with a selector of its own is left alone', () => {
  const manual = {
    manualSelector: true,
    selector: { matchLabels: { app: 'x' } },
    template: { metadata: { labels: { app: 'x' } }, spec: pod },
  }
  const { spec } = written<Job>(jobs, job(manual))
  assert.deepEqual([spec.selector, spec.template.metadata?.labels], [manual.selector, { app: 'x' }])
  assert.deepEqual(refusals(jobs, job(manual)), [])
})

test('retries of each index are not bounded in all', () => {
  assert.equal(written<Job>(jobs, indexed({ backoffLimitPerIndex: 1 })).spec.backoffLimit, 2147483647)
})
test('a Job without a number of completions but with parallel pods is a queue', () => {
  const { completions, parallelism } = written<Job>(jobs, job({ parallelism: 3 })).spec
  assert.deepEqual([completions, parallelism], [undefined, 3])
})
test('a rule about conditions means those that are true', () => {
  const rules = [{ action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget' }] }]
  const { podFailurePolicy, podReplacementPolicy } = written<Job>(jobs, job({ podFailurePolicy: { rules } })).spec
  assert.deepEqual([podFailurePolicy!.rules![0]!.onPodConditions![0]!.status, podReplacementPolicy], ['True', 'Failed'])
})

const policy = (rule: object): object => job({ podFailurePolicy: { rules: [rule] } })
const R = 'spec.podFailurePolicy.rules[0]'
const success = (rule: object): object => indexed({ successPolicy: { rules: [rule] } })
const S = 'spec.successPolicy.rules[0]'

const refused: readonly (readonly [name: string, body: object, ...expected: string[]])[] = [
  ['that is in order', job()],
  ['of many indexed pods', indexed()],
  [
    'whose pods start again for ever',
    job({ template: { spec: { ...pod, restartPolicy: undefined } } }),
    'spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"',
  ],
  [
    'with an unknown restart policy',
    job({ template: { spec: { ...pod, restartPolicy: 'Once' } } }),
    'spec.template.spec.restartPolicy: Unsupported value: "Once": supported values: "Always", "Never", "OnFailure"',
    'spec.template.spec.restartPolicy: Unsupported value: "Once": supported values: "Never", "OnFailure"',
  ],
  ['without containers', job({ template: { spec: { restartPolicy: 'Never' } } }), 'spec.template.spec.containers: Required value'],
  ['of fewer than no pods', job({ completions: -1 }), 'spec.completions: Invalid value: -1: must be greater than or equal to 0'],
  [
    'that is kept for less than no time',
    job({ ttlSecondsAfterFinished: -1 }),
    'spec.ttlSecondsAfterFinished: Invalid value: -1: must be greater than or equal to 0',
  ],
  [
    'with the labels of another Job',
    job({ template: { metadata: { labels: { 'controller-uid': 'other' } }, spec: pod } }),
    `spec.template.metadata.labels[controller-uid]: Invalid value: {"controller-uid":"other","job-name":"x","batch.kubernetes.io/controller-uid":"u","batch.kubernetes.io/job-name":"x"}: must be 'u'`,
  ],
  [
    'with a selector that is not its own',
    job({ selector: { matchLabels: { app: 'x' } } }),
    'spec.selector: Invalid value: {"matchLabels":{"app":"x","batch.kubernetes.io/controller-uid":"u"}}: `selector` not auto-generated',
    'spec.template.metadata.labels: Invalid value: {"controller-uid":"u","job-name":"x","batch.kubernetes.io/controller-uid":"u","batch.kubernetes.io/job-name":"x"}: `selector` does not match template `labels`',
  ],
  [
    'with a manual selector that is missing',
    job({ manualSelector: true }),
    'spec.selector: Required value',
    'spec.template.metadata.labels: Invalid value: {}: `selector` does not match template `labels`',
  ],
  [
    'of an unknown mode',
    job({ completionMode: 'Random' }),
    'spec.completionMode: Unsupported value: "Random": supported values: "Indexed", "NonIndexed"',
  ],
  [
    'of indexed pods without a number',
    job({ completionMode: 'Indexed', parallelism: 2 }),
    'spec.completions: Required value: when completion mode is Indexed',
  ],
  ['whose last pod has too long a name', indexed({ completions: 3, parallelism: 1 })],
  [
    'that counts indexes it does not have',
    job({ backoffLimitPerIndex: 1 }),
    'spec.backoffLimitPerIndex: Invalid value: 1: requires indexed completion mode',
  ],
  [
    'that bounds failures of indexes only',
    indexed({ maxFailedIndexes: 1 }),
    'spec.backoffLimitPerIndex: Required value: when maxFailedIndexes is specified',
  ],
  [
    'that may fail more often than it runs',
    indexed({ maxFailedIndexes: 4, backoffLimitPerIndex: 1 }),
    'spec.maxFailedIndexes: Invalid value: 4: must be less than or equal to completions',
  ],
  [
    'managed by nobody in particular',
    job({ managedBy: 'me' }),
    'spec.managedBy: Invalid value: "me": must be a domain-prefixed path (such as "acme.io/foo")',
  ],
  [
    'that replaces pods too early for its rules',
    job({ podFailurePolicy: { rules: [] }, podReplacementPolicy: 'TerminatingOrFailed' }),
    'spec.podReplacementPolicy: Unsupported value: "TerminatingOrFailed": supported values: "Failed"',
  ],
  [
    'with a rule without action',
    policy({ onExitCodes: { operator: 'In', values: [1] } }),
    `${R}.action: Required value: valid values: ["Count" "FailIndex" "FailJob" "Ignore"]`,
  ],
  [
    'with a rule about nothing',
    policy({ action: 'Count' }),
    `${R}: Invalid value: specifying one of OnExitCodes and OnPodConditions is required`,
  ],
  [
    'with a rule about the end of no container',
    policy({ action: 'Count', onExitCodes: { containerName: 'none', operator: 'In', values: [2, 1, 1, 0] } }),
    `${R}.onExitCodes.containerName: Invalid value: "none": must be one of the container or initContainer names in the pod template`,
    `${R}.onExitCodes.values[2]: Duplicate value: 1`,
    `${R}.onExitCodes.values[3]: Invalid value: 0: must not be 0 for the In operator`,
    `${R}.onExitCodes.values: Invalid value: [2,1,1,0]: must be ordered`,
  ],
  [
    'with a rule for indexes without retries',
    policy({ action: 'FailIndex', onExitCodes: { operator: 'In', values: [1] } }),
    `${R}.action: Invalid value: "FailIndex": requires the backoffLimitPerIndex to be set`,
  ],
  [
    'that succeeds in parts without having any',
    job({ successPolicy: { rules: [] } }),
    'spec.successPolicy: Invalid value: {"rules":[]}: requires indexed completion mode',
  ],
  [
    'that succeeds by no rule',
    indexed({ successPolicy: {} }),
    'spec.successPolicy.rules: Required value: at least one rules must be specified when the successPolicy is specified',
  ],
  [
    'that succeeds by a rule about nothing',
    success({}),
    `${S}: Required value: at least one of succeededCount or succeededIndexes must be specified`,
  ],
  [
    'that succeeds by an index it does not have',
    success({ succeededIndexes: '0,5' }),
    `${S}.succeededIndexes: Invalid value: "0,5": error parsing succeededIndexes: too large index: "5"`,
  ],
  [
    'that succeeds by indexes in disorder',
    success({ succeededIndexes: '1,0' }),
    `${S}.succeededIndexes: Invalid value: "1,0": error parsing succeededIndexes: non-increasing order, previous: 1, current: 0`,
  ],
  [
    'that succeeds by more indexes than it names',
    success({ succeededIndexes: '0-1', succeededCount: 3 }),
    `${S}.succeededCount: Invalid value: 3: must be less than or equal to 2 (the number of indexes in the specified succeededIndexes field)`,
  ],
]
for (const [name, body, ...expected] of refused) test(`a Job ${name}`, () => assert.deepEqual(refusals(jobs, body), expected))

test('the name of an indexed Job leaves room for the index', () => {
  const name = 'a'.repeat(63)
  assert.deepEqual(refusals(jobs, { ...indexed(), metadata: { ...METADATA, name } }).slice(-1), [
    `metadata.name: Invalid value: "${name}": will not able to create pod with invalid DNS label: ${name}-2`,
  ])
})

const stored = written<Job>(jobs, job())
const update = (spec: object, from: object = job(), status?: object): readonly string[] => {
  const before = { ...written<Job>(jobs, from), ...(status && { status }) } as Job
  const after = written<Job>(jobs, { ...before, spec: { ...before.spec, ...spec } }, before)
  return jobs.validate!(after, before).map(({ path, message }) => `${path}: ${message.replace(/value: .*: /, 'value: …: ')}`)
}
const tainted = { ...stored.spec.template, spec: { ...stored.spec.template.spec, nodeSelector: { disk: 'ssd' } } }
const sized = {
  ...stored.spec.template,
  spec: {
    ...stored.spec.template.spec,
    containers: [{ ...stored.spec.template.spec.containers[0]!, resources: { limits: { cpu: '1' } } }],
  },
}

const updates: readonly (readonly [name: string, given: readonly string[], ...expected: string[]])[] = [
  ['more pods at once', update({ parallelism: 5 })],
  ['a suspension', update({ suspend: true })],
  ['more completions', update({ completions: 2 }), 'spec.completions: Invalid value: …: field is immutable'],
  ['more completions of indexed pods, all at once', update({ completions: 5, parallelism: 5 }, indexed())],
  [
    'more completions of indexed pods',
    update({ completions: 5 }, indexed()),
    'spec.completions: Invalid value: …: can only be modified in tandem with spec.parallelism',
  ],
  ['another mode', update({ completionMode: 'Indexed' }), 'spec.completionMode: Invalid value: …: field is immutable'],
  [
    'a selector that says more',
    update({ selector: { matchLabels: { ...stored.spec.selector!.matchLabels, 'job-name': 'x' } } }),
    'spec.selector: Invalid value: …: field is immutable',
  ],
  ['another manager', update({ managedBy: 'acme.io/me' }), 'spec.managedBy: Invalid value: …: field is immutable'],
  ['other nodes', update({ template: tainted }), 'spec.template: Invalid value: …: field is immutable'],
  ['other nodes while it is suspended and never ran', update({ template: tainted }, job({ suspend: true }))],
  [
    'other nodes while it is suspended and ran',
    update({ template: tainted }, job({ suspend: true }), { startTime: '2026-01-01T00:00:00Z' }),
    'spec.template: Invalid value: …: field is immutable',
  ],
  ['other sizes while it runs', update({ template: sized }), 'spec.template: Invalid value: …: field is immutable'],
  ['other sizes while it is suspended', update({ template: sized }, job({ suspend: true }))],
]
for (const [name, given, ...expected] of updates) test(`a Job updated with ${name}`, () => assert.deepEqual(given, expected))

const START = '2026-01-01T00:00:00Z'
const DONE = '2026-01-01T00:03:00Z'
const conditions = (...types: readonly string[]) => types.map((type) => ({ type, status: 'True' }))
const statuses: readonly (readonly [name: string, status: object, ...expected: string[]])[] = [
  ['a running pod', { startTime: START, active: 1 }],
  ['success', { startTime: START, completionTime: DONE, succeeded: 1, conditions: conditions('SuccessCriteriaMet', 'Complete') }],
  ['fewer than no pods', { active: -1 }, 'status.active: Invalid value: -1: must be greater than or equal to 0'],
  [
    'an end without a condition',
    { startTime: START, completionTime: DONE },
    `status.completionTime: Invalid value: "${DONE}": cannot set completionTime when there is no Complete=True condition`,
  ],
  [
    'success and failure',
    { startTime: START, conditions: conditions('Complete', 'Failed', 'SuccessCriteriaMet', 'FailureTarget'), completionTime: DONE },
    'status.conditions: Invalid value: cannot set Complete=True and Failed=true conditions',
    'status.conditions: Invalid value: cannot set Complete=True and FailureTarget=true conditions',
    'status.conditions: Invalid value: cannot set SuccessCriteriaMet=True and Failed=true conditions',
  ],
  [
    'more ready than active',
    { startTime: START, active: 1, ready: 2 },
    'status.ready: Invalid value: 2: cannot set more ready pods than active',
  ],
  [
    'indexes of a Job without',
    { completedIndexes: '0' },
    'status.completedIndexes: Invalid value: "0": cannot set non-empty completedIndexes when non-indexed completion mode',
  ],
]
for (const [name, status, ...expected] of statuses)
  test(`a status of a Job with ${name}`, () => {
    const errors = jobs.validate!({ ...stored, status } as Job, stored)
    assert.deepEqual(
      errors.map(({ path, message }) => `${path}: ${message}`),
      expected,
    )
  })

const shown: readonly (readonly [name: string, spec: object, status: object | undefined, text: string])[] = [
  ['just made', {}, undefined, 'Running 0/1 '],
  ['at work', {}, { startTime: START, active: 1 }, 'Running 0/1 5m'],
  ['done', {}, { startTime: START, completionTime: DONE, succeeded: 1, conditions: conditions('Complete') }, 'Complete 1/1 3m'],
  ['failed', {}, { startTime: START, conditions: conditions('FailureTarget', 'Failed') }, 'Failed 0/1 5m'],
  ['failing', {}, { startTime: START, conditions: conditions('FailureTarget') }, 'FailureTarget 0/1 5m'],
  ['suspended', { suspend: true }, { conditions: conditions('Suspended') }, 'Suspended 0/1 '],
  ['a queue of three', { parallelism: 3 }, { succeeded: 1 }, 'Running 1/1 of 3 '],
]
for (const [name, spec, status, text] of shown)
  test(`kubectl get shows a Job that is ${name}`, () => {
    const { Status, Completions, Duration } = row(jobs, { ...written<Job>(jobs, job(spec)), ...(status && { status }) } as Job)
    assert.equal(`${Status} ${Completions} ${Duration}`, text)
  })

test('a Job that is being deleted is terminating', () => {
  const leaving = { ...stored, metadata: { ...stored.metadata, deletionTimestamp: START } }
  assert.equal(row(jobs, leaving)['Status'], 'Terminating')
})
test('jobs are selected by how many pods succeeded', () => {
  assert.deepEqual(jobs.fields!({ ...stored, status: { succeeded: 3 } }), { 'status.successful': '3' })
})
test('who makes a Job is told that nothing runs it', () => {
  assert.match(warnings(jobs, job()).at(-1)!, /no controller of this cluster runs Jobs yet/)
})
