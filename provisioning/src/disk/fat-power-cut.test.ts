import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fsck, makeFat, memoryDisk, readByMtools, SHAPES, shapeName, testFolder, toolsMissing, type Write } from './fat.fixture.ts'
import { FatVolume } from './fat-volume.ts'

// A cut leaves some writes out. What a card may have then: each file as it was or as it became, and clusters that belong to nobody.

const HARMLESS = [
  /^Reclaimed \d+ unused clusters?/, // lost clusters
  /^Free cluster summary wrong/, // a hint, counted anew by who needs it
  /^FATs differ but appear to be intact/, // the copies: the first one counts
  /^\s*(Using first FAT|Auto-correcting)|^\d+\) (Use|Do)|^$/,
]

const BEFORE: readonly (readonly [string, string])[] = [
  ['config.txt', 'old config\n'.repeat(200)],
  ['cmdline.txt', 'console=tty1 root=PARTUUID=1-02'],
  ['bramble/node.env', "TOKEN='old'\n"],
  ['bramble/bundle that goes.tar.gz', 'b'.repeat(30_000)],
  ['empty folder/leaves', ''],
  ...Array.from({ length: 9 }, (_, n) => [`bramble/images/a container image ${n}.tar`, `image ${n}`] as const),
]

async function change(volume: FatVolume): Promise<void> {
  await volume.write('config.txt', 'new config\n'.repeat(900))
  await volume.write('cmdline.txt', 'console=tty1 root=PARTUUID=1-02 cgroup_enable=memory')
  await volume.remove('bramble/bundle that goes.tar.gz')
  await volume.write('bramble/bundle that comes, with a name of some length.tar.gz', 'c'.repeat(50_000))
  await volume.write('bramble/node.env', "HOSTNAME='pi-1'\n")
  await volume.write('deep/er/and deeper/file.txt', 'below')
  for (let n = 0; n < 30; n++) await volume.write(`bramble/images/a second container image ${n}.tar`, `second ${n}`)
}

/** The writes that reached the medium: all of earlier epochs, and of the last one those that chance picked. */
function* cuts(writes: readonly Write[]): Generator<{ readonly name: string; readonly kept: readonly Write[] }> {
  for (let count = 0; count <= writes.length; count++) yield { name: `after ${count} writes`, kept: writes.slice(0, count) }
  let seed = 1
  const isKept = (): boolean => {
    seed = (seed * 48_271) % 2_147_483_647
    return seed % 2 === 0
  }
  const epochs = [...new Set(writes.map(({ epoch }) => epoch))]
  for (const epoch of epochs)
    for (let round = 0; round < 6; round++)
      yield {
        name: `within epoch ${epoch}, round ${round}`,
        kept: writes.filter((write) => write.epoch < epoch || (write.epoch === epoch && isKept())),
      }
}

for (const shape of [SHAPES[0]!, SHAPES[1]!, SHAPES[3]!])
  test(`${shapeName(shape)}: a cut at any write leaves each file old or new, and at worst lost clusters`, {
    skip: toolsMissing,
  }, async (t) => {
    const path = join(testFolder(t), 'fat.img')
    makeFat(path, shape)
    const disk = memoryDisk(readFileSync(path))
    const first = await FatVolume.open(disk)
    for (const [name, content] of BEFORE) await first.write(name, content)
    await first.flush()
    const image = Buffer.from(disk.bytes)
    writeFileSync(path, image)
    assert.deepEqual(fsck(path), [])
    const old = readByMtools(path)

    const changed = memoryDisk(image)
    const volume = await FatVolume.open(changed)
    await change(volume)
    await volume.flush()
    writeFileSync(path, changed.bytes)
    assert.deepEqual(fsck(path), [])
    const becomes = readByMtools(path)
    assert.ok(changed.writes.length > 20, 'there is something to cut')

    for (const { name, kept } of cuts(changed.writes)) {
      const cut = Buffer.from(image)
      for (const { position, data } of kept) cut.set(data, position)
      writeFileSync(path, cut)
      assert.deepEqual(
        fsck(path).filter((line) => !HARMLESS.some((pattern) => pattern.test(line))),
        [],
        name,
      )
      const found = readByMtools(path)
      for (const [file, content] of found)
        assert.ok(content === old.get(file) || content === becomes.get(file), `${name}: ${file} is neither old nor new`)
      for (const file of old.keys()) assert.ok(found.has(file) || !becomes.has(file), `${name}: ${file} is lost`)
    }
  })
