import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { lstat, mkdir, mkdtemp, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { must } from '../run.ts'
import { fillTree, type Layers } from './root-tree.ts'

const NODE_FILES = join(import.meta.dirname, '../../node')
const EPOCH = 1_700_000_000

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'bramble-tree-'))
  t.after(() => rm(path, { recursive: true, force: true }))
  return path
}

async function put(root: string, path: string, text: string): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true })
  await writeFile(join(root, path), text)
}

/** A tree with what mmdebstrap and packages leave behind. */
async function aTree(place: string): Promise<string> {
  const tree = join(place, 'tree')
  await put(tree, 'etc/shadow', 'root::19000:0:99999:7:::\ndaemon:*:19000:0:99999:7:::\n')
  await put(tree, 'etc/dpkg/dpkg.cfg.d/99mmdebstrap', 'path-exclude=/usr/share/man/*\nforce-unsafe-io\n')
  await put(tree, 'etc/apt/sources.list', 'deb http://mirror.of.this.machine/debian bookworm main\n')
  await put(tree, 'etc/machine-id', 'ab'.repeat(16))
  await put(tree, 'etc/ssh/ssh_host_ed25519_key', 'private')
  await put(tree, 'etc/resolv.conf', 'nameserver 10.1.2.3\n')
  await put(tree, 'var/log/apt/history.log', 'today')
  return tree
}

/** A release bundle. @param damage What is done to its files after they were summed up. */
async function aBundle(place: string, arch: string, damage: (top: string) => Promise<void> = () => Promise.resolve()): Promise<string> {
  const top = join(place, 'bramble-0.1.0')
  const files = {
    'bin/bramble': '#!/bin/sh\n',
    'share/launcher': '#!/bin/sh\n',
    'release.json': JSON.stringify({ version: '0.1.0', arch }),
  }
  const sums: string[] = []
  for (const [path, text] of Object.entries(files)) {
    await put(top, path, text)
    sums.push(`${createHash('sha256').update(text).digest('hex')}  ${path}\n`)
  }
  await put(top, 'SHA256SUMS', sums.join(''))
  await damage(top)
  const bundle = join(place, 'bramble-0.1.0-linux-x64.tar.gz')
  await must('tar', ['-czf', bundle, '-C', place, 'bramble-0.1.0'])
  return bundle
}

const layers = (over: Partial<Layers> = {}): Layers => ({
  recipe: { arch: 'x64', runtime: 'podman', suite: 'bookworm' },
  nodeFiles: NODE_FILES,
  bundle: undefined,
  preload: [],
  epoch: EPOCH,
  ...over,
})

test('nothing of the machine that builds, and nothing that belongs to one machine alone, stays in the tree', async (t) => {
  const tree = await aTree(await folder(t))
  assert.equal(await fillTree(tree, layers()), undefined)
  const read = (path: string): Promise<string> => readFile(join(tree, path), 'utf8')
  assert.equal(await read('etc/machine-id'), '')
  assert.match(await read('etc/apt/sources.list'), /^deb http:\/\/deb\.debian\.org\/debian bookworm /)
  assert.match(await read('etc/shadow'), /^root:\*:/)
  assert.equal(await read('etc/dpkg/dpkg.cfg.d/99mmdebstrap'), 'path-exclude=/usr/share/man/*\n')
  assert.equal(await readlink(join(tree, 'etc/resolv.conf')), '../run/systemd/resolve/stub-resolv.conf')
  assert.deepEqual(await readdir(join(tree, 'etc/ssh')), [])
  assert.deepEqual(await readdir(join(tree, 'var/log/apt')), [])
})

test('the first boot is a service from the start, before the network and after it', async (t) => {
  const tree = await aTree(await folder(t))
  await fillTree(tree, layers())
  const wants = (target: string): Promise<readonly string[]> => readdir(join(tree, `etc/systemd/system/${target}.wants`))
  assert.ok((await wants('sysinit.target')).includes('bramble-firstboot.service'))
  assert.ok((await wants('multi-user.target')).includes('bramble-firstboot-join.service'))
  assert.equal((await lstat(join(tree, 'usr/lib/bramble/firstboot.sh'))).mode & 0o777, 0o755)
})

test('a release is current in the slot of the agent, and archives lie where it looks for images', async (t) => {
  const place = await folder(t)
  const tree = await aTree(place)
  const bundle = await aBundle(place, 'x64')
  await put(place, 'hello.tar', 'an archive')
  assert.equal(await fillTree(tree, layers({ bundle, preload: [join(place, 'hello.tar')] })), '0.1.0')
  assert.equal(await readlink(join(tree, 'opt/bramble/agent/current')), '../releases/0.1.0')
  assert.deepEqual(await readdir(join(tree, 'opt/bramble')), ['agent', 'launcher', 'releases'])
  assert.equal(await readFile(join(tree, 'var/lib/bramble/images/hello.tar'), 'utf8'), 'an archive')
  const { mtimeMs } = await lstat(join(tree, 'opt/bramble/launcher'))
  assert.equal(mtimeMs, EPOCH * 1000)
})

const refused = [
  {
    name: 'for another processor',
    make: (place: string) => aBundle(place, 'arm64'),
    says: /is for arm64, the image for x64: give the bundle for x64$/,
  },
  {
    name: 'damaged inside',
    make: (place: string) => aBundle(place, 'x64', (top) => put(top, 'bin/bramble', 'other')),
    says: /is damaged: bin\/bramble: FAILED/,
  },
  {
    name: 'no release',
    make: (place: string) => aBundle(place, 'x64', (top) => rm(join(top, 'release.json'))),
    says: /is no release of bramble: it has no release\.json/,
  },
  {
    name: 'cut short',
    make: (place: string) => put(place, 'cut.tar.gz', '\x1f\x8b\x08').then(() => join(place, 'cut.tar.gz')),
    says: /cannot be unpacked: /,
  },
]
for (const { name, make, says } of refused)
  test(`a bundle that is ${name} is refused`, async (t) => {
    const place = await folder(t)
    const tree = await aTree(place)
    await assert.rejects(fillTree(tree, layers({ bundle: await make(place) })), says)
  })
