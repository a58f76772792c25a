import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { before, test, type TestContext } from 'node:test'
import { silentLog } from '@bramble/reconcile/log'
import type { Pki } from '../../apps/control-plane/src/pki/pki.ts'
import { certificateRequest, newDeviceKey } from '../../apps/node-agent/src/transport/device-key.ts'
import { LaunchedReleases } from '../../apps/node-agent/src/update/launched-releases.ts'
import { DamagedRelease, UnfitRelease } from '../../apps/node-agent/src/update/releases.ts'
import { type FakeReleaseOptions, makeFakeRelease } from '../../tools/release/fake-release.ts'
import { anAuthority } from '../nodes/nodes.fixture.ts'

const LAUNCHER = join(import.meta.dirname, '../../provisioning/node/launcher')
const LIMIT = { timeout: 60_000 }
const NEVER = new AbortController().signal
/** Does not compress, so that a cut falls into it. */
const FILLER = createHash('shake256', { outputLength: 1 << 20 })
  .update('bramble')
  .digest()
  .toString('latin1')

let pki: Pki
let key: string
let certificate: string
before(async () => {
  pki = await anAuthority({ after: (cleanUp) => process.once('beforeExit', () => void cleanUp()) })
  key = newDeviceKey()
  certificate = await pki.certifyNode('pi-1', await certificateRequest(key))
})

/** A control plane's `/dist`, which fails as it is told. It lets nodes of its own cluster in and nobody else. */
class Distributor {
  readonly asked: string[] = []
  readonly server: Server
  readonly archives: { version: string; arch: string; file: string; sizeBytes: number; sha256: string }[] = []
  /** Of the next answer with an archive; then the connection is cut. */
  cutAfterBytes = Infinity
  honoursRange = true

  constructor(folder: string) {
    const tls = { key: pki.server.key, cert: pki.server.certificate, ca: pki.authority, requestCert: true, rejectUnauthorized: true }
    this.server = createServer(tls, (request, response) => {
      const { url = '', headers } = request
      this.asked.push(`${url.replace(/-linux.*/, '')} ${headers.range ?? ''}`.trim())
      if (url === '/dist/index.json') response.end(JSON.stringify(this.archives))
      else void this.#send(join(folder, basename(url)), headers.range, response)
    })
  }

  async #send(path: string, range: string | undefined, response: ServerResponse): Promise<void> {
    const bytes = await readFile(path)
    const start = this.honoursRange ? Number(/bytes=(\d+)-/.exec(range ?? '')?.[1] ?? 0) : 0
    response.writeHead(start > 0 ? 206 : 200, {
      'content-length': bytes.length - start,
      ...(start > 0 && { 'content-range': `bytes ${start}-${bytes.length - 1}/${bytes.length}` }),
    })
    const end = start + this.cutAfterBytes
    this.cutAfterBytes = Infinity
    response.write(bytes.subarray(start, end), () => (end < bytes.length ? response.destroy() : response.end()))
  }
}

/** A node's /opt/bramble that runs 0.1.0, and a server that has 0.2.0. */
async function bench(t: TestContext, release: Partial<FakeReleaseOptions> = {}) {
  const root = await mkdtemp(join(tmpdir(), 'bramble-update-'))
  const served = join(root, 'served')
  const sealed = await makeFakeRelease(served, { version: '0.2.0', files: { 'share/filler': FILLER }, ...release })
  const { sha256, sizeBytes } = sealed
  const distributor = new Distributor(served)
  distributor.archives.push({ version: '0.2.0', arch: process.arch, file: basename(sealed.path), sizeBytes, sha256 })
  await new Promise<void>((resolve) => distributor.server.listen(0, '127.0.0.1', resolve))
  t.after(async () => {
    distributor.server.closeAllConnections()
    distributor.server.close()
    await rm(root, { recursive: true, force: true })
  })
  await mkdir(join(root, 'releases/0.1.0'), { recursive: true })
  await mkdir(join(root, 'agent'))
  await symlink('../releases/0.1.0', join(root, 'agent/current'))
  const server = `https://127.0.0.1:${(distributor.server.address() as AddressInfo).port}`
  const releases = new LaunchedReleases(
    { launcher: LAUNCHER, folder: join(root, 'agent'), running: '0.1.0' },
    { server, credentials: () => ({ key, certificate, authority: pki.authority }), arch: process.arch },
    silentLog,
  )
  return { root, path: sealed.path, distributor, releases, fetch: () => releases.fetch('0.2.0', NEVER) }
}
const inReleases = async (root: string): Promise<readonly string[]> => (await readdir(join(root, 'releases'))).sort()

