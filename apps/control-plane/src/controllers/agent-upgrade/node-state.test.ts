import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stateOf } from './node-state.ts'
import { aCandidate, type NodeTraits } from './testing.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const told = '0.2.0'

const cases: readonly (readonly [name: string, traits: NodeTraits, state: string, elsewhere?: 'works'])[] = [
  ['runs the old version and was told nothing', {}, 'waiting'],
  ['runs the old version and was told that', { told: '0.1.0', says: 'UpToDate' }, 'waiting'],
  ['is out of contact', { offline: true }, 'offline'],
  ['was told something else by hand', { told: '0.3.0', says: 'Downloading' }, 'waiting'],
  ['was told', { told }, 'updating'],
  ['was told and said before that all is well', { told, says: 'UpToDate', message: '0.1.0' }, 'updating'],
  ['downloads', { told, says: 'Downloading' }, 'updating'],
  ['downloads over a bad link', { told, says: 'Downloading', toldMs: 3 * HOUR_MS }, 'updating'],
  ['downloads for ever', { told, says: 'Downloading', toldMs: 7 * HOUR_MS }, 'failed Stuck'],
  ['tries the new version', { told, says: 'OnTrial', runs: '0.2.0' }, 'updating'],
  ['could not download', { told, says: 'DownloadFailed' }, 'updating'],
  ['could not download for long', { told, says: 'DownloadFailed', toldMs: 11 * MINUTE_MS }, 'failed DownloadFailed'],
  ['does nothing', { told, toldMs: 11 * MINUTE_MS }, 'updating'],
  ['does nothing for long', { told, toldMs: 13 * MINUTE_MS }, 'failed NoAnswer'],
  ['came back to the old version', { told, says: 'Returned' }, 'failed Returned'],
  ['came back to the old version and is out of contact', { told, says: 'Returned', offline: true }, 'failed Returned'],
  ['refuses', { told, says: 'Refused' }, 'failed Refused'],
  ['refused another version before', { told, says: 'Refused', message: '0.2.0-rc.1: has no signature' }, 'updating'],
  ['runs it and says so', { told, says: 'UpToDate', runs: '0.2.0' }, 'updated'],
  ['runs it, says so, and is out of contact', { told, says: 'UpToDate', runs: '0.2.0', offline: true }, 'updated'],
  ['runs it and has not said that all is well', { told, says: 'OnTrial', runs: '0.2.0' }, 'updating'],
  ['came with it', { runs: '0.2.0' }, 'updated'],
  ['came with it and shall run another', { runs: '0.2.0', told: '0.3.0', says: 'Downloading' }, 'waiting'],
  ['starts again', { told, says: 'Staged', offline: true, silentMs: MINUTE_MS }, 'updating'],
  ['is silent for longer than a return takes', { told, says: 'Staged', offline: true, silentMs: 13 * MINUTE_MS }, 'failed Silent'],
  ['is silent for so long', { told, says: 'Staged', offline: true, silentMs: 13 * MINUTE_MS }, 'offline', 'works'],
]
for (const [name, traits, expected, elsewhere] of cases)
  test(`a node that ${name} is ${expected}${elsewhere ? ' when the version works elsewhere' : ''}`, () => {
    const state = stateOf(aCandidate('a', traits), { version: '0.2.0', deadlineMs: 10 * MINUTE_MS, isProven: elsewhere !== undefined })
    assert.equal(state.type === 'failed' ? `failed ${state.reason}` : state.type, expected)
  })

test('it is said when a node is looked at otherwise', () => {
  const wish = { version: '0.2.0', deadlineMs: 10 * MINUTE_MS, isProven: false }
  assert.deepEqual(stateOf(aCandidate('a', { told, toldMs: MINUTE_MS }), wish), { type: 'updating', leftMs: 11 * MINUTE_MS })
})
