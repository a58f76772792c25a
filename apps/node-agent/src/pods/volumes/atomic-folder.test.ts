import assert from 'node:assert/strict'
import * as disk from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import { type FolderSteps, writeAtomicFolder } from './atomic-folder.ts'
import type { VolumeContent } from './payload.ts'

const content = (files: Record<string, string>, mode = 0o644): VolumeContent =>
  new Map(Object.entries(files).map(([path, text]) => [path, { data: Buffer.from(text), mode }]))

async function aFolder(t: TestContext): Promise<string> {
  const folder = await disk.mkdtemp(join(tmpdir(), 'bramble-atomic-'))
  t.after(() => disk.rm(folder, { recursive: true }))
  return join(folder, 'v')
}

class PowerCut extends Error {}

/** The real steps, of which only the first so many are taken. */
function stepsUntil(cut: number): { readonly steps: FolderSteps; readonly taken: () => number } {
  let taken = 0
  const counted = <F extends (...args: never[]) => unknown>(step: F): F =>
    ((...args: Parameters<F>) => {
      if (taken === cut) throw new PowerCut()
      taken++
      return step(...args)
    }) as F
  const { mkdir, writeFile, symlink, rename, rm, chown, chmod } = disk
  const steps: FolderSteps = {
    mkdir: counted(mkdir),
    writeFile: counted(writeFile),
    symlink: counted(symlink),
    rename: counted(rename),
    rm: counted(rm),
    chown: counted(chown),
    chmod: counted(chmod),
  }
  return { steps, taken: () => taken }
}

/** What a reader sees who follows `..data`: path → text; undefined before there is anything. */
async function seen(folder: string): Promise<Record<string, string> | undefined> {
  const data = join(folder, '..data')
  const entries = await disk.readdir(data, { recursive: true, withFileTypes: true }).catch(() => undefined)
  if (!entries) return undefined
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  return Object.fromEntries(await Promise.all(files.map(async (path) => [path.slice(data.length + 1), await disk.readFile(path, 'utf8')])))
}

const VERSIONS: readonly Record<string, string>[] = [
  { a: '1', 'deep/b': '1', gone: '1' },
  { a: '2', 'deep/c': '2', 'new/d': '2' },
  {},
  { only: '4' },
]

test('wherever the power is cut, content is all old or all new; the next attempt makes it whole and leaves nothing behind', async (t) => {
  let cuts = 0
  for (const [index, after] of VERSIONS.entries())
    for (let cut = 0; ; cut++) {
      const folder = await aFolder(t)
      const before = index === 0 ? undefined : VERSIONS[index - 1]
      if (before) await writeAtomicFolder(folder, content(before))
      const { steps, taken } = stepsUntil(cut)
      const ended = await writeAtomicFolder(folder, content(after), undefined, steps).then(
        () => true,
        (error: unknown) => {
          assert.ok(error instanceof PowerCut)
          return false
        },
      )
      const now = await seen(folder)
      assert.ok(isDeepStrictEqual(now, before) || isDeepStrictEqual(now, after), `version ${index}, cut ${cut}: ${JSON.stringify(now)}`)
      await writeAtomicFolder(folder, content(after))
      assert.deepEqual(await seen(folder), after)
      const names = await disk.readdir(folder)
      assert.deepEqual(
        names.filter((name) => !name.startsWith('..')).sort(),
        [...new Set(Object.keys(after).map((path) => path.split('/')[0]))].sort(),
      )
      assert.equal(names.filter((name) => name.startsWith('..')).length, 2, `leftovers of cut ${cut}: ${names}`)
      for (const [path, expected] of Object.entries(after)) assert.equal(await disk.readFile(join(folder, path), 'utf8'), expected)
      if (ended) {
        cuts += taken()
        break
      }
    }
  assert.ok(cuts > 50, `only ${cuts} steps`)
})

test('content that is the same takes no step but looking', async (t) => {
  const folder = await aFolder(t)
  await writeAtomicFolder(folder, content({ a: '1', 'deep/b': '2' }))
  const { steps, taken } = stepsUntil(1)
  await writeAtomicFolder(folder, content({ a: '1', 'deep/b': '2' }), undefined, steps)
  assert.equal(taken(), 1, 'the folder itself, which is there')
})

for (const [what, next] of [
  ['a byte', content({ a: '2' })],
  ['a mode', content({ a: '1' }, 0o600)],
] as const)
  test(`${what} that differs is a new version`, async (t) => {
    const folder = await aFolder(t)
    await writeAtomicFolder(folder, content({ a: '1' }))
    const before = await disk.readlink(join(folder, '..data'))
    await writeAtomicFolder(folder, next)
    assert.notEqual(await disk.readlink(join(folder, '..data')), before)
  })

test('what a container made in the folder stays', async (t) => {
  const folder = await aFolder(t)
  await writeAtomicFolder(folder, content({ a: '1' }))
  await disk.mkdir(join(folder, 'sub'))
  await writeAtomicFolder(folder, content({ b: '1' }))
  assert.deepEqual((await disk.readdir(folder)).filter((name) => !name.startsWith('..')).sort(), ['b', 'sub'])
})
