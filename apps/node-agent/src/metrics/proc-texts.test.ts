import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deviceTraffic, localMounts, machineMemory, machineTime, pressure } from './proc-texts.ts'

const DEVICES = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 99 9 0 0 0 0 0 0 99 9 0 0 0 0 0 0
  eth0:1744440759   45059    1    2    0     0          0         0  4043977   30215    3    4    0     0       0          0
vethab12: 5 1 0 0 0 0 0 0 5 1 0 0 0 0 0 0
wlan0: 7 1 0 0 0 0 0 0 8 1 0 0 0 0 0 0
`

test('traffic is that of devices that lead outside', () =>
  assert.deepEqual(deviceTraffic(DEVICES), [
    {
      name: 'eth0',
      received: { bytes: 1_744_440_759, packets: 45_059, errors: 1, dropped: 2 },
      sent: { bytes: 4_043_977, packets: 30_215, errors: 3, dropped: 4 },
    },
    {
      name: 'wlan0',
      received: { bytes: 7, packets: 1, errors: 0, dropped: 0 },
      sent: { bytes: 8, packets: 1, errors: 0, dropped: 0 },
    },
  ]))

test('a process that is gone has no traffic', () => assert.deepEqual(deviceTraffic(''), []))

test('pressure is told where the kernel counts it', () => {
  const some = { avg10: 82.88, avg60: 92.07, avg300: 87.7, totalUs: 8_020_665_615 }
  assert.deepEqual(pressure('some avg10=82.88 avg60=92.07 avg300=87.70 total=8020665615\n'), { some })
  assert.deepEqual(
    pressure('some avg10=82.88 avg60=92.07 avg300=87.70 total=8020665615\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=3\n'),
    { some, full: { avg10: 0, avg60: 0, avg300: 0, totalUs: 3 } },
  )
  assert.equal(pressure(''), undefined)
})

test('memory of the machine', () =>
  assert.deepEqual(
    machineMemory(
      'MemTotal: 1000 kB\nMemFree: 100 kB\nMemAvailable: 600 kB\nBuffers: 10 kB\nCached: 400 kB\nSwapTotal: 50 kB\nSwapFree: 20 kB\nAnonPages: 300 kB\nMapped: 30 kB\n',
    ),
    {
      totalBytes: 1_024_000,
      availableBytes: 614_400,
      usageBytes: 921_600,
      rssBytes: 307_200,
      cacheBytes: 419_840,
      mappedFileBytes: 30_720,
      swapTotalBytes: 51_200,
      swapBytes: 30_720,
    },
  ))

test('time of the machine is that of all its processors', () =>
  assert.deepEqual(machineTime('cpu  10 20 30 4000 500 1 2 3 0 0\ncpu0 1 2 3 4 5 6 7 8 0 0\nbtime 1700000000\n'), {
    userNs: 300_000_000,
    systemNs: 360_000_000,
    bootedAtMs: 1_700_000_000_000,
  }))

test('places where another machine is mounted are not among the local ones', () => {
  const text = [
    '22 1 8:1 / / rw - ext4 /dev/root rw',
    '30 22 8:1 /data /with\\040space rw,relatime shared:1 - ext4 /dev/root rw',
    '31 22 0:40 / /distant rw - nfs4 server:/x rw',
    '32 22 0:41 / /fuse rw - fuse.sshfs x rw',
    '33 22 8:1 /a /covered rw - ext4 /dev/root rw',
    '34 33 0:42 / /covered rw - nfs server:/y rw',
    '',
  ].join('\n')
  assert.deepEqual([...localMounts(text)], ['/', '/with space'])
})
