import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ADDRESS_PATTERN, NETWORK_PATTERN, readSettings, type Setting, SettingsError } from './settings.ts'

const SETTINGS: readonly Setting[] = [
  { name: 'folder', kind: 'text', default: '/var', pattern: /^\//, rule: 'must be an absolute path', description: '' },
  { name: 'port', kind: 'integer', default: 80, min: 1, max: 65535, description: '' },
  { name: 'grace', kind: 'seconds', description: '' },
  { name: 'label', kind: 'list', default: [], pattern: /=/, rule: 'must be key=value', description: '' },
  { name: 'loud', kind: 'flag', default: false, description: '' },
  { name: 'token', kind: 'text', pattern: /^b1/, rule: 'must begin with b1', secret: true, description: '' },
]
const DEFAULTS = { folder: '/var', port: 80, grace: undefined, label: [], loud: false, token: undefined }

const good: readonly { readonly name: string; readonly given: Record<string, unknown>; readonly values: Record<string, unknown> }[] = [
  { name: 'what is not given has its default', given: {}, values: {} },
  { name: 'null, an empty line of YAML, is not given', given: { port: null, label: null }, values: {} },
  { name: 'a number may come as a text, as flags do', given: { port: '443', grace: '0' }, values: { port: 443, grace: 0 } },
  { name: 'a list may be a single item', given: { label: 'a=b' }, values: { label: ['a=b'] } },
  { name: 'a list may be empty', given: { label: [] }, values: { label: [] } },
  { name: 'names that no setting has are left to the caller', given: { what: 1 }, values: {} },
]
for (const { name, given, values } of good) test(name, () => assert.deepEqual(readSettings(SETTINGS, given), { ...DEFAULTS, ...values }))

const bad: readonly (readonly [given: Record<string, unknown>, message: string])[] = [
  [{ port: 0 }, 'port: 0 must be a whole number from 1 to 65535'],
  [{ port: 65536 }, 'port: 65536 must be a whole number from 1 to 65535'],
  [{ port: '8 0' }, 'port: "8 0" must be a whole number from 1 to 65535'],
  [{ port: 1.5 }, 'port: 1.5 must be a whole number from 1 to 65535'],
  [{ port: Number.NaN }, 'port: null must be a whole number from 1 to 65535'],
  [{ port: '-1' }, 'port: "-1" must be a whole number from 1 to 65535'],
  [{ port: '99999999999999999999' }, 'port: "99999999999999999999" must be a whole number from 1 to 65535'],
  [{ port: {} }, 'port: {} must be a whole number from 1 to 65535'],
  [{ port: true }, 'port: true must be a whole number from 1 to 65535'],
  [{ folder: 'var' }, 'folder: "var" must be an absolute path'],
  [{ folder: 5 }, 'folder: must be a text, in quotes where YAML would read something else'],
  [{ label: ['a=b', 'c'] }, 'label: "c" must be key=value'],
  [{ label: { a: 'b' } }, 'label: must be a text, in quotes where YAML would read something else'],
  [{ loud: 'yes' }, 'loud: must be true or false'],
  [{ token: 'hunter2' }, 'token: it must begin with b1'],
  [{ folder: 'x'.repeat(1000) }, `folder: "${'x'.repeat(199)} must be an absolute path`],
  [
    { port: 0, folder: 'x', loud: 1 },
    'folder: "x" must be an absolute path\nport: 0 must be a whole number from 1 to 65535\nloud: must be true or false',
  ],
]
for (const [given, message] of bad)
  test(`refused: ${JSON.stringify(given).slice(0, 60)}`, () =>
    assert.throws(
      () => readSettings(SETTINGS, given),
      (error: unknown) => error instanceof SettingsError && error.permanent && assert.equal(error.message, message) === undefined,
    ))

test('addresses and networks are IPv4, with nothing around them', () => {
  for (const text of ['0.0.0.0', '192.168.1.10', '255.255.255.255']) assert.match(text, ADDRESS_PATTERN)
  for (const text of ['256.1.1.1', '1.2.3', '1.2.3.4.5', '1.2.3.4.', '01.2.3.4', '...', '::1', ' 1.2.3.4', '1.2.3.4\n'])
    assert.doesNotMatch(text, ADDRESS_PATTERN)
  for (const text of ['10.42.0.0/16', '0.0.0.0/0', '1.2.3.4/32']) assert.match(text, NETWORK_PATTERN)
  for (const text of ['10.42.0.0', '10.42.0.0/33', '10.42.0.0/', '10.42.0/16', '999.0.0.0/8', '10.42.0.0/016'])
    assert.doesNotMatch(text, NETWORK_PATTERN)
})
