import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compareVersions, isVersion, minorsBetween } from './version.ts'

for (const text of ['0.1.0', '1.22.333', '0.2.0-test', '0.2.0-rc.1', '1.0.0--'])
  test(`${text} is a version`, () => assert.ok(isVersion(text)))
for (const text of [
  '',
  '1',
  '1.2',
  'v1.2.3',
  '01.2.3',
  '1.2.3+abc',
  '1.2.3-',
  '1.2.3-a..b',
  '../1.2.3',
  '1.2.3\n',
  `1.2.3-${'a'.repeat(60)}`,
])
  test(`${JSON.stringify(text)} is none`, () => assert.ok(!isVersion(text)))

test('versions have an order', () => {
  const inOrder = ['nonsense', '0.1.0', '0.2.0-1', '0.2.0-2', '0.2.0-10', '0.2.0-a', '0.2.0-a.1', '0.2.0-b', '0.2.0', '0.10.0', '1.0.0']
  for (const [i, a] of inOrder.entries())
    for (const [j, b] of inOrder.entries()) assert.equal(Math.sign(compareVersions(a, b)), Math.sign(i - j), `${a} and ${b}`)
})

const distances: readonly (readonly [a: string, b: string, minors: number | undefined])[] = [
  ['0.3.1', '0.3.0-rc.1', 0],
  ['0.3.0', '0.1.9', 2],
  ['0.1.0', '0.4.0', -3],
  ['1.0.0', '0.9.0', Infinity],
  ['0.9.0', '1.0.0', -Infinity],
  ['1', '0.9.0', undefined],
]
for (const [a, b, minors] of distances) test(`${a} is ${minors} minors from ${b}`, () => assert.equal(minorsBetween(a, b), minors))
