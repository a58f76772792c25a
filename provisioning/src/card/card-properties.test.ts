import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parse, stringify } from 'yaml'
import type { Card } from './card.ts'
import { aCard, AN_SSH_KEY } from './card.fixture.ts'
import { type CardOptions, checkCard } from './card-options.ts'
import { mergeMetaData, mergeNetworkConfig, mergeUserData } from './cloud-init.ts'
import { withWatchdog } from './config-txt.ts'
import { renderNodeEnv } from './node-env.ts'

const SEED = { seed: 7, numRuns: 200 }
const text = fc.oneof(
  fc.string({ maxLength: 40 }),
  fc.string({ unit: 'grapheme', maxLength: 20 }),
  fc.constantFrom("'", '"', '$(x)', '`x`', '\\', '\n', ''),
)
const maybe = <T>(of: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(of, { nil: undefined })

const options: fc.Arbitrary<CardOptions> = fc.record({
  hostname: maybe(fc.oneof(text, fc.constant('pi-1'))),
  serial: maybe(fc.oneof(text, fc.constant('10000000abcdef12'))),
  user: maybe(fc.oneof(text, fc.constant('anna'))),
  sshKeys: fc.array(
    fc.oneof(
      text,
      text.map((comment) => `${AN_SSH_KEY} ${comment.replaceAll('\n', ' ')}`),
    ),
    { maxLength: 2 },
  ),
  wifi: maybe(text),
  passphrase: maybe(fc.oneof(text, fc.constant('correct horse'))),
  country: maybe(fc.oneof(text, fc.constant('DE'))),
  timezone: maybe(fc.oneof(text, fc.constant('UTC'))),
  staticIp: maybe(fc.oneof(text, fc.constant('10.0.0.2/24'))),
  gateway: maybe(fc.oneof(text, fc.constant('10.0.0.1'))),
  server: fc.oneof(text, fc.constant('https://10.0.0.1:6443')),
  labels: fc.array(fc.oneof(text, fc.constant('a=b')), { maxLength: 2 }),
  taints: fc.array(fc.oneof(text, fc.constant('a=b:NoSchedule')), { maxLength: 2 }),
  runtime: maybe(fc.oneof(text, fc.constant('podman'))),
})

test('whatever is typed is either refused with a reason for each fault, or fits into node.env', () => {
  let taken = 0
  fc.assert(
    fc.property(options, (asked) => {
      const { settings, problems } = checkCard(asked)
      assert.equal(settings === undefined, problems.length > 0)
      for (const { option, message } of problems) assert.ok(/^[a-z0-9-]+$/.test(option) && message.length > 10, message)
      if (!settings) return
      taken++
      const env = renderNodeEnv({ ...settings, token: 'b1.x' }, undefined)
      for (const line of env.trimEnd().split('\n')) assert.match(line, /^[A-Z_]+='[^'\n\r]*'$/)
    }),
    { ...SEED, numRuns: 3000 },
  )
  assert.ok(taken > 0, 'some are good')
})

const ssid = text.filter((name) => name !== '' && Buffer.byteLength(name) <= 32 && !/[\0\r\n]/.test(name))
const card: fc.Arbitrary<Card> = fc
  .record({ name: maybe(fc.constantFrom('pi-1', 'pi-2')), ssid: maybe(ssid), isHidden: fc.boolean(), isOpen: fc.boolean() })
  .map(({ name, ssid, isHidden, isOpen }) =>
    aCard({ hostname: name, wifi: ssid === undefined ? undefined : { ssid, isHidden, pskHex: isOpen ? undefined : aCard().wifi!.pskHex } }),
  )
/** What an operator may have written, under names that we do not touch and names that we do. */
const userData = fc.dictionary(
  fc.constantFrom('packages', 'runcmd', 'bootcmd', 'write_files', 'ssh_pwauth', 'locale', 'swap'),
  fc.oneof(fc.array(fc.string({ maxLength: 8 }), { maxLength: 3 }), fc.boolean(), fc.constant(null)),
)

test('user-data: what was there is there, and a second time changes nothing', () => {
  fc.assert(
    fc.property(userData, card, (existing, card) => {
      const once = mergeUserData(`#cloud-config\n${stringify(existing)}`, card)
      assert.equal(mergeUserData(once, card), once)
      const after = parse(once) as Record<string, unknown>
      for (const [key, value] of Object.entries(existing)) {
        if (key !== 'runcmd' && key !== 'bootcmd') assert.deepEqual(after[key], value, key)
        else if (Array.isArray(value)) assert.deepEqual((after[key] as unknown[]).slice(0, value.length), value, key)
      }
    }),
    SEED,
  )
})

test('network-config: any name of a network comes back from YAML as it is, and a second time changes nothing', () => {
  fc.assert(
    fc.property(
      card,
      fc.constantFrom('', 'network:\n  version: 2\n', 'version: 2\nethernets:\n  eth1:\n    dhcp4: true\n'),
      (card, existing) => {
        const once = mergeNetworkConfig(existing, card)!
        assert.equal(mergeNetworkConfig(once, card), once)
        const parsed = parse(once) as Record<string, never>
        const root = (parsed['network'] ?? parsed) as unknown as { wifis?: { wlan0: { 'access-points': object } }; ethernets: object }
        assert.deepEqual(Object.keys(root.wifis?.wlan0['access-points'] ?? {}), card.wifi ? [card.wifi.ssid] : [])
        if (existing.includes('eth1')) assert.ok('eth1' in root.ethernets)
      },
    ),
    SEED,
  )
})

test('meta-data has one instance, however often it is written', () => {
  for (const existing of ['', 'dsmode: local\n', 'instance_id: rpios-image\n', 'instance-id: other\n']) {
    const once = mergeMetaData(existing, aCard())
    assert.equal(mergeMetaData(once, aCard()), once)
    assert.equal(once.match(/instance.id/g)?.length, 1)
  }
})

test('config.txt: lines of any order keep theirs, and a second time changes nothing', () => {
  const line = fc.constantFrom(
    '[all]',
    '[pi4]',
    '[tryboot]',
    'dtparam=watchdog=on',
    'dtparam=watchdog=off',
    'dtparam=audio=on',
    '# x',
    '',
    'os_prefix=a/',
  )
  fc.assert(
    fc.property(fc.array(line, { maxLength: 8 }), fc.constantFrom('\n', '\r\n'), fc.boolean(), (lines, end, hasEnd) => {
      const before = lines.join(end) + (hasEnd ? end : '')
      const once = withWatchdog(before)
      assert.ok(once.startsWith(before))
      assert.equal(withWatchdog(once), once)
    }),
    SEED,
  )
})
