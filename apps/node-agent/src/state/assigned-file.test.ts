import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test, type TestContext } from 'node:test'
import type { KubeObject } from '@bramble/api/object'
import { type Assigned, assignedId } from '@bramble/link/assignment'
import { silentLog } from '@bramble/reconcile/log'
import { newDeviceKey } from '../transport/device-key.ts'
import { deviceSeal } from '../transport/device-seal.ts'
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
  const key = newDeviceKey()
  return { path, open: (deviceKey = key) => new AssignedFile(path, deviceSeal(deviceKey), silentLog) }
}

test('what was saved is loaded by the next agent, and root alone may read it', async (t) => {
  const { path, open } = await aFile(t)
  assert.equal(await open().load(), undefined)
  const wanted = assigned('7', object('Pod', 'web', { spec: { containers: [] } }), object('Secret', 'key', { data: { a: 'YQ==' } }))
  await open().save(wanted)
  assert.deepEqual(await open().load(), wanted)
  assert.equal((await stat(path)).mode & 0o777, 0o600)
})

test('nobody reads in the file what it holds', async (t) => {
  const { path, open } = await aFile(t)
  await open().save(assigned('7', object('Secret', 'key', { data: { word: 'eHl6enk=' } })))
  const bytes = await readFile(path)
  for (const word of ['eHl6enk=', 'Secret', 'key', 'xyzzy']) assert.ok(!bytes.includes(word), word)
})

test('a file of before it was sealed is read once, and sealed', async (t) => {
  const { path, open } = await aFile(t)
  const wanted = assigned('7', object('Pod', 'web'))
  const body = JSON.stringify({ version: wanted.version, objects: [...wanted.objects.values()] })
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, `bramble-assigned 1 ${createHash('sha256').update(body).digest('hex')}\n${body}`, { mode: 0o644 })
  assert.deepEqual(await open().load(), wanted)
  assert.ok(!(await readFile(path)).includes('web'))
  assert.equal((await stat(path)).mode & 0o777, 0o600)
  assert.deepEqual(await open().load(), wanted)
})

test('what another device sealed is put aside', async (t) => {
  const { path, open } = await aFile(t)
  await open().save(assigned('7', object('Pod', 'web')))
  assert.equal(await open(newDeviceKey()).load(), undefined)
  await stat(`${path}.damaged`)
})

const damages: readonly (readonly [string, (bytes: Buffer) => Buffer])[] = [
  ['truncated in the middle', (bytes) => bytes.subarray(0, bytes.length / 2)],
  ['truncated by one byte', (bytes) => bytes.subarray(0, -1)],
  ['empty', () => Buffer.alloc(0)],
  ['full of zeros', (bytes) => Buffer.alloc(bytes.length)],
  ['changed in one bit', (bytes) => Buffer.from(bytes.map((byte, index) => (index === 40 ? byte ^ 1 : byte)))],
  ['without its first byte', (bytes) => bytes.subarray(1)],
  ['of a later format', (bytes) => Buffer.concat([Buffer.of(2), bytes.subarray(1)])],
  ['plain and wrong', () => Buffer.from(`bramble-assigned 1 ${'0'.repeat(64)}\n{}`)],
  ['of text', () => Buffer.from('once upon a time')],
]
for (const [damage, apply] of damages)
  test(`a file that is ${damage} is put aside, and the next save works`, async (t) => {
    const { path, open } = await aFile(t)
    const wanted = assigned('7', object('Pod', 'web'))
    await open().save(wanted)
    await writeFile(path, apply(await readFile(path)))
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
  ['the renewal of a token', object('PodToken', 'web', { data: { 'kube-api-access/token': 'second' } }), false],
  ['a token of another volume', object('PodToken', 'web', { data: { 'other/token': 'first' } }), true],
  ['a spec', object('Pod', 'web', { spec: { containers: [] } }), true],
]
for (const [change, next, written] of changes)
  test(`${change} is ${written ? 'written' : 'not worth a write'}`, async (t) => {
    const { path, open } = await aFile(t)
    const file = open()
    const token = object('PodToken', 'web', { data: { 'kube-api-access/token': 'first' } })
    await file.save(assigned('1', object('Pod', 'web', { spec: {} }), token))
    const before = await readFile(path)
    await file.save(next.kind === 'Pod' ? assigned('2', next, token) : assigned('2', object('Pod', 'web', { spec: {} }), next))
    assert.equal(!(await readFile(path)).equals(before), written)
  })
