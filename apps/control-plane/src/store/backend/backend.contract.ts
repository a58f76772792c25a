import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { KubeObject } from '@bramble/api/object'
import { type Backend, type Entry, type Revision, StorageError, type Write } from './backend.ts'

/** One disk that backends are opened on, one after the other. */
export interface BackendBench {
  open(): Backend
  /** Makes every further write fail as a full disk does, or ends that. */
  setFull(full: boolean): void
  cleanUp(): void
}

/** What every storage engine promises to the Store. */
export function backendContract(name: string, bench: () => BackendBench): void {
  const withBench = (title: string, body: (bench: BackendBench) => Promise<void>): void => {
    test(`${name}: ${title}`, async () => {
      const made = bench()
      try {
        await body(made)
      } finally {
        made.cleanUp()
      }
    })
  }

  withBench('an empty disk has no entries and a revision above 0', async (disk) => {
    const { backend, revision, entries } = await opened(disk)
    assert.deepEqual(entries, [])
    assert.ok(revision >= 1)
    await backend.close()
  })

  withBench('what was committed is there after reopening, with the revisions of creation and last change', async (disk) => {
    const { backend } = await opened(disk)
    await backend.commit({ revision: 5, writes: [put('/core/pods/a/x', 5, 'absent'), put('/core/pods/a/y', 5, 'absent')] })
    await backend.commit({ revision: 6, writes: [put('/core/pods/a/x', 6, 5)] })
    await backend.commit({ revision: 7, writes: [{ op: 'delete', key: '/core/pods/a/y', expect: 5 }] })
    await backend.commit({ revision: 8, writes: [put('/core/pods/a/y', 8, 'absent')] })
    await backend.close()
    const again = await opened(disk)
    assert.deepEqual(again.entries, [
      { key: '/core/pods/a/x', value: object(6), created: 5, modified: 6 },
      { key: '/core/pods/a/y', value: object(8), created: 8, modified: 8 },
    ])
    await again.backend.close()
  })

  withBench('commits under way together are all stored', async (disk) => {
    const { backend } = await opened(disk)
    await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        backend.commit({ revision: index + 2, writes: [put(`/core/pods/a/${index}`, index + 2, 'absent')] }),
      ),
    )
    await backend.close()
    const again = await opened(disk)
    assert.equal(again.entries.length, 50)
    await again.backend.close()
  })

  withBench('a revision that was used or reserved is not offered again', async (disk) => {
    const first = await opened(disk)
    await first.backend.commit({ revision: first.revision + 3, writes: [put('/core/pods/a/x', first.revision + 3, 'absent')] })
    await first.backend.close()
    const second = await opened(disk)
    assert.ok(second.revision > first.revision + 3)
    await second.backend.reserve(second.revision + 1000)
    await second.backend.reserve(second.revision + 10) // never goes back
    await second.backend.close()
    const third = await opened(disk)
    assert.ok(third.revision > second.revision + 1000)
    await third.backend.close()
  })

  withBench('a full disk refuses the whole commit and serves again when there is room', async (disk) => {
    const { backend, revision } = await opened(disk)
    const large = 'x'.repeat(400_000)
    disk.setFull(true)
    const refused = backend.commit({
      revision: revision + 1,
      writes: [put('/core/pods/a/small', revision + 1, 'absent'), put('/core/pods/a/large', revision + 1, 'absent', large)],
    })
    await assert.rejects(refused, (error: unknown) => error instanceof StorageError && /disk is full: free some space/.test(error.message))
    disk.setFull(false)
    await backend.commit({ revision: revision + 2, writes: [put('/core/pods/a/after', revision + 2, 'absent')] })
    await backend.close()
    const again = await opened(disk)
    assert.deepEqual(
      again.entries.map((entry) => entry.key),
      ['/core/pods/a/after'],
    )
    await again.backend.close()
  })

  withBench('a closed backend refuses to write', async (disk) => {
    const { backend, revision } = await opened(disk)
    await backend.close()
    await assert.rejects(backend.commit({ revision: revision + 1, writes: [put('/core/pods/a/x', revision + 1, 'absent')] }), StorageError)
  })
}

async function opened(disk: BackendBench): Promise<{ backend: Backend; revision: Revision; entries: Entry[] }> {
  const backend = disk.open()
  const { revision, entries } = await backend.load()
  return { backend, revision, entries: (await Array.fromAsync(entries)).sort((a, b) => (a.key < b.key ? -1 : 1)) }
}

const object = (revision: Revision, text?: string): KubeObject => ({
  metadata: {
    name: 'x',
    uid: 'u',
    resourceVersion: String(revision),
    creationTimestamp: '2026-01-01T00:00:00Z',
    ...(text !== undefined && { annotations: { text } }),
  },
})
const put = (key: string, revision: Revision, expect: Revision | 'absent', text?: string): Write => ({
  op: 'put',
  key,
  value: object(revision, text),
  expect,
})
