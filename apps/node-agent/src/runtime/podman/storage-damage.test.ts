import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { damagedImages } from './storage-damage.ts'

/** Two images on a common layer, and one on a layer of its own. */
async function aStorage(t: TestContext): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'bramble-storage-'))
  t.after(() => rm(root, { recursive: true }))
  const layers = [{ id: 'base' }, { id: 'web', parent: 'base' }, { id: 'db', parent: 'base' }, { id: 'alone' }]
  for (const folder of ['overlay/l', 'overlay-layers', 'overlay-images']) await mkdir(join(root, folder), { recursive: true })
  for (const { id, parent } of layers) {
    await mkdir(join(root, 'overlay', id, 'diff'), { recursive: true })
    await writeFile(join(root, 'overlay', id, 'link'), `L${id}`)
    await symlink(`../${id}/diff`, join(root, 'overlay/l', `L${id}`))
    if (parent !== undefined) await writeFile(join(root, 'overlay', id, 'lower'), `l/L${parent}`)
  }
  await writeFile(join(root, 'overlay-layers/layers.json'), JSON.stringify(layers))
  await writeFile(
    join(root, 'overlay-images/images.json'),
    JSON.stringify(['web', 'db', 'alone'].map((layer) => ({ id: `image-${layer}`, layer }))),
  )
  return root
}

describe('images that a power cut has damaged', () => {
  const overlay = (root: string, path: string): string => join(root, 'overlay', path)
  const cases: readonly (readonly [string, (root: string) => Promise<unknown>, readonly string[]])[] = [
    ['none when all is well', async () => {}, []],
    ['that of a layer without its link', (root) => writeFile(overlay(root, 'web/link'), ''), ['image-web']],
    ['that of a layer that forgot what it lies on', (root) => writeFile(overlay(root, 'db/lower'), ''), ['image-db']],
    ['those of a common layer', (root) => rm(overlay(root, 'base/diff'), { recursive: true }), ['image-web', 'image-db']],
    ['that of a link that leads nowhere', (root) => rm(overlay(root, 'l/Lalone')), ['image-alone']],
    [
      'all when the list of layers is empty',
      (root) => writeFile(join(root, 'overlay-layers/layers.json'), ''),
      ['image-web', 'image-db', 'image-alone'],
    ],
    ['none are known when the list of images is cut off', (root) => writeFile(join(root, 'overlay-images/images.json'), '[{"id"'), []],
  ]
  for (const [name, damage, want] of cases)
    it(name, async (t) => {
      const root = await aStorage(t)
      await damage(root)
      assert.deepEqual(await damagedImages(root), want)
    })
  it('none where there is no such storage', async () => assert.deepEqual(await damagedImages('/no/such/folder'), []))
})
