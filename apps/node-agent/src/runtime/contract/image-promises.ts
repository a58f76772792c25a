import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { RuntimeError } from '../runtime.ts'
import { isRuntimeError, NEVER, type PromiseOf } from './pod-under-test.ts'

export function imagePromises(promise: PromiseOf): void {
  promise('a present image has an id and is listed', async ({ harness: { runtime, image } }) => {
    const status = await runtime.imageStatus(image)
    assert.match(status?.id ?? '', /^sha256:[0-9a-f]{64}$/)
    assert.ok((await runtime.listImages()).some(({ id }) => id === status?.id))
    assert.equal((await runtime.imageStatus(status!.id))?.id, status!.id)
  })
  promise('a name that no image can have is InvalidImageName', async ({ harness: { runtime } }) => {
    await assert.rejects(runtime.imageStatus('Not An Image'), isRuntimeError('InvalidImageName'))
  })
  promise('an absent image is undefined, and a failing pull is ErrImagePull', async ({ harness: { runtime, missingImage } }) => {
    assert.equal(await runtime.imageStatus(missingImage), undefined)
    await assert.rejects(runtime.pullImage(missingImage, [], NEVER), isRuntimeError('ErrImagePull'))
  })
  promise(
    'an archive is taken in, twice if need be; one that is none is an ErrImagePull',
    async (pod) => {
      const { runtime, folder } = pod.harness
      const archive = await pod.archive(`localhost/loaded-${pod.uid}:1`, {})
      const [image] = await runtime.loadImages(archive.path, NEVER)
      assert.deepEqual([image?.id, image?.names], [archive.id, [`localhost/loaded-${pod.uid}:1`]])
      assert.deepEqual(
        (await runtime.loadImages(archive.path, NEVER)).map(({ id }) => id),
        [archive.id],
      )
      assert.equal((await runtime.imageStatus(`localhost/loaded-${pod.uid}:1`))?.id, archive.id)
      await runtime.removeImage(archive.id)
      await writeFile(join(folder, 'broken.tar'), 'no archive at all')
      await assert.rejects(runtime.loadImages(join(folder, 'broken.tar'), NEVER), isRuntimeError('ErrImagePull'))
      await assert.rejects(runtime.loadImages(join(folder, 'absent.tar'), NEVER), isRuntimeError('ErrImagePull'))
    },
    true,
  )
  promise(
    'an image tells what it is for; one for another machine says so when it is started, or in its log when it has ended',
    async (pod) => {
      const { runtime, image } = pod.harness
      assert.match((await runtime.imageStatus(image))!.platform ?? 'linux/any', /^linux\/\w+/)
      const foreign = await pod.archive(`localhost/foreign-${pod.uid}:1`, { program: FOREIGN_PROGRAM })
      const [loaded] = await runtime.loadImages(foreign.path, NEVER)
      const id = await pod.create({ image: loaded!.id, command: ['/program'], args: [] })
      // runc hears of it only when it is the container
      const refused = await runtime.startContainer(id).catch((error: unknown) => error)
      if (refused instanceof RuntimeError)
        assert.deepEqual([refused.reason, /exec format error/i.test(refused.message)], ['RunContainerError', true])
      else {
        assert.notEqual((await pod.exited(id)).exitCode, 0)
        await pod.logged(id, /exec format error/i)
      }
      await pod.remove()
      await runtime.removeImage(loaded!.id)
    },
    true,
  )
}

/** The head of a program for a machine that there is not. Source: ELF-64 Object File Format, "ELF header". */
const FOREIGN_PROGRAM = Buffer.concat([Buffer.from('7f454c4602010100000000000000000002000f0f01000000', 'hex'), Buffer.alloc(200)])
