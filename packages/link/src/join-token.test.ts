import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Secret } from '@bramble/api/types/core'
import { formatToken, isNetwork, isSerialOf, newJoinToken, parseWireToken, readToken, redeem, type TokenTerms } from './join-token.ts'

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

const SERIAL = '10000000abcd1234'
const bounds: readonly { readonly name: string; readonly terms: Partial<TokenTerms>; readonly joiner?: object; readonly why?: RegExp }[] = [
  { name: 'a token for a name lets that name in', terms: { nodeName: 'pi-1' } },
  { name: 'and no other', terms: { nodeName: 'pi-2' }, why: /for a node named "pi-2", and this one calls itself "pi-1".*--hostname pi-1/ },
  { name: 'a token for a board lets that board in', terms: { serial: SERIAL }, joiner: { serial: SERIAL } },
  { name: 'by its last eight digits too', terms: { serial: 'ABCD1234' }, joiner: { serial: SERIAL } },
  {
    name: 'and no other board',
    terms: { serial: SERIAL },
    joiner: { serial: '10000000abcd1235' },
    why: /board with serial 10000000abcd1234, and this one has 10000000abcd1235/,
  },
  { name: 'nor a machine without a serial', terms: { serial: SERIAL }, why: /and this one has none that can be read/ },
  { name: 'a token for a network lets it in', terms: { cidrs: ['10.0.0.0/8', '192.168.1.0/24'] }, joiner: { address: '192.168.1.77' } },
  {
    name: 'as it is written where both families are served',
    terms: { cidrs: ['192.168.1.0/24'] },
    joiner: { address: '::ffff:192.168.1.77' },
  },
  { name: 'IPv6 as well', terms: { cidrs: ['fd00::/8'] }, joiner: { address: 'fd00::1' } },
  {
    name: 'and no other network',
    terms: { cidrs: ['192.168.1.0/24'] },
    joiner: { address: '192.168.2.1' },
    why: /may be used from 192\.168\.1\.0\/24, and this request came from 192\.168\.2\.1/,
  },
  { name: 'nor somebody whose address is not known', terms: { cidrs: ['0.0.0.0/0'] }, why: /came from an unknown address/ },
  {
    name: 'a network that is none lets nobody in',
    terms: { cidrs: ['everywhere'] },
    joiner: { address: '192.168.1.77' },
    why: /may be used from everywhere/,
  },
]
for (const { name, terms, joiner, why } of bounds)
  test(name, () => {
    const { token, secret } = newJoinToken({ ttlMs: HOUR_MS, uses: 1, ...terms }, NOW)
    const verdict = redeem(secret as Secret, token, { ...PI_1, ...joiner }, NOW)
    assert.equal(verdict.ok, why === undefined)
    if (!verdict.ok && why) assert.match(verdict.why, why)
    const again = redeem(verdict.ok ? verdict.record : (secret as Secret), token, { ...PI_1, ...joiner }, NOW + 2 * HOUR_MS)
    assert.equal(again.ok, verdict.ok, 'a device that has used it may repeat, even when it has expired')
  })

test('what a token gives is kept with it', () => {
  const terms = { labels: ['a=b', 'c='], taints: ['d=e:NoSchedule'], cidrs: ['10.0.0.0/8'], nodeName: 'pi-1', serial: SERIAL }
  const { labels, taints, cidrs, nodeName, serial } = readToken(newJoinToken({ ttlMs: 1, uses: 1, ...terms }, NOW).secret as Secret)
  assert.deepEqual({ labels, taints, cidrs, nodeName, serial }, terms)
})

test('a token whose Secret somebody has spoilt lets nobody in', () => {
  const { token, secret } = made(1)
  for (const field of ['expiration', 'uses']) {
    const spoilt = { ...secret, data: { ...secret.data, [field]: Buffer.from('soon').toString('base64') } } as Secret
    assert.equal(redeem(spoilt, token, PI_1, NOW).ok, false)
  }
})

test('serials and networks', () => {
  assert.deepEqual(
    [isSerialOf(SERIAL, ''), isSerialOf('', ''), isSerialOf('0000000000abcd1234', 'abcd1234'), isSerialOf('234', SERIAL)],
    [false, false, true, false],
  )
  const networks = [
    '10.0.0.0/8',
    'fd00::/8',
    '0.0.0.0/0',
    '10.0.0.0',
    '10.0.0.0/33',
    'fd00::/129',
    '10.0.0/8',
    '10.0.0.0/8/8',
    '10.0.0.0/',
    'x/8',
  ]
  assert.deepEqual(networks.filter(isNetwork), networks.slice(0, 3))
})
