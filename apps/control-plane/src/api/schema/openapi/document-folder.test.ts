import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { systemClock } from '@bramble/reconcile/env'
import type { ResourceDefinition } from '../../resource.ts'
import { Registry } from '../../registry.ts'
import { pods } from '../../../resources/pod.ts'
import { deployments } from '../../../resources/deployment.ts'
import { DocumentFolder } from './document-folder.ts'
import { OpenApi } from './open-api.ts'

async function setup(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-openapi-'))
  const opened: DocumentFolder[] = []
  t.after(async () => {
    for (const documents of opened) await documents.settled()
    await rm(folder, { recursive: true, force: true })
  })
  const registry = new Registry([pods, deployments])
  const openApi = new OpenApi(registry)
  const open = (path = folder): DocumentFolder => {
    const documents = new DocumentFolder(path, systemClock)
    opened.push(documents)
    return documents
  }
  const read = async (documents: DocumentFolder, path = 'api/v1'): Promise<{ paths: object }> =>
    JSON.parse(gunzipSync(await readFile((await documents.file(openApi.v3(path)!, openApi.all())).path)).toString()) as { paths: object }
  return { folder, registry, openApi, open, read }
}

test('a document is built when it is first asked for, the others of its form on the way', async (t) => {
  const { folder, openApi, open, read } = await setup(t)
  const documents = open()
  assert.ok('/api/v1/pods' in (await read(documents)).paths)
  assert.ok('/apis/apps/v1/deployments' in (await read(documents, 'apis/apps/v1')).paths)
  assert.equal((await readdir(folder)).length, 2)
  for (const form of ['v2', 'v2-protobuf'] as const) assert.ok((await documents.file(openApi.v2(form), openApi.all())).sizeBytes > 1000)
  assert.equal((await readdir(folder)).length, 4)
})

test('what was built is used, by who asks at the same time and by who asks after a restart', async (t) => {
  const { openApi, open, read } = await setup(t)
  const documents = open()
  const asked = Array.from({ length: 5 }, () => documents.file(openApi.v3('api/v1')!, openApi.all()))
  const { path } = (await Promise.all(asked))[0]!
  const { mtimeMs, ino } = await stat(path)
  await read(open())
  const after = await stat(path)
  assert.deepEqual([after.mtimeMs, after.ino], [mtimeMs, ino])
})

const damages: readonly (readonly [what: string, damage: (path: string) => Promise<void>])[] = [
  ['missing', (path) => rm(path)],
  ['cut', (path) => truncate(path, 100)],
  ['empty', (path) => truncate(path, 0)],
  ['something else', (path) => writeFile(path, 'x')],
]
for (const [what, damage] of damages)
  test(`a file that is ${what} is built again`, async (t) => {
    const { openApi, open, read } = await setup(t)
    const first = open()
    const { path } = await first.file(openApi.v3('api/v1')!, openApi.all())
    await first.settled()
    await damage(path)
    assert.ok('/api/v1/pods' in (await read(open())).paths)
  })

test('a file that goes while we run is built again', async (t) => {
  const { openApi, open, read } = await setup(t)
  const documents = open()
  await rm((await documents.file(openApi.v3('api/v1')!, openApi.all())).path)
  assert.ok('/api/v1/pods' in (await read(documents)).paths)
})

test('files that nobody can ask for any more are removed, those of others stay', async (t) => {
  const { folder, registry, open, read } = await setup(t)
  await writeFile(join(folder, 'notes.txt'), 'mine')
  const documents = open()
  await read(documents)
  await read(documents, 'apis/apps/v1')
  registry.setCustom([widget('v1')])
  await read(documents, 'apis/example.com/v1')
  registry.setCustom([widget('v2')])
  await read(documents, 'apis/example.com/v2')
  for (let left = 100; left > 0 && (await readdir(folder)).length > 4; left--) await systemClock.sleep(10)
  const files = await readdir(folder)
  assert.equal(files.length, 4)
  assert.ok(files.includes('notes.txt'))
})

test('a folder that cannot be made is said, and tried again', async (t) => {
  const { folder, openApi, open } = await setup(t)
  const path = join(folder, 'taken')
  await writeFile(path, '')
  const documents = open(path)
  const file = () => documents.file(openApi.v3('api/v1')!, openApi.all())
  await assert.rejects(file(), { code: 503, message: /^no OpenAPI document could be built: EEXIST/ })
  await rm(path)
  assert.ok((await file()).sizeBytes > 0)
})

test('a change of one group changes its hash and that of version 2, no other', async (t) => {
  const { registry, openApi } = await setup(t)
  const hashes = () => ({ core: openApi.v3('api/v1')?.hash, custom: openApi.v3('apis/example.com/v1')?.hash, v2: openApi.v2('v2').hash })
  const before = hashes()
  registry.setCustom([widget('v1')])
  const added = hashes()
  registry.setCustom([{ ...widget('v1'), plural: 'gadgets' }])
  const changed = hashes()
  assert.deepEqual([added.core, changed.core, before.custom], [before.core, before.core, undefined])
  assert.equal(new Set([before.v2, added.v2, changed.v2]).size, 3)
  assert.ok(added.custom !== undefined && added.custom !== changed.custom)
  assert.equal(
    (openApi.index()['paths'] as Record<string, { serverRelativeURL: string }>)['apis/example.com/v1']!.serverRelativeURL,
    `/openapi/v3/apis/example.com/v1?hash=${changed.custom}`,
  )
})

const widget = (version: string): ResourceDefinition => ({
  group: 'example.com',
  version,
  kind: 'Widget',
  plural: 'widgets',
  scope: 'Cluster',
  durability: 'durable',
  columns: [],
  schema: { type: 'object', properties: { spec: { type: 'any' } } },
})
