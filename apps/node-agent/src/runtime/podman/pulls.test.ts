import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { credentialsFor, isDamage, loginsFor, platformProblem } from './pulls.ts'

describe('logins for an image', () => {
  const of = (name: string, ...registries: readonly string[]): readonly string[] =>
    loginsFor(
      name,
      registries.map((registry) => ({ registry })),
    ).map(({ registry }) => registry)

  for (const [name, image, registries, want] of [
    ['a host fits its images', 'r.example/team/web:1', ['r.example', 'q.example'], ['r.example']],
    [
      'the longest path comes first',
      'r.example/team/web:1',
      ['r.example', 'r.example/team', 'r.example/team/web'],
      ['r.example/team/web', 'r.example/team', 'r.example'],
    ],
    ['a path is of whole parts', 'r.example/teams/web:1', ['r.example/team'], []],
    ['a port must be the same', 'r.example:5000/web:1', ['r.example', 'r.example:5000'], ['r.example:5000']],
    ['Docker Hub by its old name', 'docker.io/library/nginx:1', ['https://index.docker.io/v1/'], ['https://index.docker.io/v1/']],
    [
      'a scheme does not matter',
      'r.example/web:1',
      ['https://r.example', 'http://r.example/v2/'],
      ['http://r.example/v2/', 'https://r.example'],
    ],
    ['a star is one part of a host', 'a.r.example/web:1', ['*.r.example', '*.example'], ['*.r.example']],
    ['a digest is no part of the path', 'r.example/web@sha256:00', ['r.example/web'], ['r.example/web']],
  ] as const)
    it(name, () => assert.deepEqual(of(image, ...registries).toSorted(), [...want].toSorted()))

  it('the most specific is tried first', () =>
    assert.deepEqual(of('r.example/team/web:1', 'r.example', 'r.example/team/web', 'r.example/team'), [
      'r.example/team/web',
      'r.example/team',
      'r.example',
    ]))
  it('Podman gets them in a header', () => {
    const [header] = credentialsFor('r.example/web:1', [{ registry: 'r.example', username: 'anna', password: 'ö?>' }])
    assert.deepEqual(JSON.parse(Buffer.from(header!, 'base64url').toString()), { username: 'anna', password: 'ö?>' })
    assert.match(header!, /^[\w=-]+$/)
    const [token] = credentialsFor('r.example/web:1', [{ registry: 'r.example', identityToken: 't' }])
    assert.deepEqual(JSON.parse(Buffer.from(token!, 'base64url').toString()), { identitytoken: 't' })
  })
})

describe('an image for another machine', () => {
  for (const [platform, architecture, fits] of [
    ['linux/amd64', 'x64', true],
    ['linux/arm64', 'arm64', true],
    ['linux/arm', 'arm64', true],
    [undefined, 'arm64', true],
    ['linux/amd64', 'arm64', false],
    ['windows/amd64', 'x64', false],
  ] as const)
    it(`${platform} ${fits ? 'runs' : 'does not run'} on ${architecture}`, () => {
      const problem = platformProblem(platform, architecture)
      if (fits) assert.equal(problem, undefined)
      else assert.match(problem!, new RegExp(`^no match for platform in manifest: the image is for ${platform}, this node is linux/`))
    })
})

describe('words of Podman', () => {
  for (const [words, damaged] of [
    ['reading information about layer "ab": layer not known', true],
    ['readlink /var/lib/containers/storage/overlay: invalid argument', true],
    ['runtime error: invalid memory address or nil pointer dereference', true],
    ['manifest unknown', false],
    ['container not known', false],
    ['database is locked', false],
  ] as const)
    it(`"${words}" ${damaged ? 'means' : 'does not mean'} that an image is damaged`, () => assert.equal(isDamage(words), damaged))
})
