import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newestFirst, parseReleaseName, releaseFileName } from './release-name.ts'

for (const name of ['bramble-0.1.0-linux-arm64.tar.zst', 'bramble-10.20.30-linux-x64.tar.zst', 'bramble-0.2.0-rc.1-linux-x64.tar.zst'])
  test(`${name} is a release, and its name is written as it was read`, () => {
    assert.equal(releaseFileName(parseReleaseName(name)!), name)
  })

const BAD = [
  '',
  'SHA256SUMS',
  'bramble-0.1.0-linux-arm64.tar.gz',
  'bramble-0.1-linux-arm64.tar.zst',
  'bramble-0.1.0-linux-armv7.tar.zst',
  'bramble-0.1.0-darwin-arm64.tar.zst',
  'bramble-../../etc-linux-arm64.tar.zst',
  'bramble-0.1.0/../x-linux-arm64.tar.zst',
  'bramble-0.1.0-.-linux-arm64.tar.zst',
  'bramble-0.1.0-linux-arm64.tar.zst.sha256',
  'bramble-0.1.0-linux-arm64.tar.zst\n',
  '.bramble-0.1.0-linux-arm64.tar.zst',
  `bramble-0.1.0-${'a'.repeat(80)}-linux-arm64.tar.zst`,
]
for (const name of BAD) test(`${JSON.stringify(name)} is none`, () => assert.equal(parseReleaseName(name), undefined))

test('versions are sorted as semantic versions are, the newest first', () => {
  const sorted = ['1.0.0', '0.10.0', '0.9.9', '0.9.0', '0.9.0-rc.10', '0.9.0-rc.2', '0.9.0-beta.x', '0.9.0-beta', '0.9.0-2', '0.1.0']
  assert.deepEqual(sorted.toReversed().sort(newestFirst), sorted)
  assert.equal(newestFirst('0.1.0', '0.1.0'), 0)
})
