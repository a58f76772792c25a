import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer, text } from 'node:stream/consumers'
import { test } from 'node:test'
import { HostError, runCommand, runTalkative, startDetached, startHelper, startPiped } from './exec.ts'

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
  const runs = [
    () => runCommand('sh', ['-c', 'sleep 3 & exec sleep 60'], { timeoutMs: 50 }),
    () => runTalkative('sh', ['-c', 'sleep 3 & exit 0'], { timeoutMs: 50, keepBytes: 8 }),
  ]
  for (const run of runs) {
    const startedMs = performance.now()
    await assert.rejects(run(), /did not end within 50 ms/)
    assert.ok(performance.now() - startedMs < 2_500)
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

test('streams of a program are carried: input, its end, both outputs, exit code', async () => {
  const child = startPiped('sh', ['-c', 'cat; echo err >&2; exit 4'], { stdin: true, stdout: true })
  child.stdin!.end('in')
  assert.deepEqual(await Promise.all([text(child.stdout!), text(child.stderr), child.ended]), ['in', 'err\n', { exitCode: 4 }])
  assert.equal(child.isRunning(), false)
})

test('a program waits for who reads it, and nothing is lost', async () => {
  const child = startPiped('sh', ['-c', 'head -c 8000000 /dev/zero; echo done >&2'], { stdin: false, stdout: true })
  await new Promise(setImmediate)
  await new Promise(setImmediate)
  assert.equal(child.isRunning(), true)
  const [bytes, words] = await Promise.all([buffer(child.stdout!), text(child.stderr)])
  assert.deepEqual([bytes.length, words], [8_000_000, 'done\n'])
})

test('a program that is killed ends its streams, though a descendant holds them open', async () => {
  const child = startPiped('sh', ['-c', 'sleep 5 & echo up; wait'], { stdin: false, stdout: true })
  await once(child.stdout!, 'readable')
  child.kill()
  assert.deepEqual(await child.ended, {})
  assert.equal(child.stdout!.destroyed, true)
  assert.throws(() => startPiped('bramble-no-such-program', [], { stdin: false, stdout: true }), { name: 'HostError' })
})

test('a helper answers messages and hands connections over', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-exec-'))
  t.after(() => rm(folder, { recursive: true }))
  const server = createServer((socket) => socket.end('hello')).listen(0, '127.0.0.1')
  t.after(() => server.close())
  await once(server, 'listening')
  const program = join(folder, 'helper.mjs')
  await writeFile(
    program,
    `import { Socket } from 'node:net'
     process.on('message', ({ port }) => {
       const socket = new Socket()
       socket.pause()
       socket.connect(port, '127.0.0.1', () => process.send({ port }, socket))
     })`,
  )
  const { port } = server.address() as { port: number }
  const answers: { message: unknown; connection: Socket | undefined }[] = []
  let told = (): void => {}
  const answered = new Promise<void>((resolve) => {
    told = resolve
  })
  const helper = startHelper(['env', '--'], program, (message, connection) => {
    answers.push({ message, connection })
    told()
  })
  helper.send({ port })
  await answered
  assert.deepEqual(answers[0]!.message, { port })
  assert.equal(await text(answers[0]!.connection!), 'hello')
  helper.stop()
  await helper.ended
  helper.send({ port })
})
