import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DiskError } from '../disk/disk-error.ts'
import { drivesOfDiskutil, wholeDisks } from './diskutil.ts'
import type { Drive } from './drive.ts'
import { refusalOfSize } from './drive.ts'
import { driveAt, listDrives } from './drives.ts'
import { drivesOfLsblk, wholeDiskOf } from './lsblk.ts'
import { parsePlist } from './plist.ts'

const disk = (fields: object): object => ({
  path: '/dev/sdb',
  name: 'sdb',
  type: 'disk',
  size: 31_914_983_424,
  rm: true,
  hotplug: true,
  ro: false,
  tran: 'usb',
  vendor: 'Generic ',
  model: 'STORAGE DEVICE',
  fstype: null,
  mountpoints: [null],
  ...fields,
})
const part = (fields: object): object => ({
  path: '/dev/sdb1',
  name: 'sdb1',
  type: 'part',
  size: 1,
  rm: true,
  hotplug: true,
  ro: false,
  fstype: 'vfat',
  mountpoints: [null],
  ...fields,
})
const lsblk = (...blockdevices: object[]): string => JSON.stringify({ blockdevices })
const shown = ({ path, refusals }: Drive): string => `${path} ${refusals.length === 0 ? 'ok' : refusals.join(' | ')}`

const linux: readonly { readonly name: string; readonly blocks: readonly object[]; readonly expect: readonly string[] }[] = [
  { name: 'a card in a USB reader', blocks: [disk({ children: [part({}), part({ name: 'sdb2' })] })], expect: ['/dev/sdb ok'] },
  {
    name: 'a card in a slot, which calls itself fixed',
    blocks: [disk({ path: '/dev/mmcblk0', name: 'mmcblk0', rm: false, hotplug: false, tran: null, vendor: null, model: null })],
    expect: ['/dev/mmcblk0 ok'],
  },
  {
    name: 'the boot area of an eMMC',
    blocks: [disk({ path: '/dev/mmcblk0boot0', name: 'mmcblk0boot0', rm: false, hotplug: false, tran: null, ro: true })],
    expect: ['/dev/mmcblk0boot0 is not removable | is read-only: has the card a lock switch?'],
  },
  {
    name: 'a card that the desktop has mounted',
    blocks: [
      disk({ children: [part({ mountpoints: ['/media/ada/bootfs'] }), part({ name: 'sdb2', mountpoints: ['/media/ada/rootfs', null] })] }),
    ],
    expect: ['/dev/sdb is mounted at /media/ada/bootfs, /media/ada/rootfs: unmount it first'],
  },
  {
    name: 'the system disk',
    blocks: [
      disk({
        path: '/dev/nvme0n1',
        name: 'nvme0n1',
        rm: false,
        hotplug: false,
        tran: 'nvme',
        children: [part({ mountpoints: ['/boot/efi'] }), part({ mountpoints: ['/', '/home'] })],
      }),
    ],
    expect: ['/dev/nvme0n1 is the system disk (/boot/efi, /, /home) | is not removable'],
  },
  {
    name: 'a system on LVM in an encrypted volume',
    blocks: [
      disk({
        path: '/dev/sda',
        rm: false,
        hotplug: false,
        tran: 'sata',
        children: [
          part({
            fstype: 'crypto_LUKS',
            children: [
              part({
                type: 'crypt',
                fstype: 'LVM2_member',
                children: [part({ type: 'lvm', fstype: 'swap', mountpoints: ['[SWAP]'] }), part({ type: 'lvm', mountpoints: ['/'] })],
              }),
            ],
          }),
        ],
      }),
    ],
    expect: [
      '/dev/sda is the system disk ([SWAP], /) | holds an encrypted volume, LVM: if it may be erased, wipe it first (wipefs -a) | is not removable',
    ],
  },
  {
    name: 'the system of a Pi that boots from this card',
    blocks: [disk({ path: '/dev/mmcblk0', name: 'mmcblk0', children: [part({ mountpoints: ['/boot/firmware'] })] })],
    expect: ['/dev/mmcblk0 is the system disk (/boot/firmware)'],
  },
  {
    name: 'one half of a RAID',
    blocks: [disk({ fstype: 'linux_raid_member', children: [part({ type: 'raid1' })] })],
    expect: ['/dev/sdb holds a RAID: if it may be erased, wipe it first (wipefs -a)'],
  },
  {
    name: 'a RAID that is not assembled',
    blocks: [disk({ children: [part({ fstype: 'linux_raid_member' })] })],
    expect: ['/dev/sdb holds a RAID: if it may be erased, wipe it first (wipefs -a)'],
  },
  { name: 'a card whose switch is on lock', blocks: [disk({ ro: true })], expect: ['/dev/sdb is read-only: has the card a lock switch?'] },
  { name: 'a reader without a card', blocks: [disk({ size: 0 })], expect: ['/dev/sdb has no medium: is a card in it?'] },
  { name: 'a backup disk of 4 TB', blocks: [disk({ size: 4e12 })], expect: ['/dev/sdb is larger than 2 TB, which no card is'] },
  {
    name: 'disks of memory, drives of discs and loops without a file',
    blocks: [disk({ name: 'zram0' }), disk({ type: 'rom', name: 'sr0' }), disk({ type: 'loop', name: 'loop0', size: 0 })],
    expect: [],
  },
  {
    name: 'a loop device',
    blocks: [disk({ path: '/dev/loop7', type: 'loop', name: 'loop7', rm: false, hotplug: false, tran: null })],
    expect: ['/dev/loop7 ok'],
  },
  {
    name: 'what old versions of lsblk print',
    blocks: [
      disk({
        size: '31914983424',
        rm: '1',
        hotplug: '1',
        ro: '0',
        mountpoints: undefined,
        mountpoint: null,
        children: [part({ mountpoints: undefined, mountpoint: '/mnt' })],
      }),
    ],
    expect: ['/dev/sdb is mounted at /mnt: unmount it first'],
  },
]
for (const { name, blocks, expect } of linux)
  test(`Linux: ${name}`, () => assert.deepEqual(drivesOfLsblk(lsblk(...blocks)).map(shown), expect))

