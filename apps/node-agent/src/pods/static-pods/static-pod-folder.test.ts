import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import type { Pod } from '@bramble/api/types/pod'
import { systemEnv } from '@bramble/reconcile/env'
import { StaticPodFolder } from './static-pod-folder.ts'

const manifest = (name: string, image = 'localhost/a:1'): string => `apiVersion: v1
kind: Pod
metadata: {name: ${name}}
spec:
  containers: [{name: main, image: '${image}'}]
`

async function aFolder(t: TestContext) {
  const root = await mkdtemp(join(tmpdir(), 'bramble-static-'))
  t.after(() => rm(root, { recursive: true, force: true }))
  const folder = join(root, 'manifests')
  await mkdir(folder)
  const complaints: string[] = []
  const pods = new StaticPodFolder({
    folder,
    nodeName: 'pi-1',
    env: systemEnv('test', 'silent'),
    failed: (path, why) => complaints.push(`${path.slice(root.length + 1)}: ${why}`),
  })
  return { folder, pods, complaints, put: (name: string, text: string) => writeFile(join(folder, name), text) }
}
const names = (pods: readonly Pod[] | undefined): readonly string[] | undefined => pods?.map(({ metadata }) => metadata.name)

test('YAML with several documents and JSON are read, hidden files and empty documents are not', async (t) => {
  const { pods, put, complaints } = await aFolder(t)
  await put('two.yaml', `${manifest('a')}---\n---\n${manifest('b')}`)
  await put(
    'one.json',
    JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'c' }, spec: { containers: [{ name: 'm', image: 'i' }] } }),
  )
  await put('.draft.yaml', manifest('d'))
  await put('empty.yaml', '')
  assert.deepEqual(names(await pods.scan()), ['c-pi-1', 'a-pi-1', 'b-pi-1'])
  assert.deepEqual(complaints, [])
})

test('no folder: no pods', async (t) => {
  const { folder, pods } = await aFolder(t)
  await rm(folder, { recursive: true })
  assert.deepEqual(await pods.scan(), [])
})

test('what cannot be used is left out and told once; the others run', async (t) => {
  const { folder, pods, put, complaints } = await aFolder(t)
  await put('good.yaml', manifest('a'))
  await put('kind.yaml', manifest('b').replace('Pod', 'Service'))
  await put('text.yaml', 'a: [')
  await put('bomb.yaml', `a: &a [${'x,'.repeat(50)}]\nb: &b [${'*a,'.repeat(50)}]\nc: [${'*b,'.repeat(50)}]\n`)
  await put('large.yaml', `# ${'x'.repeat(2 << 20)}`)
  await put('twice.yaml', manifest('a', 'localhost/other:1'))
  await mkdir(join(folder, 'folder.yaml'))
  for (let time = 0; time < 2; time++) assert.deepEqual(names(await pods.scan()), ['a-pi-1'])
  assert.deepEqual(complaints.map((text) => text.split('\n')[0]!.slice(0, 58)).sort(), [
    'manifests/bomb.yaml: Excessive alias count indicates a res',
    'manifests/folder.yaml: not a regular file',
    'manifests/kind.yaml: "v1" "Service" is no Pod of v1',
    'manifests/large.yaml: larger than 1048576 bytes',
    'manifests/text.yaml: Flow sequence in block collection mus',
    'manifests/twice.yaml: there is another manifest of pod def',
  ])
})

test('a bad change leaves what ran, a good one replaces it, removal takes it away', async (t) => {
  const { folder, pods, put, complaints } = await aFolder(t)
  await put('web.yaml', manifest('web'))
  const [first] = (await pods.scan())!
  await put('web.yaml', 'kind: [')
  assert.deepEqual(await pods.scan(), [first])
  assert.equal(complaints.length, 1)
  await put('web.yaml', manifest('web', 'localhost/a:2'))
  const [second] = (await pods.scan())!
  assert.notEqual(second!.metadata.uid, first!.metadata.uid)
  await rm(join(folder, 'web.yaml'))
  assert.deepEqual(await pods.scan(), [])
})

test('changes are noticed at once', { timeout: 10_000 }, async (t) => {
  const { folder, pods, put } = await aFolder(t)
  await pods.scan()
  const seen: string[][] = []
  let wake = (): void => {}
  const stop = new AbortController()
  const running = pods.run((all) => {
    seen.push([...(names(all) ?? [])])
    wake()
  }, stop.signal)
  t.after(async () => {
    stop.abort()
    await running
  })
  const next = (act: () => Promise<void>): Promise<void> => {
    const changed = new Promise<void>((resolve) => {
      wake = resolve
    })
    return act().then(() => changed)
  }
  await next(() => put('web.yaml', manifest('web')))
  await next(async () => {
    await writeFile(join(folder, '.new'), manifest('db'))
    await rename(join(folder, '.new'), join(folder, 'db.yaml'))
  })
  await next(() => rm(join(folder, 'web.yaml')))
  assert.deepEqual(seen, [['web-pi-1'], ['db-pi-1', 'web-pi-1'], ['db-pi-1']])
})
