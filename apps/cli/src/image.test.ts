import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { bramble, temporaryFolder } from './cli.fixture.ts'

const wrong = [
  { name: 'an unknown processor', flags: ['--arch', 'armhf'], says: /Allowed choices are arm64, x64/ },
  { name: 'an unknown Debian', flags: ['--suite', 'buster'], says: /Allowed choices are bookworm, trixie/ },
  { name: 'a mirror that is no address', flags: ['--mirror', 'deb.debian.org'], says: /^bramble: --mirror must be an address such as / },
  {
    name: 'a size without a unit',
    flags: ['--size', '4000'],
    says: /^bramble: --size must be a number of MiB or GiB such as 4G, not "4000"/,
  },
  { name: 'a preload that is no archive', flags: ['--preload', 'nginx'], says: /^bramble: --preload nginx: must be an archive of images/ },
]
for (const { name, flags, says } of wrong)
  test(`image build: ${name} is a mistake of usage, and nothing is written`, async (t) => {
    const output = join(await temporaryFolder(t), 'out.img')
    const { code, stderr } = await bramble('image', 'build', '--output', output, ...flags)
    assert.equal(code, 2, stderr)
    assert.match(stderr, says)
    assert.equal(existsSync(output), false)
  })

test('image build: a bundle that is not there is named', async (t) => {
  const folder = await temporaryFolder(t)
  const { code, stderr } = await bramble(
    'image',
    'build',
    '--output',
    join(folder, 'out.img'),
    '--cache',
    folder,
    '--bundle',
    '/nowhere/b.tar.zst',
  )
  assert.equal(code, 1)
  assert.match(stderr, process.getuid!() === 0 ? /\/nowhere\/b\.tar\.zst is not there, or is no file/ : /needs root/)
})
