import assert from 'node:assert/strict'
import { describe, it, test, type TestContext } from 'node:test'
import { simEnv } from '@bramble/reconcile/sim/sim-env'
import { addFiles, madeTree } from '../../metrics/made-tree.fixture.ts'
import { Board } from './board.ts'
import { lifeUsedRatio, reserveState, throttleBits, wifiLinks } from './texts.ts'

// Files as these boards have them.

const SD = {
  'sys/block/mmcblk0/device/type': 'SD\n',
  'sys/block/mmcblk0/device/name': 'SC32G\n',
  'sys/block/mmcblk0/device/manfid': '0x000003\n',
  'sys/block/mmcblk0/device/oemid': '0x5344\n',
  'sys/block/mmcblk0/device/date': '03/2020\n',
}
const THERMAL = { 'sys/class/thermal/thermal_zone0/type': 'cpu-thermal\n', 'sys/class/thermal/thermal_zone0/temp': '54213\n' }
const WIRELESS_HEAD = `Inter-| sta-|   Quality        |   Discarded packets               | Missed | WE
 face | tus | link level noise |  nwid  crypt   frag  retry   misc | beacon | 22
`
const WLAN = `${WIRELESS_HEAD} wlan0: 0000   58.  -52.  -256        0      0      0      2      0        0\n`
const cpuinfo = (revision: string): string =>
  `processor\t: 0\nBogoMIPS\t: 108.00\n\nRevision\t: ${revision}\nSerial\t\t: 10000000abcdef01\nModel\t\t: whatever\n`
const tree = (model: string): Record<string, string> => ({
  'proc/device-tree/model': `${model}\0`,
  'proc/device-tree/serial-number': '10000000abcdef01\0',
})

const PI_3 = {
  ...tree('Raspberry Pi 3 Model B Plus Rev 1.3'),
  ...THERMAL,
  ...SD,
  'proc/cpuinfo': cpuinfo('a020d3'),
  'proc/net/wireless': WLAN,
  'sys/devices/platform/soc/soc:firmware/get_throttled': '50005\n',
  'sys/class/hwmon/hwmon1/name': 'rpi_volt\n',
  'sys/class/hwmon/hwmon1/in0_lcrit_alarm': '1\n',
}
const PI_4_EMMC = {
  ...tree('Raspberry Pi Compute Module 4 Rev 1.1'),
  ...THERMAL,
  'proc/cpuinfo': cpuinfo('c03141'),
  'proc/net/wireless': WIRELESS_HEAD,
  'sys/devices/platform/soc/soc:firmware/get_throttled': '0\n',
  'sys/class/hwmon/hwmon0/name': 'cpu_thermal\n',
  'sys/class/hwmon/hwmon1/name': 'rpi_volt\n',
  'sys/class/hwmon/hwmon1/in0_lcrit_alarm': '0\n',
  'sys/block/mmcblk0/device/type': 'MMC\n',
  'sys/block/mmcblk0/device/name': 'BJTD4R\n',
  'sys/block/mmcblk0/device/manfid': '0x000015\n',
  'sys/block/mmcblk0/device/date': '07/2021\n',
  'sys/block/mmcblk0/device/life_time': '0x01 0x03\n',
  'sys/block/mmcblk0/device/pre_eol_info': '0x01\n',
  'sys/block/mmcblk0boot0/device/type': 'MMC\n',
}
const PI_5 = {
  ...tree('Raspberry Pi 5 Model B Rev 1.0'),
  ...THERMAL,
  ...SD,
  'sys/class/thermal/thermal_zone1/type': 'rp1-adc\n',
  'sys/class/thermal/thermal_zone1/temp': '47000\n',
  'proc/cpuinfo': cpuinfo('d04170'),
  'sys/devices/platform/soc@107c000000/soc@107c000000:firmware/get_throttled': '80000\n',
  'sys/class/hwmon/hwmon3/name': 'rpi_volt\n',
  'sys/class/hwmon/hwmon3/in0_lcrit_alarm': '0\n',
}
const ZERO_2 = {
  ...tree('Raspberry Pi Zero 2 W Rev 1.0'),
  ...THERMAL,
  ...SD,
  'proc/cpuinfo': cpuinfo('902120'),
  'proc/net/wireless': WLAN,
  'sys/devices/platform/soc/soc:firmware/get_throttled': '4\n',
}
const VIRTUAL_MACHINE = { 'proc/cpuinfo': 'processor\t: 0\nvendor_id\t: AuthenticAMD\n', 'sys/block/vda/size': '1\n' }

