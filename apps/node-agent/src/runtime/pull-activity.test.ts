import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { pullActivity } from './pull-activity.ts'

async function aProc(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-proc-'))
  t.after(() => rm(folder, { recursive: true }))
  return folder
}

async function aProcess(
  proc: string,
  pid: number,
  name: string,
  files: Readonly<Record<number, readonly [string, number]>>,
): Promise<void> {
  const folder = join(proc, String(pid))
  await mkdir(join(folder, 'fd'), { recursive: true })
  await mkdir(join(folder, 'fdinfo'), { recursive: true })
  await writeFile(join(folder, 'comm'), `${name}\n`)
  for (const [descriptor, [path, position]] of Object.entries(files)) {
    await rm(join(folder, 'fd', descriptor), { force: true })
    await symlink(path, join(folder, 'fd', descriptor))
    await writeFile(join(folder, 'fdinfo', descriptor), `pos:\t${position}\nflags:\t02\n`)
  }
}

test('it differs when a layer that is fetched or unpacked has moved on, and only then', async (t) => {
  const proc = await aProc(t)
  await writeFile(join(proc, 'meminfo'), '')
  await aProcess(proc, 10, 'podman', { 3: ['/var/tmp/storage123/1', 100], 4: ['socket:[1]', 7] })
  await aProcess(proc, 11, 'containerd', { 9: ['/var/lib/containerd/io.containerd.content.v1.content/ingest/a/data', 5] })
  await aProcess(proc, 12, 'cat', { 3: ['/var/tmp/storage123/1', 1] })
  const first = await pullActivity(proc)
  await aProcess(proc, 10, 'podman', { 4: ['socket:[1]', 8] })
  await aProcess(proc, 12, 'cat', { 3: ['/var/tmp/storage123/1', 2] })
  assert.equal(await pullActivity(proc), first, 'another file, another program')
  await aProcess(proc, 10, 'podman', { 3: ['/var/tmp/storage123/1', 101] })
  const second = await pullActivity(proc)
  assert.notEqual(second, first)
  await aProcess(proc, 11, 'containerd', { 9: ['/var/lib/containerd/io.containerd.content.v1.content/ingest/a/data', 6] })
  assert.notEqual(await pullActivity(proc), second)
})

test('an engine that fetches nothing is told from none at all', async (t) => {
  const proc = await aProc(t)
  assert.equal(await pullActivity(proc), undefined)
  await aProcess(proc, 10, 'podman', {})
  assert.equal(await pullActivity(proc), '')
})
