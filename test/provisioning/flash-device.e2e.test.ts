import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { FatVolume } from '@bramble/provisioning/disk/fat-volume'
import { readPartitions } from '@bramble/provisioning/disk/partitions'
import { driveAt } from '@bramble/provisioning/flash/drives'
import { eject } from '@bramble/provisioning/flash/eject'
import { openImage } from '@bramble/provisioning/flash/image-source'
import { type Progress, writeImage } from '@bramble/provisioning/flash/write-image'

// Images on real block devices: loop devices, which behave as cards do but for their wear.

const MIB = 1 << 20
const PATH = `${process.env['PATH']}:/usr/sbin:/sbin`
const sh = (command: string, input?: string) =>
  spawnSync('sh', ['-c', command], { encoding: 'utf8', env: { ...process.env, PATH }, ...(input !== undefined && { input }) })
const must = (command: string, input?: string): string => {
  const { status, stdout, stderr } = sh(command, input)
  assert.equal(status, 0, `${command}: ${stderr}`)
  return stdout.trim()
}

const skip =
  process.getuid?.() !== 0
    ? 'needs root for loop devices'
    : sh('command -v losetup sfdisk mkfs.vfat mkfs.ext4 mcopy xz').status !== 0
      ? 'apt install util-linux fdisk dosfstools e2fsprogs mtools xz-utils'
      : sh('losetup --find').status !== 0 && 'this kernel gives no loop devices'

/** A folder, and on request one that holds only so much; both go with the test, after the devices in them. */
function folderOf(t: TestContext, roomMib?: number): string {
  const folder = mkdtempSync(join(tmpdir(), 'bramble-card-'))
  if (roomMib !== undefined) must(`mount -t tmpfs -o size=${roomMib}m none '${folder}'`)
  t.after(() => {
    sh(`umount '${folder}/mnt'`)
    sh(
      `losetup --all --noheadings --output NAME,BACK-FILE | grep -F '${folder}/' | while read -r name _; do losetup --detach "$name"; done`,
    )
    if (roomMib !== undefined) must(`umount '${folder}'`)
    rmSync(folder, { recursive: true, force: true })
  })
  return folder
}

/** A card: a file of so many MiB with noise in it, behind a loop device. */
function insertCard(folder: string, mib: number, options = ''): { readonly device: string; readonly file: string } {
  const file = join(folder, 'card.bin')
  writeFileSync(file, Buffer.alloc(2 * MIB, 0xa5))
  truncateSync(file, mib * MIB)
  return { device: must(`losetup --find --show ${options} '${file}'`), file }
}

/** A system image as it is published: MBR, a FAT boot partition, a root partition of noise; 24 MiB. */
function systemImage(folder: string): string {
  const image = join(folder, 'pi.img')
  const boot = join(folder, 'boot.fat')
  must(`truncate -s 24M '${image}' && truncate -s 10M '${boot}' && mkfs.vfat -F 16 -n BOOTFS '${boot}'`)
  writeFileSync(join(folder, 'cmdline.txt'), 'console=tty1 root=PARTUUID=1a2b3c4d-02\n')
  must(`mcopy -i '${boot}' '${folder}/cmdline.txt' ::`)
  must(`sfdisk --quiet '${image}'`, 'label: dos\nlabel-id: 0x1a2b3c4d\nstart=8192,size=20480,type=c\nstart=28672,type=83\n')
  must(
    `dd if='${boot}' of='${image}' bs=1M seek=4 conv=notrunc status=none && dd if=/dev/urandom of='${image}' bs=1M seek=14 count=9 conv=notrunc status=none`,
  )
  return image
}

const options = (more: Partial<Parameters<typeof writeImage>[2]> = {}): Parameters<typeof writeImage>[2] => ({
  isDevice: true,
  progress: () => {},
  signal: new AbortController().signal,
  ...more,
})

