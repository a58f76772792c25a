import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { blockText, canonicalAddress, canonicalBlock, isStrictSubset, networkBlock, parseBlock } from './ip-block.ts'

const blocks: readonly (readonly [text: string, canonical: string | undefined])[] = [
  ['10.1.2.3/8', '10.0.0.0/8'],
  ['0.0.0.0/0', '0.0.0.0/0'],
  ['10.0.0.0/33', undefined],
  ['10.0.0/8', undefined],
  ['10.0.0.0', undefined],
  ['2001:DB8:0:0:1::/64', '2001:db8::/64'],
  ['::/0', '::/0'],
  ['1:0:0:2:0:0:0:3/128', '1:0:0:2::3/128'],
  ['fe80::1%eth0/64', undefined],
  ['::ffff:1.2.3.4/128', '::ffff:102:304/128'],
  ['::/129', undefined],
  ['/8', undefined],
  ['x/8', undefined],
]
for (const [text, canonical] of blocks)
  test(`the network ${text} is ${canonical ?? 'none'}`, () => {
    const block = parseBlock(text)
    assert.equal(block && blockText(block), canonical)
  })

test('a rule says what is wrong with a network', () => {
  assert.deepEqual(networkBlock('::ffff:1.2.3.0/120'), ['must not have an IPv4-mapped IPv6 address'])
  assert.deepEqual(networkBlock('10.0.0.0/08'), ['must not have leading 0s in IP or prefix length'])
  assert.deepEqual(networkBlock('2001:DB8::/32'), [])
  assert.deepEqual(canonicalBlock('2001:DB8::/32'), ['must be in canonical form ("2001:db8::/32")'])
  assert.deepEqual(canonicalAddress('::ffff:1.2.3.4'), ['must not be an IPv4-mapped IPv6 address'])
  assert.deepEqual(canonicalAddress('fe80::1%eth0').length, 1)
})

test('what is in a network and smaller is a part of it', () => {
  const is = (inner: string, outer: string) => isStrictSubset(parseBlock(inner)!, parseBlock(outer)!)
  assert.ok(is('10.1.0.0/16', '10.0.0.0/8') && is('2001:db8:1::/48', '2001:db8::/32') && is('10.0.0.0/8', '0.0.0.0/0'))
  assert.ok(!is('10.0.0.0/8', '10.0.0.0/8') && !is('11.0.0.0/16', '10.0.0.0/8') && !is('::/96', '0.0.0.0/0'))
})

test('a canonical text is canonical, and stands for the same network', () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), fc.nat(128), (address, prefix) => {
      const block = parseBlock(`${address}/${prefix}`)
      if (!block) return
      const text = blockText(block)
      assert.deepEqual(parseBlock(text), block)
      if (block.first >> 32n !== 0xffffn) assert.deepEqual(canonicalBlock(text), [], text)
    }),
    { seed: 7, numRuns: 500 },
  )
})
