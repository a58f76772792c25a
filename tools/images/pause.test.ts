import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { isStatic } from './busybox.ts'
import { pauseArchive, pauseProgram } from './pause.ts'

for (const { architecture, machine, bytesMax } of [
  { architecture: 'amd64', machine: 62, bytesMax: 256 },
  { architecture: 'arm64', machine: 183, bytesMax: 256 },
])
  test(`the program for ${architecture} is small, static and for that machine`, () => {
    const program = pauseProgram(architecture)
    assert.ok(isStatic(program) && program.length < bytesMax)
    assert.equal(program.readUInt16LE(18), machine)
  })

test('the program for 32-bit ARM has the head of one', () => {
  const program = pauseProgram('arm')
  assert.deepEqual(
    [program.toString('latin1', 1, 4), program[4], program.readUInt16LE(18), program.readUInt32LE(24)],
    ['ELF', 1, 40, 0x10054],
  )
})

test('there is none for other machines', () => assert.throws(() => pauseProgram('s390x'), /no pause program for s390x/))

test('it runs here until SIGTERM, and ends well', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-pause-'))
  t.after(() => rm(folder, { recursive: true }))
  const path = join(folder, 'pause')
  await writeFile(path, pauseProgram(process.arch === 'x64' ? 'amd64' : process.arch), { mode: 0o755 })
  const child = spawn(path, { stdio: 'ignore' })
  await once(child, 'spawn')
  child.kill('SIGTERM')
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null]
  assert.ok(code === 0 || signal === 'SIGTERM', `${code} ${signal}`) // before it has said which signals it waits for, it dies of them
})

test('the same name and machine give the same image', () => {
  assert.equal(pauseArchive('a:1', 'arm64').id, pauseArchive('b:1', 'arm64').id)
  assert.notEqual(pauseArchive('a:1', 'arm64').id, pauseArchive('a:1', 'amd64').id)
})