const firstMib = (file: string): Buffer => readFileSync(file).subarray(0, MIB)
const isZero = (bytes: Buffer): boolean => bytes.every((byte) => byte === 0)

for (const pack of ['', 'xz -k -1', 'zstd -q', 'gzip -k -1'])
  test(`an image${pack && ` packed by ${pack.split(' ')[0]}`} is written, verified, customised, ejected; other tools read it`, {
    skip,
  }, async (t) => {
    const folder = folderOf(t)
    const image = systemImage(folder)
    const { device, file } = insertCard(folder, 32)
    assert.deepEqual((await driveAt(device)).refusals, [])
    if (pack) must(`${pack} '${image}'`)
    const source = await openImage(pack ? `${image}.${{ xz: 'xz', zstd: 'zst', gzip: 'gz' }[pack.split(' ')[0]!]}` : image)
    const phases = new Set<string>()
    const done = await writeImage(
      source,
      device,
      options({
        progress: ({ phase }) => phases.add(phase),
        async customise(disk) {
          const { partitions } = await readPartitions(disk)
          const volume = await FatVolume.open(disk, partitions[0]!.startBytes)
          await volume.write('bramble/node.env', "FORMAT='1'\n")
          await volume.write('cmdline.txt', `${String(await volume.read('cmdline.txt')).trim()} cgroup_enable=memory\n`)
          await volume.flush()
        },
      }),
    )
    await eject(device)
    assert.equal(done.sha256, must(`sha256sum '${image}'`).slice(0, 64))
    assert.deepEqual([...phases], ['write', 'verify'])

    const read = (name: string): string => must(`mtype -i '${file}@@4M' '::${name}'`)
    assert.equal(read('bramble/node.env'), "FORMAT='1'")
    assert.equal(read('cmdline.txt'), 'console=tty1 root=PARTUUID=1a2b3c4d-02 cgroup_enable=memory')
    must(`dd if='${file}' of='${folder}/part' bs=1M skip=4 count=10 status=none && fsck.vfat -n '${folder}/part'`)
    must(`cmp -i 14680064 -n 10485760 '${file}' '${image}'`) // the root partition
    must(`cmp -n 512 '${file}' '${image}'`) // the partition table
    assert.match(must(`sfdisk --dump '${device}'`), /label-id: 0x1a2b3c4d/)
  })

test('a device that is mounted is refused, and so is one whose partition is, and one that somebody else writes', { skip }, async (t) => {
  const folder = folderOf(t)
  const image = await openImage(systemImage(folder))
  const { device, file } = insertCard(folder, 32, '--partscan')
  must(`mkfs.ext4 -q -F ${device}`)
  mkdirSync(join(folder, 'mnt'))
  must(`mount ${device} '${folder}/mnt'`)
  assert.deepEqual((await driveAt(device)).refusals, [`is mounted at ${folder}/mnt: unmount it first`])
  const before = firstMib(file)
  await assert.rejects(writeImage(image, device, options()), {
    code: 'io',
    message: `${device}: is in use: unmount it, and close what has it open`,
  })
  must(`umount '${folder}/mnt'`)
  assert.equal(firstMib(file).subarray(0, 1024).equals(before.subarray(0, 1024)), true, 'nothing was written')

  await t.test('a partition', async (t) => {
    must(`wipefs -q -a ${device} && sfdisk --quiet ${device}`, 'label: dos\nstart=2048,size=20480,type=83\n')
    sh(`partx --update ${device}`)
    if (sh(`mkfs.ext4 -q -F ${device}p1`).status !== 0) return t.skip('this kernel shows no partitions of loop devices')
    await assert.rejects(driveAt(`${device}p1`), { code: 'path', message: `${device}p1: is a part of ${device}: give the whole disk` })
    must(`mount ${device}p1 '${folder}/mnt'`)
    assert.deepEqual((await driveAt(device)).refusals, [`is mounted at ${folder}/mnt: unmount it first`])
    await assert.rejects(writeImage(image, device, options()), { code: 'io', message: /is in use: unmount it/ })
    must(`umount '${folder}/mnt'`)
  })

  await t.test('a second writer', async () => {
    let second: Promise<unknown> | undefined
    const progress = (): void => {
      second ??= assert.rejects(writeImage(image, device, options()), { code: 'io', message: /is in use/ })
    }
    await writeImage(image, device, options({ progress }))
    assert.ok(second, 'somebody tried')
    await second
  })
})

