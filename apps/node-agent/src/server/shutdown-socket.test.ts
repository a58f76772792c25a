import assert from 'node:assert/strict'
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { silentLog } from '@bramble/reconcile/log'
import { serveShutdown } from './shutdown-socket.ts'

async function serving(t: TestContext, shutDown: () => Promise<readonly string[]>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-shutdown-'))
  const path = join(folder, 'run', 'shutdown.sock')
  const stop = new AbortController()
  const running = serveShutdown(path, shutDown, silentLog, stop.signal)
  t.after(async () => {
    stop.abort()
    await running
    await assert.rejects(stat(path), 'it leaves nothing behind')
    await rm(folder, { recursive: true, force: true })
  })
  while (!(await stat(path).catch(() => undefined))) await new Promise<void>((resolve) => setImmediate(resolve))
  return path
}
const said = (path: string, words: string): Promise<string> =>
  new Promise((resolve) => {
    let answer = ''
    const socket = connect({ path }, () => socket.write(words))
    socket.on('data', (data) => (answer += data.toString()))
    socket.on('close', () => resolve(answer))
    socket.on('error', () => {})
  })

test('who says that the machine goes down hears what has not ended; only root can say so, and once is enough', async (t) => {
  let calls = 0
  const path = await serving(t, async () => {
    calls++
    return ['default/deaf']
  })
  assert.equal((await stat(path)).mode & 0o777, 0o600)
  assert.deepEqual(await Promise.all([said(path, 'shut down\n'), said(path, 'shut down\n')]), Array(2).fill('{"left":["default/deaf"]}\n'))
  assert.equal(calls, 1)
})

test('a failure is told, not kept', async (t) => {
  const path = await serving(t, () => Promise.reject(new Error('no runtime')))
  assert.equal(await said(path, 'shut down\n'), '{"error":"no runtime"}\n')
})

test('other words end the call and nothing else', async (t) => {
  const path = await serving(t, () => assert.fail('nobody said so'))
  assert.equal(await said(path, 'GET / HTTP/1.1\r\n'), '')
})

test('what an agent left behind that died is no hindrance', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-shutdown-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const path = join(folder, 'shutdown.sock')
  await writeFile(path, '')
  const stop = new AbortController()
  const running = serveShutdown(path, async () => [], silentLog, stop.signal)
  while (!(await stat(path).catch(() => undefined))?.isSocket()) await new Promise<void>((resolve) => setImmediate(resolve))
  stop.abort()
  await running
})
