import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { shutDown } from './shut-down.ts'

async function anAgent(t: TestContext, answer: string): Promise<{ readonly path: string; readonly heard: string[] }> {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-shutdown-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const path = join(folder, 'agent.sock')
  const heard: string[] = []
  const server = createServer((socket) =>
    socket.once('data', (data) => {
      heard.push(data.toString())
      socket.end(answer)
    }),
  )
  await new Promise<void>((resolve) => server.listen(path, resolve))
  t.after(() => new Promise((resolve) => server.close(resolve)))
  return { path, heard }
}

test('the agent is told, and its pods are waited for', async (t) => {
  const { path, heard } = await anAgent(t, '{"left":[]}\n')
  await shutDown(path)
  assert.deepEqual(heard, ['shut down\n'])
})

const faults: readonly { readonly name: string; readonly answer: string; readonly says: string }[] = [
  { name: 'pods that go on', answer: '{"left":["default/deaf"]}\n', says: 'these pods did not end in time: default/deaf' },
  { name: 'an agent that cannot', answer: '{"error":"no runtime"}\n', says: 'the pods of this machine could not be stopped: no runtime' },
  { name: 'an agent that dies', answer: '', says: 'the agent ended before its pods did' },
]
for (const { name, answer, says } of faults)
  test(`${name}: an error that says so`, async (t) => {
    const { path } = await anAgent(t, answer)
    await assert.rejects(shutDown(path), { message: says })
  })

test('where no agent runs that is said', () =>
  assert.rejects(shutDown('/nowhere/agent.sock'), { message: 'no agent runs on this machine' }))
