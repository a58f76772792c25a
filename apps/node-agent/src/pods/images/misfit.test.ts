import assert from 'node:assert/strict'
import { test } from 'node:test'
import { misfitOf } from './misfit.ts'

for (const [platform, machine, expected] of [
  ['linux/amd64', 'amd64', undefined],
  ['linux/386', 'amd64', undefined],
  ['linux/arm/v7', 'arm64', undefined],
  ['linux/arm64', 'arm', 'is for linux/arm64, this node is linux/arm'],
  ['linux/amd64', 'arm64', 'is for linux/amd64, this node is linux/arm64'],
  ['linux/riscv64', 'arm64', undefined],
  ['windows/amd64', 'amd64', 'is for windows/amd64, this node is linux/amd64'],
  [undefined, 'arm64', undefined],
] as const)
  test(`an image for ${platform} on linux/${machine} ${expected ? 'cannot run' : 'can run'}`, () =>
    assert.equal(
      misfitOf({ id: 'i', names: [], digests: [], sizeBytes: 1, ...(platform && { platform }) }, machine, (wanted) => wanted === 'riscv64'),
      expected,
    ))
