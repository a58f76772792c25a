import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { HostError, runCommand, runTalkative, startDetached } from './exec.ts'

test('a command gets its input and environment and gives its outputs', async () => {
  const result = await runCommand('sh', ['-c', 'cat; echo "$WORD" >&2'], { input: 'in\n', env: { WORD: 'err' } })
  assert.deepEqual(result, { exitCode: 0, stdout: 'in\n', stderr: 'err\n' })
})

const failures: readonly { name: string; script: string; options?: Parameters<typeof runCommand>[2]; message: RegExp }[] = [
  {
    name: 'a failing command is named with its exit code and words',
    script: 'echo no space >&2; exit 3',
    message: /^sh failed with exit code 3: no space$/,
  },
  { name: 'only the first lines are shown', script: 'for i in 1 2 3 4 5; do echo l$i >&2; done; exit 1', message: /l1\nl2\nl3$/ },
  { name: 'a slow command is ended', script: 'exec sleep 60', options: { timeoutMs: 50 }, message: /^sh did not end within 50 ms/ },
  { name: 'a killed command says by what', script: 'kill -9 $$', message: /^sh was ended by SIGKILL/ },
  {
    name: 'an aborted command is cancelled',
    script: 'exec sleep 60',
    options: { signal: AbortSignal.timeout(30) },
    message: /^sh was cancelled/,
  },
  {
    name: 'a talkative command is ended',
    script: 'while :; do echo yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy; done',
    options: { maxOutputBytes: 1000 },
    message: /^sh wrote more than 1000 bytes/,
  },
]
for (const { name, script, options, message } of failures)
  test(name, async () => {
    await assert.rejects(runCommand('sh', ['-c', script], options), (error) => error instanceof HostError && message.test(error.message))
  })

test('an exit code can be an answer', async () => {
  assert.equal((await runCommand('sh', ['-c', 'exit 7'], { exitCodes: [0, 7] })).exitCode, 7)
  assert.equal((await runCommand('sh', ['-c', 'exit 9'], { exitCodes: 'any' })).exitCode, 9)
})

test('of a talkative program the beginning is kept, and its exit code', async () => {
  const result = await runTalkative('sh', ['-c', 'echo start; head -c 3000000 /dev/zero; echo end >&2; exit 6'], {
    timeoutMs: 10_000,
    keepBytes: 8,
  })
  assert.deepEqual(result, { exitCode: 6, output: 'start\n\0\0' })
  await assert.rejects(runTalkative('sh', ['-c', 'exec sleep 60'], { timeoutMs: 50, keepBytes: 8 }), /sh did not end within 50 ms/)
})

test('nobody waits for a descendant that holds the outputs open', async () => {
  for (const run of [
    runCommand('sh', ['-c', 'sleep 3 & exec sleep 60'], { timeoutMs: 50 }),
    runTalkative('sh', ['-c', 'sleep 3 & exit 0'], { timeoutMs: 50, keepBytes: 8 }),
  ]) {
    const startedMs = performance.now()
    await assert.rejects(run, /did not end within 50 ms/)
    assert.ok(performance.now() - startedMs < 2_000)
  }
})

test('a program that is not there is said to be missing', async () => {
  await assert.rejects(runCommand('bramble-no-such-program', ['secret']), {
    name: 'HostError',
    message: 'bramble-no-such-program is not installed or not executable',
  })
  assert.throws(() => startDetached('bramble-no-such-program', []), { name: 'HostError' })
})

test('a detached process leads its own session and writes to its file', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-exec-'))
  t.after(() => rm(folder, { recursive: true }))
  const outputPath = join(folder, 'out')
  const child = startDetached('sh', ['-c', 'echo $$; cut -d" " -f6 /proc/$$/stat; exit 5'], { outputPath })
  assert.deepEqual(await child.ended, { exitCode: 5 })
  assert.equal(await readFile(outputPath, 'utf8'), `${child.pid}\n${child.pid}\n`)
})
