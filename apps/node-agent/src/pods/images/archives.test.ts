import assert from 'node:assert/strict'
import { mkdtemp, rename, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { simEnv } from '@bramble/reconcile/sim/sim-env'
import { ImageArchives } from './archives.ts'
import { FakeImages } from './fake-images.fixture.ts'

const signal = new AbortController().signal

test('each archive is loaded once, over restarts too; other files are none', async (t) => {
  const node = await aNode(t)
  await node.put('web.tar')
  await node.put('db.tar.gz')
  await node.put('notes.txt')
  await node.put('.hidden.tar')
  await node.during(() => node.loads.length === 2)
  assert.deepEqual(node.loads, ['db.tar.gz', 'web.tar'])
  const again = await aNode(t, node.folder)
  const archives = again.start()
  await again.until(() => !archives.mayHold('pi/none:1'))
  assert.deepEqual(again.loads, [])
  assert.equal(archives.mayHold('localhost/web:1'), true)
  await again.stop()
})

test('an archive that changed is loaded again, one that appears is loaded, one that still grows is left until it is whole', async (t) => {
  const node = await aNode(t)
  await node.put('web.tar')
  const archives = node.start()
  await node.until(() => node.loads.length === 1)
  await node.put('web.tar', 'other content')
  await node.until(() => node.loads.length === 2)
  await node.put('whole.tar')
  for (let round = 0; round < 50; round++) {
    await node.put('growing.tar', 'x'.repeat(round), node.env.clock.nowMs())
    await node.env.clock.advance(500)
    assert.ok(!node.loads.includes('growing.tar'), 'it grew half a second ago')
  }
  await node.until(() => node.loads.includes('growing.tar') && node.loads.includes('whole.tar'))
  assert.equal(archives.mayHold('localhost/growing:1'), true)
  await node.stop()
})

test('an archive that cannot be loaded is told of once, until it changes', async (t) => {
  const node = await aNode(t)
  await node.put('bad.tar')
  await node.put('good.tar')
  node.start()
  await node.until(() => node.loads.includes('good.tar'))
  await node.env.clock.advance(30 * 60_000)
  const words = `ImageArchiveFailed: Failed to load images from "${join(node.folder, 'bad.tar')}": it is no archive of images`
  assert.deepEqual([node.told, node.loads], [[words], ['bad.tar', 'good.tar']])
  await node.put('bad.tar', 'still bad')
  await node.until(() => node.told.length === 2)
  await node.stop()
})

test('who needs an image waits for the first look; one that was removed meanwhile comes back', async (t) => {
  const node = await aNode(t)
  await node.put('web.tar')
  const archives = node.start()
  assert.equal(archives.mayHold('pi/whatever:1'), true)
  let provided = false
  const provide = archives.provide('localhost/web:1', signal).then(() => {
    provided = true
  })
  await node.until(() => provided)
  await provide
  assert.deepEqual(node.loads, ['web.tar'], 'the first look brought it')
  await node.images.removeImage('sha256:localhost/web:1')
  await archives.provide('localhost/web:1', signal)
  assert.ok(await node.images.imageStatus('localhost/web:1'))
  assert.equal(archives.mayHold('pi/whatever:1'), false)
  await rename(join(node.folder, 'web.tar'), join(node.folder, 'web.old'))
  await node.until(() => !archives.mayHold('localhost/web:1'))
  await node.stop()
})

test('an agent that ends lets go of who waits', async (t) => {
  const node = await aNode(t)
  const end = new AbortController()
  const waiting = new ImageArchives(node.parts).provide('pi/x:1', end.signal)
  end.abort()
  await waiting
})

async function aNode(t: TestContext, folder?: string) {
  const place = folder ?? (await mkdtemp(join(tmpdir(), 'bramble-archives-')))
  if (!folder) t.after(() => rm(place, { recursive: true }))
  const env = simEnv()
  const images = new FakeImages(env.clock)
  const loads: string[] = []
  const told: string[] = []
  const end = new AbortController()
  let running: Promise<void> = Promise.resolve()
  const parts = {
    folder: place,
    statePath: join(place, '.state.json'),
    env,
    tellNode: (_type: string, reason: string, message: string) => void told.push(`${reason}: ${message}`),
    images: {
      imageStatus: (reference: string) => images.imageStatus(reference),
      loadImages: (path: string) => {
        loads.push(path.split('/').at(-1)!)
        return images.loadImages(path)
      },
    },
  }
  /** Passes virtual time, and lets the disk answer, until it is so. */
  const until = async (good: () => boolean): Promise<void> => {
    for (let round = 0; !good(); round++) {
      assert.ok(round < 20_000, `never: ${good}`)
      await env.clock.advance(round % 10 === 0 ? 1_000 : 0)
    }
  }
  const start = (): ImageArchives => {
    const archives = new ImageArchives(parts)
    running = archives.run(end.signal)
    return archives
  }
  const stop = async (): Promise<void> => {
    end.abort()
    await env.clock.advance(1)
    await running
  }
  t.after(stop)
  return {
    folder: place,
    env,
    images,
    loads,
    told,
    parts,
    start,
    stop,
    until,
    during: async (good: () => boolean) => {
      start()
      await until(good)
      await stop()
    },
    put: async (name: string, content = name, atMs = 0) => {
      await writeFile(join(place, name), content)
      await utimes(join(place, name), atMs / 1_000, atMs / 1_000)
    },
  }
}
