import assert from 'node:assert/strict'
import { test } from 'node:test'
import { simEnv } from '@bramble/reconcile/sim/sim-env'
import type { ContainerState, SandboxState } from '../../runtime/runtime.ts'
import { FakeImages } from './fake-images.fixture.ts'
import { ImageGarbage } from './image-garbage.ts'

const PERIOD_MS = 400_000
const CAPACITY = 100 * 2 ** 30
const MUCH = 10 * 2 ** 30

test('nothing is asked of the runtime while the disk has room', async () => {
  const node = aNode(50 * 2 ** 30)
  node.images.listImages = () => assert.fail('listed')
  await node.during(PERIOD_MS)
  assert.deepEqual(node.told, [])
})

test('above the high level images go until the low one; what pods name and what containers have stays', async () => {
  const node = aNode(10 * 2 ** 30)
  for (const name of ['pi/waits:1', 'pi/runs:1', 'pi/a:1', 'pi/b:1', 'localhost/mine:1']) node.images.add(name, { sizeBytes: MUCH })
  node.wanted.push('pi/waits:1', 'no image of that name', 'pi/absent:1')
  node.containers.push(aState('c1', 'sha256:pi/runs:1', 'running', 0))
  await node.during(PERIOD_MS)
  assert.deepEqual(node.images.removed, ['sha256:pi/a:1'], '10 GiB are missing to 20 GiB')
  assert.deepEqual(node.told, [])
})

test('layers that images share are counted once: it goes on until the disk itself is emptier', async () => {
  const node = aNode(10 * 2 ** 30, 0.5)
  for (const name of ['pi/a:1', 'pi/b:1', 'pi/c:1']) node.images.add(name, { sizeBytes: MUCH })
  await node.during(PERIOD_MS)
  assert.deepEqual(node.images.removed, ['sha256:pi/a:1', 'sha256:pi/b:1'])
})

test('when it is not enough the node says so, in kubelet’s words', async () => {
  const node = aNode(10 * 2 ** 30)
  node.images.add('pi/held:1', { sizeBytes: MUCH })
  node.images.held.add('sha256:pi/held:1')
  await node.during(PERIOD_MS)
  const words =
    "Insufficient free disk space on the node's image filesystem (90% of 100.0 GiB used). Failed to free sufficient space by deleting unused images (freed 0 bytes). Investigate disk usage, as it could be used by active images, logs, volumes, or other data."
  assert.deepEqual(node.told, [`FreeDiskSpaceFailed: ${words}`])
  await node.during(PERIOD_MS)
  assert.deepEqual(node.told.slice(1), [`FreeDiskSpaceFailed: ${words}`, `ImageGCFailed: ${words}`], 'the second time in a row')
})

test('a disk without a size is told', async () => {
  const node = aNode(0, 1, 0)
  await node.during(PERIOD_MS)
  assert.deepEqual(node.told, ['InvalidDiskCapacity: invalid capacity 0 on image filesystem'])
})

test('under pressure ended attempts go first, then as many images as it takes', async () => {
  const node = aNode(50 * 2 ** 30)
  for (const name of ['pi/a:1', 'pi/b:1']) node.images.add(name, { sizeBytes: MUCH })
  node.garbage.noteUse('sha256:pi/a:1')
  await node.pass(130_000)
  node.containers.push(
    aState('old', 'sha256:x', 'exited', 0),
    aState('latest', 'sha256:x', 'exited', 1),
    aState('other', 'sha256:x', 'exited', 0, 'other'),
  )
  assert.equal(await node.garbage.freeBytes(MUCH, node.signal), MUCH)
  assert.deepEqual(node.removedContainers, ['old'], 'the newest of each stays: its end is wanted')
  assert.deepEqual(node.images.removed, ['sha256:pi/b:1'], 'never used: first')
  assert.equal(await node.garbage.freeBytes(5 * MUCH, node.signal), MUCH, 'what there was')
  node.runtime.observe = () => Promise.reject(new Error('the runtime is gone'))
  assert.equal(await node.garbage.freeBytes(1, node.signal), 0)
})

test('an image that has just arrived stays for two minutes', async () => {
  const node = aNode(50 * 2 ** 30)
  node.images.add('pi/a:1', { sizeBytes: MUCH })
  node.garbage.noteUse('sha256:pi/a:1')
  assert.equal(await node.garbage.freeBytes(1, node.signal), 0)
  await node.pass(121_000)
  assert.equal(await node.garbage.freeBytes(1, node.signal), MUCH)
})

const aState = (id: string, image: string, state: ContainerState['state'], attempt: number, name = 'main'): ContainerState => ({
  id,
  name,
  attempt,
  state,
  image,
  imageReference: image,
  createdAtMs: 0,
  logPath: '',
  annotations: {},
})

/** @param share How much of an image's size its removal frees. */
function aNode(availableBytes: number, share = 1, capacityBytes = CAPACITY) {
  const env = simEnv()
  const images = new FakeImages(env.clock)
  const containers: ContainerState[] = []
  const removedContainers: string[] = []
  const wanted: string[] = []
  const told: string[] = []
  const stop = new AbortController()
  const runtime = {
    imageStatus: (reference: string) => images.imageStatus(reference),
    listImages: () => images.listImages(),
    removeImage: (id: string) => images.removeImage(id),
    imageFolder: async () => '/',
    observe: async (): Promise<readonly SandboxState[]> => [
      { id: 's', podUid: 's', namespace: 'default', name: 's', ready: true, createdAtMs: 0, containers },
    ],
    removeContainer: async (id: string) => void removedContainers.push(id),
  }
  const garbage = new ImageGarbage({
    runtime,
    env,
    policy: { high: { usedShare: 0.85 }, low: { usedShare: 0.8 }, ageMsMin: 120_000 },
    wanted: () => wanted,
    tellNode: (_type, reason, message) => told.push(`${reason}: ${message}`),
    diskSpace: async () => ({ capacityBytes, availableBytes: availableBytes + images.removed.length * MUCH * share }),
  })
  return {
    images,
    containers,
    removedContainers,
    wanted,
    told,
    garbage,
    runtime,
    signal: stop.signal,
    pass: (ms: number) => env.clock.advance(ms),
    /** The collector runs for so long. */
    during: async (ms: number) => {
      const end = new AbortController()
      const run = garbage.run(end.signal)
      await env.clock.advance(ms)
      end.abort()
      await env.clock.advance(1)
      await run
    },
  }
}
