import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { planUpdate, type Slot, type UpdateView } from './plan.ts'

const aSlot = (changes: Partial<Slot> = {}): Slot => ({ current: '0.1.0', bad: {}, releases: ['0.1.0'], ...changes })
const aView = (changes: Partial<UpdateView> = {}): UpdateView => ({
  running: '0.1.0',
  wanted: '0.2.0',
  slot: aSlot(),
  failed: undefined,
  isConnected: true,
  healthyMs: 0,
  startedMs: 0,
  nowMs: 1_000,
  ...changes,
})
const onTrial = aSlot({ current: '0.2.0', trial: { version: '0.2.0', starts: 1, deadlineSeconds: 600 } })
const failedOnce = { version: '0.2.0', times: 1, why: 'the link was cut', atMs: 1_000, isCostly: false }
const returned = { version: '0.2.0', times: 1, why: 'never in contact with the server within 600 s' }

const cases: readonly { name: string; view: Partial<UpdateView>; step: string; reason?: string; message?: RegExp }[] = [
  { name: 'nothing is wanted: nothing is said', view: { wanted: undefined }, step: 'wait' },
  { name: 'what is wanted runs', view: { wanted: '0.1.0' }, step: 'wait', reason: 'UpToDate', message: /^runs 0\.1\.0$/ },
  { name: 'a new version is fetched', view: {}, step: 'download', reason: 'Downloading' },
  { name: 'nothing is fetched without contact', view: { isConnected: false }, step: 'wait', reason: 'Downloading' },
  { name: 'what is on the disk is staged, not fetched', view: { slot: aSlot({ releases: ['0.2.0'] }) }, step: 'stage', reason: 'Staged' },
  { name: 'an older version is as good', view: { wanted: '0.0.9' }, step: 'download', reason: 'Downloading' },
  { name: 'what was staged is started', view: { slot: aSlot({ current: '0.2.0' }) }, step: 'restart', reason: 'Staged' },
  {
    name: 'what was staged is started, whatever is wanted meanwhile',
    view: { slot: { ...onTrial, trial: { ...onTrial.trial!, starts: 0 } }, wanted: '0.3.0' },
    step: 'restart',
    reason: 'Staged',
  },
  {
    name: 'on trial it waits for health',
    view: { running: '0.2.0', slot: onTrial, healthyMs: 29_999 },
    step: 'wait',
    reason: 'OnTrial',
    message: /start 1 of 3/,
  },
  { name: 'healthy for 30 s, it stays', view: { running: '0.2.0', slot: onTrial, healthyMs: 30_000 }, step: 'commit', reason: 'OnTrial' },
  {
    name: 'a short deadline asks for half of it',
    view: { running: '0.2.0', slot: { ...onTrial, trial: { ...onTrial.trial!, deadlineSeconds: 10 } }, healthyMs: 5_000 },
    step: 'commit',
    reason: 'OnTrial',
  },
  {
    name: 'a trial comes to its end before another version is looked at',
    view: { running: '0.2.0', slot: onTrial, wanted: '0.3.0' },
    step: 'wait',
    reason: 'OnTrial',
  },
  {
    name: 'what was given up is not tried again',
    view: { slot: aSlot({ bad: { '0.2.0': 'crashed 3 times' }, releases: ['0.2.0'] }) },
    step: 'wait',
    reason: 'Returned',
    message: /^0\.2\.0: crashed 3 times; 0\.1\.0 runs again$/,
  },
  {
    name: 'what cannot run here is refused',
    view: { slot: aSlot({ bad: { '0.2.0': 'refused: it does not start' } }) },
    step: 'wait',
    reason: 'Refused',
    message: /^0\.2\.0: it does not start$/,
  },
  {
    name: 'what never reached the server rests',
    view: { slot: aSlot({ returned, releases: ['0.2.0'] }), nowMs: 599_999 },
    step: 'wait',
    reason: 'Returned',
    message: /never in contact .*; 0\.1\.0 runs again; will be tried again/,
  },
  { name: 'and is tried again', view: { slot: aSlot({ returned, releases: ['0.2.0'] }), nowMs: 600_000 }, step: 'stage', reason: 'Staged' },
  {
    name: 'but not without contact',
    view: { slot: aSlot({ returned }), nowMs: 600_000, isConnected: false },
    step: 'wait',
    reason: 'Returned',
  },
  { name: 'another version need not rest', view: { wanted: '0.3.0', slot: aSlot({ returned }) }, step: 'download', reason: 'Downloading' },
  {
    name: 'a download that failed rests',
    view: { failed: failedOnce, nowMs: 30_999 },
    step: 'wait',
    reason: 'DownloadFailed',
    message: /the link was cut/,
  },
  { name: 'and goes on', view: { failed: failedOnce, nowMs: 31_000 }, step: 'download', reason: 'Downloading' },
  {
    name: 'another version is not the one that failed',
    view: { failed: { ...failedOnce, version: '0.3.0' } },
    step: 'download',
    reason: 'Downloading',
  },
  { name: 'no launcher, no update', view: { slot: undefined }, step: 'wait', reason: 'Refused', message: /install\.sh/ },
  { name: 'no launcher, and nothing wanted', view: { slot: undefined, wanted: undefined }, step: 'wait' },
  { name: 'nonsense is refused', view: { wanted: '../../etc' }, step: 'wait', reason: 'Refused', message: /no version/ },
]
for (const { name, view, step, reason, message = / / } of cases)
  test(name, () => {
    const plan = planUpdate(aView(view))
    assert.equal(plan.step.kind, step)
    assert.equal(plan.says?.reason, reason)
    if (plan.says) assert.match(plan.says.message, message)
  })

test('the rest of what fails doubles up to an hour, of what never reached the server up to a day', () => {
  const rest = (view: Partial<UpdateView>): number => {
    const { step } = planUpdate(aView({ nowMs: 0, ...view }))
    return step.kind === 'wait' ? (step.untilMs ?? 0) : 0
  }
  const downloads = [1, 2, 3, 7, 8, 99].map((times) => rest({ failed: { ...failedOnce, atMs: 0, times } }) / 1000)
  assert.deepEqual(downloads, [30, 60, 120, 1920, 3600, 3600])
  const inVain = rest({ failed: { ...failedOnce, atMs: 0, isCostly: true } }) / 60_000
  assert.equal(inVain, 10)
  const trials = [1, 2, 3, 99].map((times) => rest({ slot: aSlot({ returned: { ...returned, times } }) }) / 60_000)
  assert.deepEqual(trials, [10, 20, 40, 1440])
})

test('it never stages or fetches what was given up, nor what runs', () => {
  const version = fc.constantFrom('0.1.0', '0.2.0', '0.3.0')
  const versions = fc.uniqueArray(version)
  const view = fc.record({
    wanted: version,
    running: version,
    current: version,
    bad: versions,
    releases: versions,
    nowMs: fc.nat(10_000_000),
  })
  fc.assert(
    fc.property(view, ({ wanted, running, current, bad, releases, nowMs }) => {
      const slot = aSlot({ current, releases, bad: Object.fromEntries(bad.map((it) => [it, 'crashed'])) })
      const { step } = planUpdate(aView({ wanted, running, slot, nowMs }))
      if (step.kind === 'stage' || step.kind === 'download') assert.ok(!bad.some((it) => it === step.version) && step.version !== running)
    }),
    { seed: 5 },
  )
})
