import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '@bramble/reconcile/env'
import { ownMirrors } from '@bramble/provisioning/image/base-tree'
import { buildImage } from '@bramble/provisioning/image/build-image'
import { ARCHES, type BaseRecipe } from '@bramble/provisioning/image/recipe'
import { must } from '@bramble/provisioning/run'
import { BASE, CACHE_FOLDER, makeRelease, root } from '../../test/qemu/first-boot.ts'
import { megabytes, printTable } from '../table.ts'

/** Images: how large, how long it takes, and whether a second build, from the first package on, has the same bytes. */
export async function image(): Promise<void> {
  if (process.getuid?.() !== 0) return console.log('\nimages are built by root: not measured')
  const folder = await mkdtemp(join(tmpdir(), 'bramble-bench-image-'))
  try {
    const rows: string[][] = []
    for (const arch of ARCHES) rows.push(await measure(arch, folder))
    const head = ['', 'build, s', 'from packages, s', 'release, MB', 'image, MB', 'on disk, MB', 'as .zst, MB', 'second build']
    printTable('Images with the release inside', head, rows)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function measure(arch: BaseRecipe['arch'], folder: string): Promise<string[]> {
  const bundle = await makeRelease(arch, folder)
  const output = join(folder, `${arch}.img`)
  const build = async (cacheFolder: string): Promise<number> => {
    const startMs = systemClock.monotonicMs()
    const nodeFiles = join(root, 'provisioning/node')
    const say = (): void => {}
    await buildImage({
      ...BASE,
      arch,
      runtime: 'podman',
      output,
      bundle,
      preload: [],
      mirrors: await ownMirrors(),
      sizeBytes: undefined,
      cacheFolder,
      nodeFiles,
      say,
    })
    return (systemClock.monotonicMs() - startMs) / 1000
  }
  await build(CACHE_FOLDER) // fills the cache
  const again = await build(CACHE_FOLDER)
  const first = await sha256(output)
  const { size, blocks } = await stat(output)
  await must('zstd', ['-q', '-f', '-T0', '-10', output, '-o', `${output}.zst`])
  const packed = (await stat(`${output}.zst`)).size
  const anew = await build(join(folder, 'cache'))
  const verdict = (await sha256(output)) === first ? 'the same bytes' : 'DIFFERENT'
  const sizes = [(await stat(bundle)).size, size, blocks * 512, packed].map(megabytes)
  return [arch, again.toFixed(0), anew.toFixed(0), ...sizes, verdict]
}

async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const piece of createReadStream(path)) hash.update(piece as Buffer)
  return hash.digest('hex')
}
