import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Secret } from '@bramble/api/types/core'
import { formatToken, newJoinToken, parseWireToken, redeem } from './join-token.ts'

const NOW = Date.UTC(2026, 0, 1)
const HOUR_MS = 3_600_000
const PI_1 = { nodeName: 'pi-1', device: 'k1' }
const made = (uses: number) => {
  const { token, secret } = newJoinToken({ ttlMs: HOUR_MS, uses }, NOW)
  return { token, secret: secret as Secret }
}

const cases = [
  { name: 'a fresh token lets a node in', uses: 1, usedBy: [], nowMs: NOW, ok: true },
  {
    name: 'a used-up token does not',
    uses: 1,
    usedBy: [['pi-2', 'k2']],
    nowMs: NOW,
    ok: false,
    why: /used up \(1 of 1\).*bramble token create/,
  },
  { name: 'the same device may repeat, its answer may have been lost', uses: 1, usedBy: [['pi-1', 'k1']], nowMs: NOW, ok: true },
  { name: 'the same name with another key may not', uses: 1, usedBy: [['pi-1', 'k9']], nowMs: NOW, ok: false, why: /used up/ },
  {
    name: 'several uses are several nodes',
    uses: 3,
    usedBy: [
      ['a', '1'],
      ['b', '2'],
    ],
    nowMs: NOW,
    ok: true,
  },
  { name: 'an expired token does not', uses: 1, usedBy: [], nowMs: NOW + HOUR_MS, ok: false, why: /expired at 2026-01-01T01:00:00Z/ },
] as const

for (const { name, uses, usedBy, nowMs, ok, ...rest } of cases) {
  test(name, () => {
    const { token, secret } = made(uses)
    let current = secret
    for (const [node, key] of usedBy) {
      const verdict = redeem(current, token, { nodeName: node, device: key }, NOW)
      assert.ok(verdict.ok && verdict.record)
      current = verdict.record
    }
    const verdict = redeem(current, token, PI_1, nowMs)
    assert.equal(verdict.ok, ok)
    if (!verdict.ok && 'why' in rest) assert.match(verdict.why, rest.why)
  })
}

test('a wrong secret, an unknown id and a Secret of another type are told apart from nothing', () => {
  const { token, secret } = made(1)
  const whys = [
    redeem(secret, { ...token, secret: 'x'.repeat(32) }, PI_1, NOW),
    redeem(undefined, token, PI_1, NOW),
    redeem({ ...secret, type: 'Opaque' }, token, PI_1, NOW),
  ].map((verdict) => (verdict.ok ? 'let in' : verdict.why))
  assert.equal(new Set(whys).size, 1)
  assert.match(whys[0]!, /wrong or has been deleted/)
})

test('the stored Secret does not contain the secret', () => {
  const { token, secret } = made(1)
  const stored = Object.values(secret.data!)
    .map((value) => Buffer.from(value, 'base64').toString())
    .join()
  assert.ok(!stored.includes(token.secret))
  assert.deepEqual(parseWireToken(formatToken('f'.repeat(64), token).split('.').slice(2).join('.')), token)
})