test('the disk that this system runs from is refused', { skip }, async (t) => {
  const root = must('findmnt --noheadings --output SOURCE --target /')
  if (!root.startsWith('/dev/')) return t.skip(`the root here is ${root}`)
  const disk = must(`lsblk --noheadings --paths --inverse --output NAME,TYPE --list '${root}' | awk '$2 == "disk" { print $1 }'`)
  assert.match((await driveAt(disk)).refusals[0]!, /^is the system disk \(.*\/.*\)$/)
})

test('a link such as those in /dev/disk/by-id means its device', { skip }, async (t) => {
  const folder = folderOf(t)
  const { device } = insertCard(folder, 8)
  symlinkSync(device, join(folder, 'usb-Generic_STORAGE'))
  const { path, sizeBytes, model } = await driveAt(join(folder, 'usb-Generic_STORAGE'))
  assert.deepEqual([path, sizeBytes, model], [device, 8 * MIB, 'loop device'])
})

test('a card that holds an encrypted volume is refused', { skip }, async (t) => {
  const folder = folderOf(t)
  const { device, file } = insertCard(folder, 32)
  const header = Buffer.alloc(4096)
  header.write('LUKS\xba\xbe\x00\x01', 0, 'latin1')
  header.write('0c0c0c0c-1111-2222-3333-444444444444', 168)
  const card = openSync(file, 'r+')
  writeSync(card, header, 0, header.length, 0)
  closeSync(card)
  if (must(`lsblk -no FSTYPE ${device}`) !== 'crypto_LUKS') return t.skip('lsblk knows no file systems without udev')
  assert.deepEqual((await driveAt(device)).refusals, ['holds an encrypted volume: if it may be erased, wipe it first (wipefs -a)'])
})

test('a card that is too small is refused before anything is written, and at its end if the size was unknown', { skip }, async (t) => {
  const folder = folderOf(t)
  const image = systemImage(folder)
  const { device, file } = insertCard(folder, 16)
  const before = firstMib(file)
  await assert.rejects(writeImage(await openImage(image), device, options()), {
    code: 'full',
    message: `${device}: is too small: it holds 16777216 bytes, the image needs 25165824`,
  })
  assert.equal(firstMib(file).equals(before), true)
  const unknown = { ...(await openImage(image)), sizeBytes: undefined }
  await assert.rejects(writeImage(unknown, device, options()), {
    code: 'full',
    message: /is too small: it holds 16777216 bytes, the image needs 2/,
  })
  assert.equal(isZero(firstMib(file)), true, 'and it does not boot')
})

test('a card that is locked is refused', { skip }, async (t) => {
  const folder = folderOf(t)
  const { device } = insertCard(folder, 32, '--read-only')
  assert.deepEqual((await driveAt(device)).refusals, ['is read-only: has the card a lock switch?'])
  await assert.rejects(writeImage(await openImage(systemImage(folder)), device, options()), {
    code: 'io',
    message: /is read-only|is not allowed/,
  })
})