const aBoard = (t: TestContext, files: Readonly<Record<string, string>>) => {
  const { clock } = simEnv()
  const root = madeTree(t, files)
  return { board: new Board(clock, root), clock, root }
}
const CARD = { device: 'mmcblk0', type: 'SD', name: 'SC32G', manufacturer: '0x000003', date: '03/2020' }
const WIFI = [{ device: 'wlan0', signalDbm: -52, quality: 58 }]
const WARM = [{ sensor: 'cpu-thermal', celsius: 54.213 }]
const bits = (underVoltage: boolean, slowed: boolean, underVoltageSinceBoot: boolean, slowedSinceBoot: boolean) => ({
  underVoltage,
  slowed,
  underVoltageSinceBoot,
  slowedSinceBoot,
})

test('a Pi 3 whose supply is too weak', (t) =>
  assert.deepEqual(aBoard(t, PI_3).board.read(), {
    model: 'Raspberry Pi 3 Model B Plus Rev 1.3',
    revision: 'a020d3',
    temperatures: WARM,
    power: { underVoltage: true, throttling: bits(true, true, true, true) },
    storage: [CARD],
    wifi: WIFI,
  }))
test('a Compute Module 4 with eMMC, and no Wi-Fi in use', (t) =>
  assert.deepEqual(aBoard(t, PI_4_EMMC).board.read(), {
    model: 'Raspberry Pi Compute Module 4 Rev 1.1',
    revision: 'c03141',
    temperatures: WARM,
    power: { underVoltage: false, throttling: bits(false, false, false, false) },
    storage: [
      { device: 'mmcblk0', type: 'MMC', name: 'BJTD4R', manufacturer: '0x000015', date: '07/2021', lifeUsedRatio: 0.3, reserveState: 1 },
    ],
    wifi: [],
  }))
test('a Pi 5 that was too hot once', (t) =>
  assert.deepEqual(aBoard(t, PI_5).board.read(), {
    model: 'Raspberry Pi 5 Model B Rev 1.0',
    revision: 'd04170',
    temperatures: [...WARM, { sensor: 'rp1-adc', celsius: 47 }],
    power: { underVoltage: false, throttling: bits(false, false, false, true) },
    storage: [CARD],
    wifi: [],
  }))
test('a Zero 2 without the driver of the voltage sensor is asked through its firmware', (t) =>
  assert.deepEqual(aBoard(t, ZERO_2).board.read().power, { underVoltage: false, throttling: bits(false, true, false, false) }))
test('a virtual machine tells nothing', (t) =>
  assert.deepEqual(aBoard(t, VIRTUAL_MACHINE).board.read(), { temperatures: [], power: {}, storage: [], wifi: [] }))
test('serial number and revision go into labels', (t) => {
  const { revision, serial } = aBoard(t, PI_3).board.identity()
  assert.deepEqual([revision, serial], ['a020d3', '10000000abcdef01'])
})

test('flash is asked once an hour', async (t) => {
  const { board, clock, root } = aBoard(t, PI_4_EMMC)
  const life = () => board.storage()[0]?.lifeUsedRatio
  assert.equal(life(), 0.3)
  addFiles(root, { 'sys/block/mmcblk0/device/life_time': '0x0b 0x03\n' })
  assert.equal(life(), 0.3)
  await clock.advance(3_600_000)
  assert.equal(life(), 1)
})

describe('texts of boards', () => {
  const lives: readonly (readonly [text: string, want: number | undefined])[] = [
    ['0x01 0x01\n', 0.1],
    ['0x02 0x0a\n', 1],
    ['0x0b 0x01\n', 1],
    ['0x00 0x00\n', undefined],
    ['', undefined],
  ]
  for (const [text, want] of lives) it(`life_time ${JSON.stringify(text)}`, () => assert.equal(lifeUsedRatio(text), want))

  it('pre_eol_info', () =>
    assert.deepEqual(['0x00', '0x01', '0x02\n', '0x03', '0x09', ''].map(reserveState), [undefined, 1, 2, 3, undefined, undefined]))
  it('get_throttled that is no number is nothing', () => {
    assert.equal(throttleBits(''), undefined)
    assert.equal(throttleBits('nonsense'), undefined)
    assert.deepEqual(throttleBits('0x2\n'), bits(false, true, false, false))
  })
  it('a Wi-Fi device without a connection has no signal', () =>
    assert.deepEqual(wifiLinks(`${WIRELESS_HEAD} wlan0: 0000    0.  -256.  -256        0      0      0      0      0        0\n`), []))
})
