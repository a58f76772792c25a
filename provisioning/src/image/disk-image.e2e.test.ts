import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { chmod, mkdir, mkdtemp, readFile, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { must, run } from '../run.ts'
import { BOOT_BYTES, BOOT_START, bootPartition, writeDisk } from './disk-image.ts'

const EPOCH = 1_700_000_000
const ROOT_START = BOOT_START + BOOT_BYTES

async function folder(t: TestContext): Promise<string | undefined> {
  for (const program of ['mke2fs', 'debugfs', 'mkfs.vfat', 'mcopy', 'sfdisk'])
    if ((await run(program, ['--version'])).exitCode === 127) return void t.skip(`${program} is not here`)
  if (process.getuid!() !== 0) return void t.skip('files of an image belong to many users: needs root')
  const path = await mkdtemp(join(tmpdir(), 'bramble-disk-'))
  t.after(() => rm(path, { recursive: true, force: true }))
  return path
}

/** A small root with what is hard to keep the same: many names in a folder, links, modes, long names on FAT. */
async function makeTree(tree: string): Promise<void> {
  for (const name of ['etc', 'boot/firmware/overlays', 'many', 'var']) await mkdir(join(tree, name), { recursive: true })
  for (let index = 0; index < 400; index++) await writeFile(join(tree, 'many', `a file of this number ${index}`), `${index}`)
  await writeFile(join(tree, 'etc/shadow'), 'root:*:\n')
  await chmod(join(tree, 'etc/shadow'), 0o640)
  await symlink('shadow', join(tree, 'etc/link'))
  await writeFile(join(tree, 'boot/firmware/config.txt'), 'kernel=vmlinuz-6.1.0-56-arm64\n')
  await writeFile(join(tree, 'boot/firmware/vmlinuz-6.1.0-56-arm64'), Buffer.alloc(3_000_000, 7))
  await writeFile(join(tree, 'boot/firmware/overlays/disable-wifi.dtbo'), 'x')
  await must('find', [tree, '-exec', 'touch', '--no-dereference', `--date=@${EPOCH}`, '{}', '+'])
}

test('a disk has a table, a boot partition and a root that their own checkers find sound', async (t) => {
  const place = await folder(t)
  if (place === undefined) return
  const tree = join(place, 'tree')
  await makeTree(tree)
  const disk = join(place, 'disk.img')
  await writeDisk({ tree, output: disk, sizeBytes: undefined, epoch: EPOCH })

  const table = JSON.parse(await must('sfdisk', ['--json', disk])) as {
    partitiontable: { label: string; partitions: { start: number; type: string; bootable?: boolean }[] }
  }
  assert.deepEqual(
    table.partitiontable.partitions.map(({ start, type, bootable }) => [start * 512, type, bootable ?? false]),
    [
      [BOOT_START, 'c', true],
      [ROOT_START, '83', false],
    ],
  )
  const names = (await must('mdir', ['-b', '-/', '-i', bootPartition(disk), '::'])).split('\n').sort()
  assert.deepEqual(names, ['::/config.txt', '::/overlays/', '::/overlays/disable-wifi.dtbo', '::/vmlinuz-6.1.0-56-arm64'])
  const boot = join(place, 'boot.fat')
  await must('dd', [`if=${disk}`, `of=${boot}`, 'bs=1M', `skip=${BOOT_START / 1048576}`, `count=${BOOT_BYTES / 1048576}`, 'status=none'])
  await must('fsck.vfat', ['-n', boot])
  const root = `${disk}?offset=${ROOT_START}`
  await must('e2fsck', ['-f', '-n', root])
  const shown = await must('debugfs', ['-R', 'stat /etc/shadow', root])
  assert.match(shown, /Mode: +0640/)
  assert.match(shown, /ctime: 0x6553f100:00000000/)
  assert.equal(await must('debugfs', ['-R', 'cat "/many/a file of this number 7"', root]), '7')
  assert.equal(await must('debugfs', ['-R', 'ls -p /boot/firmware', root]).then((text) => text.split('\n').filter(Boolean).length), 2)
})

test('the same tree gives the same bytes, made another time elsewhere', async (t) => {
  const place = await folder(t)
  if (place === undefined) return
  const sums: string[] = []
  for (const name of ['one', 'the-other']) {
    const tree = join(place, name)
    await makeTree(tree)
    const output = join(place, `${name}.img`)
    await writeDisk({ tree, output, sizeBytes: undefined, epoch: EPOCH })
    sums.push(
      createHash('sha256')
        .update(await readFile(output))
        .digest('hex'),
    )
    await rm(output)
    await new Promise((resolve) => setTimeout(resolve, 2_100)) // FAT counts in pairs of seconds: another time, not luck
  }
  assert.equal(sums[0], sums[1])
})

test('a size is kept; one that is too small is refused with the one that is needed', async (t) => {
  const place = await folder(t)
  if (place === undefined) return
  const tree = join(place, 'tree')
  await makeTree(tree)
  const disk = join(place, 'disk.img')
  await writeFile(join(tree, 'var/large'), '')
  await truncate(join(tree, 'var/large'), 200 * 1024 ** 2)
  await assert.rejects(
    writeDisk({ tree, output: disk, sizeBytes: 400 * 1024 ** 2, epoch: EPOCH }),
    /the image needs at least \d+ MiB: give a larger --size, or none/,
  )
  await writeDisk({ tree, output: disk, sizeBytes: 1024 ** 3, epoch: EPOCH })
  assert.equal((await stat(disk)).size, 1024 ** 3)
})
