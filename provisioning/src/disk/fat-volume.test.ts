import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { openBlockFile } from './block-file.ts'
import { DiskError } from './disk-error.ts'
import { fsck, makeFat, memoryDisk, readByMtools, SHAPES, shapeName, testFolder, toolsMissing } from './fat.fixture.ts'
import { foldName } from './fat-names.ts'
import { FatVolume } from './fat-volume.ts'

// What people keep on boot partitions, and what they might. mtools does not know letters beyond the first 65536.
const NAMES = [
  'config.txt',
  'CMDLINE.TXT',
  'a',
  'bcm2711-rpi-4-b.dtb',
  'bramble-0.1.0-linux-arm64.tar.gz',
  'größe und übermaß.txt',
  'Ελληνικά.conf',
  '日本語のとても長いファイル名.txt',
  '.hidden',
  'two.dots.env',
  `${'a name that fills a sector '.repeat(7)}.x`,
  'l'.repeat(255),
]
const FOLDERS = ['', 'bramble', 'overlays', 'a folder with a long name', 'bramble/images', 'd1/d2/d3/d4/d5']

const nameArb = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...NAMES) },
  { weight: 2, arbitrary: fc.nat(99).map((n) => `long name number ${n}.dat`) },
)
const pathArb = fc.tuple(fc.constantFrom(...FOLDERS), nameArb).map(([folder, name]) => (folder === '' ? name : `${folder}/${name}`))
const sizeArb = fc.oneof(fc.constantFrom(0, 1, 511, 512, 513), fc.nat(20_000), fc.nat(900_000))
const stepArb = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant('write' as const), path: pathArb, size: sizeArb }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('remove' as const), path: pathArb }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('flush' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('reopen' as const) }) },
)

for (const [index, shape] of SHAPES.entries())
  test(`${shapeName(shape)}: whatever is written and removed, mtools reads the same and fsck is content`, {
    skip: toolsMissing,
  }, async (t) => {
    const path = join(testFolder(t), 'fat.img')
    await fc.assert(
      fc.asyncProperty(fc.array(stepArb, { minLength: 10, maxLength: 70 }), async (steps) => {
        makeFat(path, shape)
        const expected = new Map<string, string>()
        let disk = await openBlockFile(path, { writable: true })
        let volume = await FatVolume.open(disk)
        assert.equal(volume.label, 'BOOTFS')
        for (const [number, step] of steps.entries()) {
          if (step.do === 'write') {
            const content = Buffer.alloc(step.size, `${number} ${step.path} `)
            const isWritten = await volume.write(step.path, content).then(
              () => true,
              (error) => assert.equal(error.code, 'full') as unknown as false,
            )
            if (isWritten) expected.set(foldName(step.path), content.toString('latin1'))
          } else if (step.do === 'remove') assert.equal(await volume.remove(step.path), expected.delete(foldName(step.path)))
          else await volume.flush()
          if (step.do === 'reopen') {
            await disk.close()
            disk = await openBlockFile(path, { writable: true })
            volume = await FatVolume.open(disk)
          }
        }
        for (const [name, content] of expected) assert.equal((await volume.read(name))?.toString('latin1'), content, name)
        await volume.flush()
        await disk.close()
        assert.deepEqual(fsck(path), [])
        const found = [...readByMtools(path)]
          .filter(([name]) => !name.endsWith('/'))
          .map(([name, content]) => [foldName(name), content] as const)
        assert.deepEqual(new Map(found), expected)
      }),
      { seed: 5 + index, numRuns: 8 },
    )
  })

for (const shape of SHAPES.slice(0, 4))
  test(`${shapeName(shape)}: fills up to the last cluster, and says so with nothing changed`, { skip: toolsMissing }, async (t) => {
    const path = join(testFolder(t), 'fat.img')
    makeFat(path, shape)
    const disk = await openBlockFile(path, { writable: true })
    t.after(() => disk.close())
    const volume = await FatVolume.open(disk)
    await volume.write('bramble/keep.txt', 'kept')
    await assert.rejects(volume.write('big', Buffer.alloc(volume.freeBytes + 1)), {
      code: 'full',
      message: /is full: \d+ bytes are needed, \d+ are free/,
    })
    await volume.write('big', Buffer.alloc(volume.freeBytes, 'x'))
    assert.equal(volume.freeBytes, 0)
    await assert.rejects(volume.write('bramble/keep.txt', 'other'), { code: 'full' })
    await assert.rejects(volume.write('new folder/empty', ''), { code: 'full' })
    await volume.flush()
    assert.deepEqual(fsck(path), [])
    assert.equal(readByMtools(path).get('bramble/keep.txt'), 'kept')
    assert.equal(await volume.remove('big'), true)
    await volume.flush()
    await volume.write('bramble/keep.txt', 'other')
    await volume.flush()
    assert.deepEqual(fsck(path), [])
    assert.equal(readByMtools(path).get('bramble/keep.txt'), 'other')
  })

