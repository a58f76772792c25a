import assert from 'node:assert/strict'
import { mkdtemp, readdir, rename, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { it as declare, TestContext } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { systemClock } from '@bramble/reconcile/env'
import { silentLog } from '@bramble/reconcile/log'
import { imageArchive } from '../../../../../tools/images/image-archive.ts'
import type { Runtime } from '../../runtime/runtime.ts'
import { ImageArchives } from './archives.ts'

const PAUSE_MS = 20
const WAIT_MS_MAX = 60_000

/** What holds for images in files, whatever the runtime. */
export function archivePromises(it: typeof declare, runtimeOf: (t: TestContext) => Runtime): void {
  it('archives of a folder are loaded, also compressed ones, and again when they are wanted; a broken one is told of', async (t) => {
    const runtime = runtimeOf(t)
    const folder = await mkdtemp(join(tmpdir(), 'bramble-image-dir-'))
    const put = async (name: string, bytes: Uint8Array): Promise<void> => {
      await writeFile(join(folder, '.draft'), bytes)
      await utimes(join(folder, '.draft'), 0, 0)
      await rename(join(folder, '.draft'), join(folder, name))
    }
    const image = (name: string) =>
      imageArchive(name, [{ path: 'name', type: 'file', mode: 0o644, data: Buffer.from(name) }], { env: {}, labels: {} }, 'amd64')
    await put('plain.tar', image('archive.test/plain:1').bytes)
    await put('packed.tar.gz', gzipSync(image('archive.test/packed:1').bytes))
    await put('dense.tar.zst', zstdCompressSync(image('archive.test/dense:1').bytes))
    await put('broken.tar', Buffer.from('no archive at all'))
    const told: string[] = []
    const archives = new ImageArchives({
      folder,
      statePath: join(folder, '.state'),
      images: runtime,
      env: { clock: systemClock, random: () => 0.5, log: silentLog },
      tellNode: (_type, reason, message) => told.push(`${reason}: ${message}`),
    })
    const end = new AbortController()
    const running = archives.run(end.signal)
    t.after(async () => {
      end.abort()
      await running
      await rm(folder, { recursive: true })
    })
    await archives.provide('archive.test/plain:1', t.signal)
    for (const name of ['plain', 'packed', 'dense'].map((each) => `archive.test/${each}:1`))
      assert.equal((await runtime.imageStatus(name))?.id, image(name).id, told.join())
    assert.deepEqual(
      (await readdir(folder)).filter((name) => name.startsWith('.')),
      ['.state'],
      'no draft is left',
    )
    assert.match(told.join('\n'), new RegExp(`^ImageArchiveFailed: Failed to load images from "${folder}/broken.tar": .+`))

    await runtime.removeImage(image('archive.test/plain:1').id)
    assert.equal(archives.mayHold('archive.test/plain:1'), true)
    await archives.provide('archive.test/plain:1', t.signal)
    assert.ok(await runtime.imageStatus('archive.test/plain:1'))

    await put('late.tar', image('archive.test/late:1').bytes)
    for (let waitedMs = 0; !archives.mayHold('archive.test/late:1'); waitedMs += PAUSE_MS) {
      assert.ok(waitedMs < WAIT_MS_MAX, 'what appears is loaded')
      await systemClock.sleep(PAUSE_MS)
    }
    assert.ok(await runtime.imageStatus('archive.test/late:1'))
  })
}
