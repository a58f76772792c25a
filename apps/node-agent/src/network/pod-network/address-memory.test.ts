import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { AddressMemory } from './address-memory.ts'

async function aPath(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-addresses-'))
  t.after(() => rm(folder, { recursive: true }))
  return join(folder, 'addresses.json')
}

test('addresses are known after a restart, the newest of each pod', async (t) => {
  const path = await aPath(t)
  const memory = new AddressMemory(path)
  await memory.note('a', '10.42.0.2')
  await memory.note('b', '10.42.0.3')
  await memory.note('a', '10.42.0.4')
  await memory.settled()
  const later = new AddressMemory(path)
  assert.deepEqual([await later.of('a'), await later.of('b'), await later.of('c')], ['10.42.0.4', '10.42.0.3', undefined])
})

test('the oldest are forgotten beyond 512', async (t) => {
  const path = await aPath(t)
  const memory = new AddressMemory(path)
  for (let pod = 0; pod < 600; pod++) await memory.note(`p${pod}`, '10.42.0.2')
  await memory.settled()
  assert.equal(Object.keys(JSON.parse(await readFile(path, 'utf8'))).length, 512)
  assert.equal(await memory.of('p0'), undefined)
  assert.equal(await memory.of('p599'), '10.42.0.2')
})

for (const [name, text] of [
  ['a file cut short', '{"a":"10.4'],
  ['something else', '[1, 2]'],
  ['addresses that are none', '{"a":"rm -rf"}'],
] as const)
  test(`${name} is no memory, and no error`, async (t) => {
    const path = await aPath(t)
    await writeFile(path, text)
    assert.equal(await new AddressMemory(path).of('a'), undefined)
  })

test('a folder that is not there is tried again with the next address', async (t) => {
  const path = await aPath(t)
  const memory = new AddressMemory(join(path, 'missing', 'x.json'))
  await memory.note('a', '10.42.0.2')
  await memory.settled()
  assert.equal(await memory.of('a'), '10.42.0.2')
})