test('a release is fetched, checked and tried, and nothing else stays', LIMIT, async (t) => {
  const { root, fetch, releases } = await bench(t)
  await fetch()
  assert.deepEqual(await inReleases(root), ['0.1.0', '0.2.0'])
  assert.deepEqual((await releases.look()).releases, ['0.1.0', '0.2.0'])
  assert.equal(await readFile(join(root, 'releases/0.2.0/share/filler'), 'utf8'), FILLER)
})

test('a download that is cut goes on where it was, also by another process', LIMIT, async (t) => {
  const { root, fetch, distributor, path } = await bench(t)
  for (const afterBytes of [300_000, 200_000]) {
    distributor.cutAfterBytes = afterBytes
    await assert.rejects(fetch())
  }
  await fetch()
  const archive = `/dist/${basename(path).replace(/-linux.*/, '')}`
  const ranges = distributor.asked.filter((each) => each.startsWith(archive)).map((each) => Number(/=(\d+)/.exec(each)?.[1] ?? 0))
  assert.equal(ranges.length, 3)
  assert.ok(ranges[0] === 0 && ranges[1]! > 0 && ranges[2]! > ranges[1]!, String(ranges))
  assert.deepEqual(await inReleases(root), ['0.1.0', '0.2.0'])
})

test('a server that knows no ranges gives all of it again', LIMIT, async (t) => {
  const { root, fetch, distributor } = await bench(t)
  distributor.honoursRange = false
  distributor.cutAfterBytes = 300_000
  await assert.rejects(fetch())
  await fetch()
  assert.deepEqual(await inReleases(root), ['0.1.0', '0.2.0'])
})

test('what was fetched of another archive of that name, or for another version, is thrown away', LIMIT, async (t) => {
  const { root, fetch, distributor } = await bench(t)
  await writeFile(join(root, 'releases/.0.2.0-00000000.tar.zst'), 'old')
  await mkdir(join(root, 'releases/.0.3.0.part/bin'), { recursive: true })
  await fetch()
  assert.equal(distributor.asked.length, 2)
  assert.deepEqual(await inReleases(root), ['0.1.0', '0.2.0'])
})

