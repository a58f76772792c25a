import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { test } from 'node:test'
import { StatusError } from '@bramble/api/status-error'
import type { Stdio } from '@bramble/streams/remote-process'
import { type Runtime, RuntimeError, type StreamService } from '../../runtime/runtime.ts'
import { aContainer, aPod, aScript, PodWorld } from '../pods-harness.ts'
import { PodStreams } from './pod-streams.ts'

const NEVER = new AbortController().signal
const OUTPUT: Stdio = { stdin: false, stdout: true, stderr: true, tty: false }
const ref = (container = 'main', pod = 'web') => ({ namespace: 'default', pod, podUid: `uid-${pod}`, container })

/** A node that runs the pod `web`. */
async function aNode(runtime: (fake: Runtime) => Partial<StreamService> = () => ({})) {
  const world = new PodWorld()
  const containers = [
    aContainer('main'),
    aScript('ended', 'exit 0'),
    aContainer('terminal', { tty: true, stdin: true }),
    aContainer('missing'),
  ]
  await world.assign(aPod('web', { containers, restartPolicy: 'Never', initContainers: [aScript('init', 'true')] }))
  await world.pass(5_000)
  const fake = world.runtime
  const service: StreamService = {
    openExec: (...given) => fake.openExec(...given),
    openAttach: (...given) => fake.openAttach(...given),
    openPort: (sandboxId, port) => fake.openPort(sandboxId, port),
    ...runtime(fake),
  }
  return { world, streams: new PodStreams(world.reconciler, service) }
}

async function textOf(stream: Readable | undefined): Promise<string> {
  const parts: Uint8Array[] = []
  for await (const part of stream!) parts.push(part as Uint8Array)
  return Buffer.concat(parts).toString()
}

const refusal = (code: number, message: string) => (error: unknown) => {
  assert.ok(error instanceof StatusError, String(error))
  assert.deepEqual([error.code, error.message], [code, message])
  return true
}

test('a command runs in the container that is named', async () => {
  const { streams, world } = await aNode()
  const process = await streams.exec({ container: ref(), command: ['sh', '-c', 'echo out; echo err >&2; exit 4'], stdio: OUTPUT }, NEVER)
  await world.pass(0)
  assert.deepEqual([await textOf(process.stdout), await textOf(process.stderr), await process.ended], ['out\n', 'err\n', { exitCode: 4 }])
})

const missing: readonly {
  readonly name: string
  readonly container: ReturnType<typeof ref>
  readonly code: number
  readonly message: string
}[] = [
  { name: 'a pod that is not here', container: ref('main', 'db'), code: 404, message: 'pods "db" not found' },
  { name: 'a container that there is not', container: ref('other'), code: 404, message: 'container not found ("other")' },
  { name: 'a container that has ended', container: ref('ended'), code: 404, message: 'container not found ("ended")' },
  { name: 'an init container that has ended', container: ref('init'), code: 404, message: 'container not found ("init")' },
  { name: 'a container that waits for its image', container: ref('missing'), code: 404, message: 'container not found ("missing")' },
]
for (const { name, container, code, message } of missing)
  test(`nothing is run in or attached to ${name}`, async () => {
    const { streams } = await aNode()
    await assert.rejects(streams.exec({ container, command: ['true'], stdio: OUTPUT }, NEVER), refusal(code, message))
    await assert.rejects(streams.attach({ container, stdio: OUTPUT }, NEVER), refusal(code, message))
  })

test('a request that names nothing finds nothing', async () => {
  const { streams } = await aNode()
  await assert.rejects(streams.exec({ container: undefined, command: [], stdio: undefined }, NEVER), refusal(404, 'pods "" not found'))
})

test("whether there is a terminal is the container's affair, not that of who attaches", async () => {
  const asked: Stdio[] = []
  const { streams } = await aNode((fake) => ({
    openAttach: (id, stdio, signal) => {
      asked.push(stdio)
      return fake.openAttach(id, stdio, signal)
    },
  }))
  await streams.attach({ container: ref('terminal'), stdio: OUTPUT }, NEVER)
  await streams.attach({ container: ref('main'), stdio: { ...OUTPUT, tty: true } }, NEVER)
  assert.deepEqual(asked, [
    { stdin: false, stdout: true, stderr: false, tty: true },
    { stdin: false, stdout: true, stderr: true, tty: false },
  ])
})

test("the runtime's words are an internal error with them in it, and what nobody foresaw is left as it is", async () => {
  const words = new RuntimeError('RunContainerError', 'exec: "nope": executable file not found in $PATH')
  const { streams } = await aNode(() => ({ openExec: () => Promise.reject(words), openAttach: () => Promise.reject(new TypeError('x')) }))
  await assert.rejects(
    streams.exec({ container: ref(), command: ['nope'], stdio: OUTPUT }, NEVER),
    refusal(500, 'Internal error occurred: error executing command in container: exec: "nope": executable file not found in $PATH'),
  )
  await assert.rejects(streams.attach({ container: ref(), stdio: OUTPUT }, NEVER), TypeError)
})

test('a connection goes to the sandbox of the pod', async () => {
  const { streams } = await aNode()
  const connection = await streams.forward({ namespace: 'default', pod: 'web', podUid: 'uid-web', port: 80 }, NEVER)
  connection.write('ping')
  assert.equal(String((await once(connection, 'data'))[0]), 'ping')
})

test('without a pod, a sandbox that works or somebody who listens there is no connection', async () => {
  const refused = new RuntimeError('RuntimeUnavailable', 'dial tcp4 127.0.0.1:80: connect: connection refused')
  const { streams, world } = await aNode(() => ({ openPort: () => Promise.reject(refused) }))
  const web = { namespace: 'default', pod: 'web', podUid: 'uid-web', port: 80 }
  await assert.rejects(streams.forward({ ...web, pod: 'db', podUid: 'u' }, NEVER), refusal(404, 'pods "db" not found'))
  await assert.rejects(streams.forward(web, NEVER), refusal(503, refused.message))
  const seen = world.reconciler.seen('uid-web')!
  const dead = { ...seen, sandbox: { ...seen.sandbox!, ready: false } }
  const after = new PodStreams({ seen: () => dead, all: () => [dead] }, world.runtime)
  await assert.rejects(after.forward(web, NEVER), refusal(503, 'pod "web" is not running'))
})
