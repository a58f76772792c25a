import assert from 'node:assert/strict'
import { test } from 'node:test'
import { archivesOf, mirrorsAt, mirrorsOf, publicSources, sourcesList } from './sources.ts'

const DEB822 = `Types: deb
# http://snapshot.debian.org/archive/debian/20250520T000000Z
URIs: http://mirror.example/debian/
Suites: bookworm
`
const machines = [
  { name: 'sources in the new format', texts: [DEB822], main: 'http://mirror.example/debian' },
  {
    name: 'sources in the old format',
    texts: ['deb [signed-by=/k] https://m.example/debian bookworm main\n'],
    main: 'https://m.example/debian',
  },
  {
    name: 'other repositories first',
    texts: ['deb https://packages.example/apt any main\n', DEB822],
    main: 'http://mirror.example/debian',
  },
  {
    name: 'a line that is commented out',
    texts: ['# deb http://old.example/debian bookworm main\n'],
    main: 'http://deb.debian.org/debian',
  },
  { name: 'no Debian', texts: ['deb http://archive.ubuntu.com/ubuntu noble main\n'], main: 'http://deb.debian.org/debian' },
  { name: 'nothing', texts: [''], main: 'http://deb.debian.org/debian' },
]
for (const { name, texts, main } of machines)
  test(`packages come from the mirror of this machine: ${name}`, () => {
    assert.deepEqual(mirrorsOf(texts), { main, security: 'http://deb.debian.org/debian-security' })
  })

test('the security archive lies beside the one that was named', () => {
  const at = (url: string): string => mirrorsAt(url).security
  assert.equal(at('http://m.example/debian/'), 'http://m.example/debian-security')
  assert.equal(
    at('http://snapshot.debian.org/archive/debian/20250520T000000Z'),
    'http://snapshot.debian.org/archive/debian-security/20250520T000000Z',
  )
  assert.equal(at('http://m.example/mirror'), 'http://deb.debian.org/debian-security')
})

test('an image names deb.debian.org, whatever it was built from', () => {
  assert.match(publicSources('trixie'), /^deb http:\/\/deb\.debian\.org\/debian trixie main non-free-firmware\n/)
  assert.equal(sourcesList(archivesOf('trixie', mirrorsAt('http://m.example/debian'))).length, 3)
})
