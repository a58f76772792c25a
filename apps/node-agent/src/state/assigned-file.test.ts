import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import type { KubeObject } from '@bramble/api/object'
import { type Assigned, assignedId } from '@bramble/link/assignment'
import { silentLog } from '@bramble/reconcile/log'
import { AssignedFile } from './assigned-file.ts'

const object = (kind: string, name: string, rest: object = {}): KubeObject => ({
  kind,
  apiVersion: 'v1',
  metadata: { name, namespace: 'default', uid: `uid-${name}`, resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' },
  ...rest,
})
const assigned = (version: string, ...objects: KubeObject[]): Assigned => ({
  version,
  objects: new Map(objects.map((each) => [assignedId(each), each])),
})

async function aFile(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-assigned-'))
  t.after(() => rm(folder, { recursive: true }))
  const path = join(folder, 'data', 'assigned.json')
  return { path, open: () => new AssignedFile(path, silentLog) }
}

test('what was saved is loaded by the next agent, and root alone may read it', async (t) => {
  const { path, open } = await aFile(t)
  assert.equal(await open().load(), undefined)
  const wanted = assigned('7', object('Pod', 'web', { spec: { containers: [] } }), object('Secret', 'key', { data: { a: 'YQ==' } }))
  await open().save(wanted)
  assert.deepEqual(await open().load(), wanted)
  assert.equal((await stat(path)).mode & 0o777, 0o600)
})

const damages: readonly (readonly [string, (text: string) => string])[] = [
  ['truncated in the middle', (text) => text.slice(0, text.length / 2)],
  ['truncated by one byte', (text) => text.slice(0, -1)],
  ['empty', () => ''],
  ['full of zeros', (text) => '\0'.repeat(text.length)],
  ['one character changed', (text) => text.replace('"web"', '"wob"')],
  ['without its first line', (text) => text.slice(text.indexOf('\n') + 1)],
  ['of a later format', (text) => text.replace('assigned 1', 'assigned 2')],
]
for (const [damage, apply] of damages)
  test(`a file that is ${damage} is put aside, and the next save works`, async (t) => {
    const { path, open } = await aFile(t)
    const wanted = assigned('7', object('Pod', 'web'))
    await open().save(wanted)
    await writeFile(path, apply(await readFile(path, 'utf8')))
    const file = open()
    assert.equal(await file.load(), undefined)
    await stat(`${path}.damaged`)
    await assert.rejects(stat(path))
    await file.save(wanted)
    assert.deepEqual(await open().load(), wanted)
  })

const changes: readonly (readonly [string, KubeObject, boolean])[] = [
  ['a version alone', object('Pod', 'web', { spec: {} }), false],
  [
    'a resourceVersion',
    { ...object('Pod', 'web', { spec: {} }), metadata: { ...object('Pod', 'web').metadata, resourceVersion: '2' } },
    false,
  ],
  ['the progress of a pod', object('Pod', 'web', { spec: {}, status: { phase: 'Running' } }), false],
  ['the end of a pod', object('Pod', 'web', { spec: {}, status: { phase: 'Succeeded' } }), true],
  ['a spec', object('Pod', 'web', { spec: { containers: [] } }), true],
]
for (const [change, next, written] of changes)
  test(`${change} is ${written ? 'written' : 'not worth a write'}`, async (t) => {
    const { path, open } = await aFile(t)
    const file = open()
    await file.save(assigned('1', object('Pod', 'web', { spec: {} })))
    const before = await readFile(path, 'utf8')
    await file.save(assigned('2', next))
    assert.equal((await readFile(path, 'utf8')) !== before, written)
  })