test('what fails leaves the releases as they were and says why', LIMIT, async (t) => {
  type Bench = Awaited<ReturnType<typeof bench>>
  const cases: Readonly<
    Record<string, { spoil: (it: Bench) => unknown; release?: Partial<FakeReleaseOptions>; error: RegExp; kind?: unknown }>
  > = {
    'an archive with a flipped bit': {
      spoil: async ({ path }) => writeFile(path, (await readFile(path)).fill(0xff, 5000, 5001)),
      error: /damaged: it has the SHA-256/,
      kind: DamagedRelease,
    },
    'an archive that is shorter than the list says': {
      spoil: ({ path }) => truncate(path, 4000),
      error: /ended the download after 4000 of/,
    },
    'a list with the sum of what is no archive': {
      spoil: async ({ path, distributor }) => {
        await writeFile(path, 'no archive')
        distributor.archives[0]!.sizeBytes = 10
        distributor.archives[0]!.sha256 = createHash('sha256').update('no archive').digest('hex')
      },
      error: /cannot be unpacked|Unknown frame|zstd|prefix/i,
    },
    'a release for another version in a wrong name': {
      spoil: () => {},
      release: { version: '0.2.1' },
      error: /holds version 0\.2\.1/,
      kind: UnfitRelease,
    },
    'a release for another processor': {
      spoil: () => {},
      release: { arch: process.arch === 'arm64' ? 'x64' : 'arm64' },
      error: /it is for (x64|arm64), and this node is/,
      kind: UnfitRelease,
    },
    'a release that does not start': {
      spoil: () => {},
      release: { files: { 'lib/node': '#!/bin/sh\necho "GLIBC_2.99 not found" >&2\nexit 1\n' } },
      error: /^it does not start: bin\/bramble failed with exit code 1: GLIBC_2\.99 not found$/,
      kind: UnfitRelease,
    },
    'a list without it': {
      spoil: ({ distributor }) => void distributor.archives.pop(),
      error: /no release 0\.2\.0 for \w+; "bramble release import"/,
    },
    'a list that lies about its size': {
      spoil: ({ distributor }) => void Object.assign(distributor.archives[0]!, { sizeBytes: 1e15 }),
      error: /has \d+ MB free, and \d+ MB are needed/,
    },
    'a list that points elsewhere': {
      spoil: ({ distributor }) => void Object.assign(distributor.archives[0]!, { file: '../../etc/shadow' }),
      error: /nothing sensible/,
    },
    'a server that is gone': { spoil: ({ distributor }) => void distributor.server.close(), error: /ECONNREFUSED/ },
  }
  for (const [name, { spoil, release, error, kind = Error }] of Object.entries(cases))
    await t.test(name, async (t) => {
      const it = await bench(t, release)
      await spoil(it)
      await assert.rejects(it.fetch(), (thrown: Error) => {
        assert.match(thrown.message, error)
        assert.ok(thrown instanceof (kind as typeof Error), thrown.name)
        return true
      })
      assert.deepEqual((await it.releases.look()).releases, ['0.1.0'])
      assert.ok(!(await inReleases(it.root)).some((entry) => entry.endsWith('.part')))
    })
})

test('a server of another cluster is not listened to', LIMIT, async (t) => {
  const { distributor, root } = await bench(t)
  const other = await anAuthority(t)
  const server = `https://127.0.0.1:${(distributor.server.address() as AddressInfo).port}`
  const releases = new LaunchedReleases(
    { launcher: LAUNCHER, folder: join(root, 'agent'), running: '0.1.0' },
    { server, credentials: () => ({ key, certificate, authority: other.authority }), arch: process.arch },
    silentLog,
  )
  await assert.rejects(releases.fetch('0.2.0', NEVER), /signature|certificate/)
})

test('staged, it is the next to start; a tree that was damaged meanwhile is not, and is fetched anew', LIMIT, async (t) => {
  const { root, releases, fetch } = await bench(t)
  await fetch()
  await writeFile(join(root, 'releases/0.2.0/share/filler'), 'damaged')
  await assert.rejects(releases.stage('0.2.0', 60), DamagedRelease)
  assert.deepEqual((await releases.look()).releases, ['0.1.0'])
  await fetch()
  await makeWhole(join(root, 'releases/0.1.0'))
  await releases.stage('0.2.0', 60)
  const slot = await releases.look()
  assert.deepEqual([slot.current, slot.trial], ['0.2.0', { version: '0.2.0', starts: 0, deadlineSeconds: 60 }])
  await releases.commit('0.2.0')
  assert.equal((await releases.look()).trial, undefined)
  await releases.giveUp('0.3.0', 'it does not\nstart')
  assert.deepEqual((await releases.look()).bad, { '0.3.0': 'refused: it does not start' })
})

/** The launcher finds it so. */
async function makeWhole(release: string): Promise<void> {
  await mkdir(join(release, 'bin'), { recursive: true })
  await copyFile('/bin/true', join(release, 'bin/bramble'))
  const sum = createHash('sha256')
    .update(await readFile(join(release, 'bin/bramble')))
    .digest('hex')
  await writeFile(join(release, 'SHA256SUMS'), `${sum}  bin/bramble\n`)
}
