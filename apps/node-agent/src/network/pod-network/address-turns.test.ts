import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { AddressTurns } from './address-turns.ts'

/** What host-local would give: the one after the last. */
async function give(folder: string): Promise<string> {
  const last = Number((await readFile(join(folder, 'last_reserved_ip.0'), 'utf8')).split('.').at(-1))
  const given = new Set(await readdir(folder))
  const address = Array.from({ length: 250 }, (_, index) => `10.42.0.${last + 1 + index}`).find((each) => !given.has(each))!
  await writeFile(join(folder, address), 'id')
  await writeFile(join(folder, 'last_reserved_ip.0'), address)
  return address
}

async function aFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'brt-turns-'))
  t.after(() => rm(folder, { recursive: true }))
  return join(folder, 'bramble')
}

test('each gets the address it had, though all ask at once', async (t) => {
  const folder = await aFolder(t)
  const turns = new AddressTurns(folder)
  const wanted = ['10.42.0.9', '10.42.0.2', '10.42.0.17', '10.42.0.3']
  assert.deepEqual(await Promise.all(wanted.map((address) => turns.take(address, () => give(folder)))), wanted)
})

test('the next has its turn as soon as the address is taken, not when the pod is there', async (t) => {
  const folder = await aFolder(t)
  const turns = new AddressTurns(folder)
  const first = Promise.withResolvers<void>()
  const slow = turns.take('10.42.0.5', async () => {
    const address = await give(folder)
    await first.promise
    return address
  })
  assert.equal(await turns.take('10.42.0.7', () => give(folder)), '10.42.0.7')
  first.resolve()
  assert.equal(await slow, '10.42.0.5')
})

test('who finds the address taken gets another; who fails holds up nobody', async (t) => {
  const folder = await aFolder(t)
  await mkdir(folder)
  await writeFile(join(folder, '10.42.0.5'), 'another pod')
  await writeFile(join(folder, 'last_reserved_ip.0'), '10.42.0.20')
  const turns = new AddressTurns(folder)
  assert.equal(await turns.take('10.42.0.5', () => give(folder)), '10.42.0.21')
  await assert.rejects(
    turns.take('10.42.0.6', () => Promise.reject(new Error('no'))),
    /no/,
  )
  assert.equal(await turns.take('10.42.0.8', () => give(folder)), '10.42.0.8')
})