test('what a drive is called', () => {
  assert.deepEqual(
    drivesOfLsblk(lsblk(disk({}), disk({ name: 'mmcblk0', vendor: null, model: null }), disk({ type: 'loop' }))).map(({ model }) => model),
    ['Generic STORAGE DEVICE', 'card', 'loop device'],
  )
})

test('a partition belongs to a disk', () => {
  const json = lsblk(
    disk({ path: '/dev/sda', children: [part({ path: '/dev/sda1' })] }),
    disk({ children: [part({ path: '/dev/sdb1', children: [part({ path: '/dev/mapper/x' })] })] }),
  )
  assert.deepEqual(
    ['/dev/sda1', '/dev/mapper/x', '/dev/sdb', '/dev/sdc1'].map((path) => wholeDiskOf(json, path)),
    ['/dev/sda', '/dev/sdb', '/dev/sdb', undefined],
  )
})

test('a disk that is too small for an image', () => {
  const [drive] = drivesOfLsblk(lsblk(disk({ size: 1000 })))
  assert.deepEqual(refusalOfSize(drive!, 1001), ['is too small: it holds 1000 bytes, the image needs 1001'])
  assert.deepEqual([refusalOfSize(drive!, 1000), refusalOfSize(drive!, undefined)], [[], []])
})

test('this machine’s disks are listed, and what is no disk is told', { skip: process.platform !== 'linux' && 'asks lsblk' }, async () => {
  for (const { path, sizeBytes } of await listDrives()) assert.ok(path.startsWith('/dev/') && Number.isSafeInteger(sizeBytes))
  await assert.rejects(
    driveAt('/dev/none'),
    (error) => error instanceof DiskError && error.code === 'path' && /is the card in its reader/.test(error.message),
  )
  await assert.rejects(driveAt('/etc/passwd'), /is no device: to make an image file, use --output/)
  await assert.rejects(driveAt('/dev/null'), /is no disk that can be written/)
})

