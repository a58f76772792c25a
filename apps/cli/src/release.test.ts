import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { readdir, readFile, truncate, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { after, test } from 'node:test'
import { promisify } from 'node:util'
import { makeFakeRelease } from '../../../tools/release/fake-release.ts'
import { bramble, serverFlags, startServer, temporaryFolder } from './cli.fixture.ts'

const LIMIT = { timeout: 60_000 }
const folder = await temporaryFolder({ after })
const here = ['--data-dir', folder]
const made = await temporaryFolder({ after })
const arm = await makeFakeRelease(made, { version: '0.2.0', arch: 'arm64' })
const x64 = await makeFakeRelease(made, { version: '0.2.0-rc.1', arch: 'x64' })

test('where nothing was imported there is nothing', LIMIT, async () => {
  assert.deepEqual(await bramble('release', 'list', ...here), { code: 0, stdout: 'VERSION   ARCH   SIZE   SHA256\n', stderr: '' })
})

test('releases are imported once, listed and removed', LIMIT, async () => {
  const first = await bramble('release', 'import', arm.path, x64.path, ...here)
  assert.deepEqual([first.code, first.stdout], [0, 'release 0.2.0 for arm64 imported\nrelease 0.2.0-rc.1 for x64 imported\n'])
  assert.equal((await bramble('release', 'import', arm.path, ...here)).stdout, 'release 0.2.0 for arm64 was here already\n')
  const { stdout } = await bramble('release', 'list', ...here)
  assert.match(stdout, new RegExp(`\\n0.2.0 +arm64 +0.0 MB +${arm.sha256}\n0.2.0-rc.1 +x64 +0.0 MB +${x64.sha256}\n$`))
  assert.deepEqual((await readdir(join(folder, 'releases'))).sort(), [
    ...[x64, arm].flatMap(({ path }) => [basename(path), `${basename(path)}.json`]).sort(),
  ])
  assert.equal((await bramble('release', 'remove', '0.2.0-rc.1', ...here)).stdout, 'release 0.2.0-rc.1 for x64 removed\n')
  const again = await bramble('release', 'remove', '0.2.0-rc.1', ...here)
  assert.deepEqual([again.code, again.stderr], [2, 'bramble: no release 0.2.0-rc.1 is here; "bramble release list" shows them\n'])
})

test('another archive of a version that is here is refused: nodes may have it', LIMIT, async (t) => {
  const other = await makeFakeRelease(await temporaryFolder(t), { version: '0.2.0', arch: 'arm64', behaviour: 'crashing' })
  const { code, stderr } = await bramble('release', 'import', other.path, ...here)
  assert.equal(code, 2)
  assert.match(stderr, /another 0.2.0 for arm64 is here already \(SHA-256 \w{12}…\); give this one a version of its own/)
})

test('what is no whole release is refused with the reason, each file by itself, and nothing of it is left', LIMIT, async (t) => {
  const mine = await temporaryFolder(t)
  const cut = await makeFakeRelease(mine, { version: '0.3.0', arch: 'arm64' })
  await truncate(cut.path, cut.sizeBytes - 100)
  await writeFile(join(mine, 'bramble.zip'), '')
  const good = await makeFakeRelease(mine, { version: '0.4.0', arch: 'arm64' })
  const into = ['--release-dir', join(mine, 'kept')]
  const { code, stdout, stderr } = await bramble(
    'release',
    'import',
    cut.path,
    join(mine, 'bramble.zip'),
    join(mine, 'none'),
    good.path,
    ...into,
  )
  assert.deepEqual([code, stdout], [2, 'release 0.4.0 for arm64 imported\n'])
  const [first, second, third] = stderr.split('\n')
  assert.match(first!, /bramble-0.3.0-linux-arm64.tar.zst: it is cut off/)
  assert.match(second!, /bramble.zip: must be named as "npm run release" names it/)
  assert.match(third!, /none: must be named/)
  assert.deepEqual((await readdir(join(mine, 'kept'))).sort(), [basename(good.path), `${basename(good.path)}.json`])
})

const noCurl = spawnSync('curl', ['--version']).error ? 'curl is not here' : false
test('the line of a token fetches the installer from this control plane, and the archive comes as it was imported', {
  ...LIMIT,
  skip: noCurl,
}, async (t) => {
  const mine = await temporaryFolder(t)
  const flags = await serverFlags(mine)
  const server = startServer(t, ...flags)
  await server.ready
  assert.equal((await bramble('release', 'import', arm.path, '--data-dir', mine)).code, 0) // while it runs
  const { stdout } = await bramble('token', 'create', '--data-dir', mine)
  assert.match(stdout, /\n# on a machine without Bramble:\n/)
  const [line] = /^curl .*(?= \| sudo sh -s -- --token b1\.\S+$)/m.exec(stdout)!
  const shell = async (command: string) => (await promisify(execFile)('sh', ['-c', command], { encoding: 'buffer' })).stdout
  assert.match((await shell(line)).toString(), /^#!\/bin\/sh\n[\s\S]*server='https:\/\/127.0.0.1:\d+'\npin='sha256\/\/\S+'\n/)
  const archive = await shell(line.replace('/install.sh', `/dist/${basename(arm.path)}`))
  assert.ok(archive.equals(await readFile(arm.path)))
  await assert.rejects(shell(line.replace(/sha256\/\/.{8}/, 'sha256//AAAAAAAA')), /pinned public key/)
})