test('what fails late leaves a card that does not boot', { skip }, async (t) => {
  const folder = folderOf(t)
  const image = systemImage(folder)
  const { device, file } = insertCard(folder, 32)
  const fill = (): void => must(`dd if=/dev/urandom of='${file}' bs=1M count=2 conv=notrunc status=none`) as unknown as void
  const cases: readonly {
    readonly name: string
    readonly sha256?: string
    readonly more: Parameters<typeof options>[0]
    readonly expect: RegExp
  }[] = [
    { name: 'a checksum of another image', sha256: '0'.repeat(64), more: {}, expect: /its SHA-256 is/ },
    {
      name: 'customising',
      more: { customise: () => Promise.reject(new Error('boot partition is full')) },
      expect: /boot partition is full/,
    },
    {
      name: 'being stopped',
      more: (() => {
        const stop = new AbortController()
        return { signal: stop.signal, progress: ({ phase }: Progress) => void (phase === 'verify' && stop.abort(new Error('stopped'))) }
      })(),
      expect: /stopped/,
    },
  ]
  for (const { name, sha256, more, expect } of cases) {
    fill()
    await assert.rejects(writeImage(await openImage(image, sha256 ? { sha256 } : {}), device, options(more)), expect, name)
    assert.equal(isZero(firstMib(file)), true, name)
  }
  must(`xz -k -1 '${image}'`)
  const packed = readFileSync(`${image}.xz`)
  packed[Math.floor(packed.length / 2)]! ^= 1
  writeFileSync(`${image}.xz`, packed)
  fill()
  await assert.rejects(writeImage(await openImage(`${image}.xz`), device, options()), {
    code: 'corrupt',
    message: /pi\.img\.xz: is damaged: its data contradict themselves; download it again/,
  })
  assert.equal(isZero(firstMib(file)), true)
})

test('a byte that the card did not keep is found, wherever it is, and the card does not boot', { skip }, async (t) => {
  const folder = folderOf(t)
  const image = await openImage(systemImage(folder))
  const { device, file } = insertCard(folder, 32)
  for (const position of [4 * MIB + 1, 20 * MIB, 24 * MIB - 1]) {
    let isDone = false
    const progress = ({ phase, bytes }: Progress): void => {
      if (isDone || phase !== 'write' || bytes !== image.sizeBytes) return
      isDone = true
      const card = openSync(file, 'r+')
      const byte = Buffer.alloc(1)
      ftruncateSync(card, 32 * MIB)
      byte[0] = readFileSync(file)[position]! ^ 1
      writeSync(card, byte, 0, 1, position)
      closeSync(card)
    }
    const message = new RegExp(
      `${device}: does not hold what was written: it differs between bytes ${Math.floor(position / (4 * MIB)) * 4 * MIB} and `,
    )
    await assert.rejects(writeImage(image, device, options({ progress })), { code: 'io', message })
    assert.equal(isZero(firstMib(file)), true)
  }
})

for (const phase of ['write', 'verify'] as const)
  test(`a card that is pulled out during ${phase} is missed`, { skip }, async (t) => {
    const folder = folderOf(t)
    const image = await openImage(systemImage(folder))
    const { device, file } = insertCard(folder, 32)
    let isPulled = false
    const progress = (at: Progress): void => {
      if (isPulled || at.phase !== phase) return
      isPulled = true
      truncateSync(file, 0)
      must(`losetup --set-capacity ${device}`)
    }
    await assert.rejects(writeImage(image, device, options({ progress })), {
      code: 'io',
      message: /was it pulled out|pulled out\?|is gone/,
    })
    assert.equal(isPulled, true)
  })

test('a card that fails to write says so', { skip }, async (t) => {
  const { device } = insertCard(folderOf(t, 6), 32)
  const image = await openImage(systemImage(folderOf(t)))
  await assert.rejects(writeImage(image, device, options()), { code: 'io', message: /broken, or was pulled out|takes nothing/ })
})

test('an image file that the disk has no room for says so and is removed', { skip }, async (t) => {
  const small = folderOf(t, 6)
  const output = join(small, 'card.img')
  const image = await openImage(systemImage(folderOf(t)))
  await assert.rejects(writeImage(image, output, options({ isDevice: false })), { code: 'full', message: `${output}: no room left` })
  assert.equal(must(`ls '${small}'`), '')
})