test('the root folder of FAT16 takes only so many names', { skip: toolsMissing }, async (t) => {
  const path = join(testFolder(t), 'fat.img')
  makeFat(path, SHAPES[0]!)
  const disk = await openBlockFile(path, { writable: true })
  t.after(() => disk.close())
  const volume = await FatVolume.open(disk)
  const fill = async (): Promise<void> => {
    for (let number = 0; ; number++) await volume.write(`long name number ${number}.txt`, '')
  }
  await assert.rejects(fill, { code: 'full', message: /no room for another name/ })
  await volume.flush()
  assert.deepEqual(fsck(path), [])
  await volume.write('bramble/node.env', 'but a folder within takes them').catch((error) => assert.equal(error.code, 'full'))
})

test('files that mtools wrote are read, replaced and removed', { skip: toolsMissing }, async (t) => {
  const folder = testFolder(t)
  const path = join(folder, 'fat.img')
  makeFat(path, SHAPES[3]!)
  const { execFileSync } = await import('node:child_process')
  const env = { ...process.env, LC_ALL: 'C.UTF-8' }
  writeFileSync(join(folder, 'Überlänge einer Datei.txt'), 'from mtools')
  execFileSync('mmd', ['-i', path, '::overlays', '::Overlays with a long name'], { env })
  for (const to of ['CONFIG.TXT', 'overlays/', 'Overlays with a long name/'])
    execFileSync('mcopy', ['-i', path, join(folder, 'Überlänge einer Datei.txt'), `::${to}`], { env })
  const disk = await openBlockFile(path, { writable: true })
  t.after(() => disk.close())
  const volume = await FatVolume.open(disk)
  assert.deepEqual(await volume.list('overlays'), [{ name: 'Überlänge einer Datei.txt', isFolder: false, sizeBytes: 11 }])
  assert.equal(String(await volume.read('OVERLAYS/üBERLÄNGE EINER DATEI.TXT')), 'from mtools')
  await volume.write('config.txt', 'ours')
  await volume.remove('Overlays with a long name/Überlänge einer Datei.txt')
  await volume.remove('Overlays with a long name')
  await volume.flush()
  assert.deepEqual(fsck(path), [])
  assert.deepEqual(
    readByMtools(path),
    new Map([
      ['CONFIG.TXT', 'ours'],
      ['overlays/', ''],
      ['overlays/Überlänge einer Datei.txt', 'from mtools'],
    ]),
  )
})

test('letters beyond the first 65536 are kept', { skip: toolsMissing }, async (t) => {
  const path = join(testFolder(t), 'fat.img')
  makeFat(path, SHAPES[0]!)
  const disk = memoryDisk(readFileSync(path))
  const volume = await FatVolume.open(disk)
  await volume.write('🍓🫐.txt', 'berries')
  await volume.flush()
  writeFileSync(path, disk.bytes)
  assert.deepEqual(fsck(path), [])
  assert.equal(String(await (await FatVolume.open(memoryDisk(disk.bytes))).read('🍓🫐.txt')), 'berries')
})

test('writing nothing new touches nothing', { skip: toolsMissing }, async (t) => {
  const path = join(testFolder(t), 'fat.img')
  makeFat(path, SHAPES[4]!)
  const disk = memoryDisk(readFileSync(path))
  const volume = await FatVolume.open(disk)
  assert.equal(await volume.read('none'), undefined)
  assert.equal(await volume.read('none/below'), undefined)
  assert.equal(await volume.remove('none'), false)
  await volume.flush()
  assert.deepEqual(disk.writes, [])
})

const badPaths = [
  { path: 'a:b', expect: /"a:b" is no file name/ },
  { path: 'bramble/what?', expect: /"what\?" is no file name/ },
  { path: '../up', expect: /"\.\." is no file name/ },
  { path: 'trailing.', expect: /is no file name/ },
  { path: `${'x'.repeat(256)}`, expect: /is no file name/ },
  { path: 'half \ud83d', expect: /is no file name/ },
  { path: '', expect: /a file needs a name/ },
  { path: 'file/below', expect: /file is a file, not a folder/ },
  { path: 'folder', expect: /folder is a folder/ },
]
for (const { path, expect } of badPaths)
  test(`"${path.slice(0, 20)}" cannot be written`, { skip: toolsMissing }, async (t) => {
    const image = join(testFolder(t), 'fat.img')
    makeFat(image, SHAPES[0]!)
    const volume = await FatVolume.open(memoryDisk(readFileSync(image)))
    await volume.write('file', '')
    await volume.write('folder/within', '')
    await assert.rejects(
      volume.write(path, 'x'),
      (error) => error instanceof DiskError && error.code === 'path' && expect.test(error.message),
    )
    await assert.rejects(volume.remove('folder'), { code: 'path', message: /is not empty/ })
    await assert.rejects(volume.list('nowhere'), { code: 'path', message: /no such folder/ })
  })
