import assert from 'node:assert/strict'
import { mkdtemp, rename, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { systemClock } from '@bramble/reconcile/env'
import { simEnv } from '@bramble/reconcile/sim/sim-env'
import { ImageArchives, mayGrow } from './archives.ts'
import { FakeImages } from './fake-images.fixture.ts'

const signal = new AbortController().signal
/** A disk that needs longer hangs. */
const REAL_MS_MAX = 30_000

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

test('an archive that changed is loaded again, one that appears is loaded', async (t) => {
  const node = await aNode(t)
  await node.put('web.tar')
  const archives = node.start()
  await node.until(() => node.loads.length === 1)
  await node.put('web.tar', 'other content')
  await node.until(() => node.loads.length === 2)
  await node.put('new.tar')
  await node.until(() => archives.mayHold('localhost/new:1'))
  assert.deepEqual(node.loads, ['web.tar', 'web.tar', 'new.tar'])
  await node.stop()
})

test('a file that changed a moment ago may still be growing', () => {
  const nowMs = Date.UTC(2026, 0, 1)
  for (const [agoMs, grows] of [
    [0, true],
    [1_999, true],
    [2_000, false],
    [-1_000, true],
    [-3_600_000, false],
  ] as const)
    assert.equal(mayGrow(nowMs - agoMs, nowMs), grows, `${agoMs} ms ago`)
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
    const endMs = performance.now() + REAL_MS_MAX
    while (!good()) {
      assert.ok(performance.now() < endMs, `never: ${good}`)
      await env.clock.advance(1_000)
      await systemClock.sleep(1)
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
  t.after(async () => {
    await stop()
    await rm(place, { recursive: true, force: true })
  })
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
    /** At once, as it was written long ago. */
    put: async (name: string, content = name) => {
      await writeFile(join(place, '.draft'), content)
      await utimes(join(place, '.draft'), 0, 0)
      await rename(join(place, '.draft'), join(place, name))
    },
  }
}