// As diskutil prints on a MacBook with an SD card in its slot and a USB stick; written down after its documentation, not recorded.
const plist = (body: string): string =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">\n<plist version="1.0">\n${body}\n</plist>\n`
const list = plist(`<dict>
  <key>AllDisks</key><array><string>disk0</string><string>disk0s1</string><string>disk3</string><string>disk4</string><string>disk4s1</string><string>disk5</string></array>
  <key>AllDisksAndPartitions</key><array>
    <dict><key>Content</key><string>GUID_partition_scheme</string><key>DeviceIdentifier</key><string>disk0</string><key>OSInternal</key><false/>
      <key>Partitions</key><array><dict><key>Content</key><string>Apple_APFS</string><key>DeviceIdentifier</key><string>disk0s2</string><key>Size</key><integer>494384795648</integer></dict></array>
      <key>Size</key><integer>500277792768</integer></dict>
    <dict><key>APFSPhysicalStores</key><array><dict><key>DeviceIdentifier</key><string>disk0s2</string></dict></array>
      <key>APFSVolumes</key><array>
        <dict><key>DeviceIdentifier</key><string>disk3s1s1</string><key>MountPoint</key><string>/</string><key>VolumeName</key><string>Macintosh HD</string></dict>
        <dict><key>DeviceIdentifier</key><string>disk3s5</string><key>MountPoint</key><string>/System/Volumes/Data</string></dict></array>
      <key>DeviceIdentifier</key><string>disk3</string><key>Partitions</key><array/></dict>
    <dict><key>Content</key><string>FDisk_partition_scheme</string><key>DeviceIdentifier</key><string>disk4</string>
      <key>Partitions</key><array>
        <dict><key>Content</key><string>Windows_FAT_32</string><key>DeviceIdentifier</key><string>disk4s1</string><key>MountPoint</key><string>/Volumes/bootfs</string></dict>
        <dict><key>Content</key><string>Linux</string><key>DeviceIdentifier</key><string>disk4s2</string></dict></array>
      <key>Size</key><integer>31914983424</integer></dict>
    <dict><key>Content</key><string></string><key>DeviceIdentifier</key><string>disk5</string><key>Size</key><integer>15376318464</integer></dict>
  </array>
  <key>VolumesFromDisks</key><array><string>Macintosh HD</string></array>
  <key>WholeDisks</key><array><string>disk0</string><string>disk3</string><string>disk4</string><string>disk5</string></array>
</dict>`)
const info = (name: string, internal: boolean, more: string): string =>
  plist(
    `<dict><key>DeviceIdentifier</key><string>${name}</string><key>Internal</key><${internal}/><key>WholeDisk</key><true/>${more}</dict>`,
  )
const physical = '<key>VirtualOrPhysical</key><string>Physical</string>'
const infos = [
  info(
    'disk0',
    true,
    `${physical}<key>BusProtocol</key><string>Apple Fabric</string><key>MediaName</key><string>APPLE SSD AP0512Z</string><key>RemovableMedia</key><false/><key>TotalSize</key><integer>500277792768</integer><key>WritableMedia</key><true/>`,
  ),
  info('disk3', true, '<key>VirtualOrPhysical</key><string>Virtual</string><key>TotalSize</key><integer>494384795648</integer>'),
  info(
    'disk4',
    true,
    `${physical}<key>BusProtocol</key><string>Secure Digital</string><key>MediaName</key><string>Built In SDXC Reader</string><key>RemovableMedia</key><true/><key>TotalSize</key><integer>31914983424</integer><key>WritableMedia</key><true/>`,
  ),
  info(
    'disk5',
    false,
    `${physical}<key>BusProtocol</key><string>USB</string><key>MediaName</key><string>Tom &amp; Ada&#39;s stick</string><key>RemovableMedia</key><true/><key>TotalSize</key><integer>15376318464</integer><key>WritableMedia</key><false/>`,
  ),
]

test('macOS: the system is refused, what is mounted told, what is made of other disks left out', () => {
  assert.deepEqual(wholeDisks(list), ['disk0', 'disk3', 'disk4', 'disk5'])
  const drives = drivesOfDiskutil(list, infos)
  assert.deepEqual(drives.map(shown), [
    '/dev/disk0 is the system disk (/, /System/Volumes/Data) | is not removable',
    '/dev/disk4 is mounted at /Volumes/bootfs: unmount it first',
    '/dev/disk5 is read-only: has the card a lock switch?',
  ])
  assert.deepEqual(
    drives.map(({ model }) => model),
    ['APPLE SSD AP0512Z', 'Built In SDXC Reader', "Tom & Ada's stick"],
  )
})

test('a property list that ends too early or holds nothing is an error', () => {
  assert.throws(() => parsePlist(list.slice(0, 900)), /ends too early/)
  assert.throws(() => parsePlist('diskutil: no such verb'), SyntaxError)
  assert.deepEqual(
    parsePlist(
      '<plist><dict><key>a</key><array><true/><integer>-1</integer><string/><!-- <true/> --></array><key>b</key><dict/></dict></plist>',
    ),
    { a: [true, -1, ''], b: {} },
  )
})
