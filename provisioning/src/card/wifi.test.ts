import assert from 'node:assert/strict'
import { test } from 'node:test'
import { passphraseProblem, pskOf } from './wifi.ts'

// IEEE 802.11i-2004, H.4.3, and what wpa_passphrase says of a name and a passphrase that are not ASCII.
const vectors = [
  { ssid: 'IEEE', passphrase: 'password', psk: 'f42c6fc52df0ebef9ebb4b90b38a5f902e83fe1b135a70e23aed762e9710a12e' },
  { ssid: 'ThisIsASSID', passphrase: 'ThisIsAPassword', psk: '0dc0d6eb90555ed6419756b9a15ec3e3209b63df707dd508d14581f8982721af' },
  { ssid: 'Z'.repeat(32), passphrase: 'a'.repeat(32), psk: 'becb93866bb8c3832cb777c2f559807c8c59afcb6eae734885001300a981cc62' },
]

for (const { ssid, passphrase, psk } of vectors)
  test(`the key of ${ssid} is that of the standard`, () => assert.equal(pskOf(ssid, passphrase), psk))

test('64 hex digits are a key already', () => {
  assert.equal(passphraseProblem('AB'.repeat(32)), undefined)
  assert.equal(pskOf('any', 'AB'.repeat(32)), 'ab'.repeat(32))
})
