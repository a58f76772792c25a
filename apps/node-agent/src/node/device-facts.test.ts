import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { deviceFacts, machineForUs } from './device-facts.ts'
import { defaultNodeName } from './node-name.ts'

function aRoot(t: TestContext, files: Readonly<Record<string, string>>): string {
  const root = mkdtempSync(join(tmpdir(), 'bramble-facts-'))
  t.after(() => rmSync(root, { recursive: true }))
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  return root
}

const TREE = 'sys/firmware/devicetree/base'
const machines: readonly {
  readonly name: string
  readonly files: Record<string, string>
  readonly serial?: string
  readonly model?: string
}[] = [
  {
    name: 'a Raspberry Pi with a device tree',
    files: { [`${TREE}/serial-number`]: '10000000ABCD1234\0', [`${TREE}/model`]: 'Raspberry Pi 5 Model B Rev 1.0\0' },
    serial: '10000000abcd1234',
    model: 'Raspberry Pi 5 Model B Rev 1.0',
  },
  {
    name: 'an older one',
    files: { 'proc/cpuinfo': 'Hardware\t: BCM2835\nRevision\t: a020d3\nSerial\t\t: 00000000abcd1234\n' },
    serial: '00000000abcd1234',
  },
  { name: 'a board whose maker left zeros', files: { [`${TREE}/serial-number`]: '0000000000000000\0' } },
  { name: 'a board whose serial is a word', files: { [`${TREE}/serial-number`]: 'To be filled by O.E.M.\0' } },
  { name: 'a PC', files: { 'sys/class/dmi/id/sys_vendor': 'LENOVO\n', 'sys/class/dmi/id/product_name': '20XW\n' }, model: 'LENOVO 20XW' },
  { name: 'a container', files: {} },
]
for (const { name, files, serial = '', model = '' } of machines)
  test(`${name} tells its serial and its model, or nothing`, (t) => {
    const facts = deviceFacts(aRoot(t, files))
    assert.deepEqual([facts.serial, facts.model, facts.machineId], [serial, model, ''])
  })

test('the machine id is told as systemd would tell it, and never raw', (t) => {
  const machineId = '0123456789abcdef0123456789abcdef'
  const { machineId: told } = deviceFacts(aRoot(t, { 'etc/machine-id': `${machineId}\n` }))
  assert.match(told, /^[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}$/)
  assert.notEqual(told, machineId)
  for (const none of ['', 'uninitialized', '0'.repeat(32)]) assert.equal(machineForUs(none), '')
})

const ID128 = '/usr/bin/systemd-id128'
test('systemd says the same', { skip: !existsSync(ID128) && 'systemd-id128 is not installed' }, (t) => {
  const raw = existsSync('/etc/machine-id') ? readFileSync('/etc/machine-id', 'utf8').trim() : ''
  if (machineForUs(raw) === '') return t.skip('this machine has no machine id')
  const theirs = execFileSync(ID128, ['machine-id', '--app-specific=6a1f27c0e5b24d7f9c3b8e40d2a95c61'], { encoding: 'utf8' })
  assert.equal(machineForUs(raw), theirs.trim())
})

const names: readonly (readonly [host: string, serial: string, name: string])[] = [
  ['attic', '10000000abcd1234', 'attic'],
  ['Raspberry_Pi.local', '', 'raspberry-pi.local'],
  ['raspberrypi', '10000000abcd1234', 'bramble-abcd1234'],
  ['raspberrypi', '', 'raspberrypi'],
  ['localhost.localdomain', '10000000abcd1234', 'bramble-abcd1234'],
  ['debian', '10000000abcd1234', 'bramble-abcd1234'],
  ['ubuntu', '10000000abcd1234', 'bramble-abcd1234'],
  ['', '', 'node'],
]
for (const [host, serial, name] of names)
  test(`a machine called "${host}"${serial ? ' with a serial' : ''} is node ${name}`, () =>
    assert.equal(defaultNodeName(host, serial), name))
