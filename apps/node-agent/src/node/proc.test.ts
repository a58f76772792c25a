import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaultRouteDevice, diskKind, parseMemory, parseStat, taskCount } from './proc.ts'

test('busy time is everything but idle and waiting for disks', () => {
  assert.deepEqual(parseStat('cpu  10 20 30 4000 500 1 2 3 0 0\ncpu0 1 2 3 4 5 6 7 8 0 0\n'), { busyTicks: 66 })
})
test('used memory is what is not available', () => {
  assert.deepEqual(parseMemory('MemTotal:        1000 kB\nMemFree:          10 kB\nMemAvailable:    600 kB\n'), {
    usedBytes: 400 * 1024,
    availableBytes: 600 * 1024,
  })
})
test('the default route with the lowest metric names the uplink', () => {
  const head = 'Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n'
  assert.equal(
    defaultRouteDevice(
      `${head}wlan0\t00000000\t0101A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0\neth0\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\neth0\t0001A8C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0`,
    ),
    'eth0',
  )
  assert.equal(defaultRouteDevice(head), undefined)
})
test('tasks are the second number of the fourth field', () => assert.equal(taskCount('0.10 0.20 0.30 2/345 6789'), 345))

const disks = [
  { name: 'an SD card', device: 'mmcblk0p2', rotational: '0', kind: 'sd' },
  { name: 'an NVMe drive', device: 'nvme0n1p2', rotational: '0', kind: 'nvme' },
  { name: 'a USB SSD', device: 'sda2', rotational: '0', kind: 'ssd' },
  { name: 'a spinning disk', device: 'sda2', rotational: '1', kind: 'hdd' },
  { name: 'a virtual disk', device: 'vda1', rotational: '1', kind: 'unknown' },
  { name: 'an overlay of a live system', device: '', rotational: '', kind: 'unknown' },
]
for (const { name, device, rotational, kind } of disks)
  test(`${name} is told by its name`, () => assert.equal(diskKind(device, rotational), kind))
