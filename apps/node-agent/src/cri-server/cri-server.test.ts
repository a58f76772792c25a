import assert from 'node:assert/strict'
import { rm, stat, writeFile } from 'node:fs/promises'
import { type ClientHttp2Session, connect as connectHttp2, type IncomingHttpHeaders } from 'node:http2'
import { connect as connectUnix } from 'node:net'
import { join } from 'node:path'
import { describe, test, type TestContext } from 'node:test'
import { create, toBinary } from '@bufbuild/protobuf'
import { systemClock } from '@bramble/reconcile/env'
import { silentLog } from '@bramble/reconcile/log'
import { connectPort } from '@bramble/streams/port-forward/connect-port'
import { CriError } from '../runtime/cri/cri-client.ts'
import {
  ContainerEventType,
  ContainerState,
  ImageService,
  PodSandboxState,
  RuntimeService,
  VersionRequestSchema,
} from '../runtime/cri/grpc/api_pb.js'
import { IMAGE, type ServedRuntime, serveFake } from './cri-server.fixture.ts'
import { serveCri } from './cri-server.ts'
import { CODE } from './problem.ts'

const { method: M } = RuntimeService
const NEVER = new AbortController().signal
const sandboxOf = (name: string, attempt = 0) => ({
  metadata: { name, namespace: 'shop', uid: `uid-${name}`, attempt },
  labels: { app: name },
  annotations: { note: name },
  logDirectory: '/logs',
})
const containerOf = (name: string, line = 'sleep 600') => ({
  metadata: { name, attempt: 0 },
  image: { image: IMAGE },
  command: ['sh', '-c', line],
  labels: { part: name },
  logPath: `${name}.log`,
})

async function started({ client }: ServedRuntime, name = 'web', line?: string): Promise<{ readonly pod: string; readonly id: string }> {
  const { podSandboxId: pod } = await client.call(M.runPodSandbox, { config: sandboxOf(name) })
  const { containerId: id } = await client.call(M.createContainer, { podSandboxId: pod, config: containerOf('main', line) })
  await client.call(M.startContainer, { containerId: id })
  return { pod, id }
}

describe('a server of CRI', () => {
  test('names itself, and tells what works', async (t) => {
    const { client, runtime } = await serveFake(t)
    const { runtimeName, runtimeApiVersion, version } = await client.call(M.version, {})
    assert.deepEqual([runtimeName, runtimeApiVersion, version], ['fake', 'v1', '0.1.0'])
    runtime.ready = false
    const { status, info } = await client.call(M.status, { verbose: true })
    assert.deepEqual(
      status!.conditions.map(({ type, status: isGood, reason }) => [type, isGood, reason]),
      [
        ['RuntimeReady', false, 'RuntimeNotReady'],
        ['NetworkReady', true, ''],
      ],
    )
    assert.equal(JSON.parse(info['config']!).podCidr, '10.42.0.0/24')
  })
  test('its socket is for root alone; a stale one is replaced, one that is answered is not', async (t) => {
    const { socketPath, folder } = await serveFake(t)
    assert.equal((await stat(socketPath)).mode & 0o777, 0o600)
    const nothing = { runtime: {}, image: {} } as never
    await assert.rejects(serveCri(socketPath, nothing, silentLog, NEVER), /answers at .* already/)
    const stale = join(folder, 'stale.sock')
    await writeFile(stale, '')
    const stop = new AbortController()
    await serveCri(stale, nothing, silentLog, stop.signal, () => stop.abort())
    await assert.rejects(stat(stale), { code: 'ENOENT' })
  })
  test('a stopped sandbox is there and not ready, its containers have ended; stopping and removing go twice', async (t) => {
    const served = await serveFake(t)
    const { client } = served
    const { pod, id } = await started(served)
    for (let times = 0; times < 2; times++) await client.call(M.stopPodSandbox, { podSandboxId: pod })
    const { status } = await client.call(M.podSandboxStatus, { podSandboxId: pod })
    assert.deepEqual([status!.state, status!.network?.ip], [PodSandboxState.SANDBOX_NOTREADY, ''])
    const container = (await client.call(M.containerStatus, { containerId: id })).status!
    assert.deepEqual([container.state, container.exitCode, container.reason], [ContainerState.CONTAINER_EXITED, 137, 'Error'])
    await refused(client.call(M.runPodSandbox, { config: sandboxOf('web') }), 'alreadyExists')
    await refused(client.call(M.createContainer, { podSandboxId: pod, config: containerOf('x') }), 'failedPrecondition')
    const { podSandboxId: next } = await client.call(M.runPodSandbox, { config: sandboxOf('web', 1) })
    assert.notEqual(next, pod, 'another attempt lives beside it')
    for (let times = 0; times < 2; times++) await client.call(M.removePodSandbox, { podSandboxId: pod })
    await refused(client.call(M.containerStatus, { containerId: id }), 'notFound')
  })
  test('lists tell names, labels and annotations, by id, beginning, state and labels', async (t) => {
    const served = await serveFake(t)
    const { client } = served
    const [web, db] = [await started(served, 'web'), await started(served, 'db')]
    await client.call(M.stopPodSandbox, { podSandboxId: db.pod })
    const pods = async (filter: object) => (await client.call(M.listPodSandbox, { filter })).items.map(({ id }) => id)
    assert.deepEqual(new Set(await pods({})), new Set([web.pod, db.pod]))
    assert.deepEqual(await pods({ id: web.pod.slice(0, 12) }), [web.pod])
    assert.deepEqual(await pods({ state: { state: PodSandboxState.SANDBOX_NOTREADY } }), [db.pod])
    assert.deepEqual(await pods({ labelSelector: { app: 'web' } }), [web.pod])
    assert.deepEqual(await pods({ id: 'ffffffffffff' }), [])
    const containers = async (filter: object) => (await client.call(M.listContainers, { filter })).containers
    assert.deepEqual(
      (await containers({ podSandboxId: db.pod })).map(({ id }) => id),
      [db.id],
    )
    assert.deepEqual(
      (await containers({ state: { state: ContainerState.CONTAINER_RUNNING } })).map(({ id }) => id),
      [web.id],
    )
    const [one] = await containers({ id: web.id.slice(0, 13) })
    assert.deepEqual([one!.metadata?.name, { ...one!.labels }, one!.image?.image], ['main', { part: 'main' }, IMAGE])
  })
  test('everything is there again after its death between any two calls of the life of a pod', async (t) => {
    const served = await serveFake(t)
    const { client, restart } = served
    const step = async <T>(work: Promise<T>): Promise<T> => {
      const result = await work
      await restart()
      return result
    }
    const { podSandboxId } = await step(client.call(M.runPodSandbox, { config: sandboxOf('web') }))
    assert.equal((await step(client.call(M.runPodSandbox, { config: sandboxOf('web') }))).podSandboxId, podSandboxId)
    const config = containerOf('main', 'echo hi; sleep 600')
    const { containerId } = await step(client.call(M.createContainer, { podSandboxId, config }))
    assert.equal((await step(client.call(M.createContainer, { podSandboxId, config }))).containerId, containerId)
    for (let times = 0; times < 2; times++) await step(client.call(M.startContainer, { containerId }))
    const { status } = await step(client.call(M.containerStatus, { containerId }))
    assert.deepEqual(
      [status!.state, status!.logPath, { ...status!.labels }],
      [ContainerState.CONTAINER_RUNNING, '/logs/main.log', { part: 'main' }],
    )
    const bad = { ...containerOf('bad'), command: ['/no/such/program'] }
    const { containerId: badId } = await step(client.call(M.createContainer, { podSandboxId, config: bad }))
    await step(refused(client.call(M.startContainer, { containerId: badId }), 'unknown'))
    const unstarted = (await client.call(M.containerStatus, { containerId: badId })).status!
    assert.deepEqual([unstarted.state, unstarted.exitCode, unstarted.reason], [ContainerState.CONTAINER_EXITED, 128, 'StartError'])
    assert.match(unstarted.message, /no such file/)
    await step(client.call(M.stopContainer, { containerId, timeout: 1n }))
    await step(client.call(M.stopPodSandbox, { podSandboxId }))
    const { items } = await step(client.call(M.listPodSandbox, {}))
    assert.deepEqual(
      items.map(({ state, labels, annotations }) => [state, { ...labels }, { ...annotations }]),
      [[PodSandboxState.SANDBOX_NOTREADY, { app: 'web' }, { note: 'web' }]],
    )
    await step(client.call(M.removePodSandbox, { podSandboxId }))
    assert.deepEqual((await client.call(M.listPodSandbox, {})).items, [])
  })
  test('after a reboot a container tells of its pod, whose record is gone', async (t) => {
    const served = await serveFake(t)
    const { pod } = await started(served)
    served.runtime.reboot()
    await rm(join(served.folder, 'pods'), { recursive: true })
    await served.restart()
    const { items } = await served.client.call(M.listPodSandbox, {})
    assert.deepEqual(
      items.map(({ id, state, metadata, labels }) => [id, state, metadata?.uid, { ...labels }]),
      [[pod, PodSandboxState.SANDBOX_NOTREADY, 'uid-web', { app: 'web' }]],
    )
    const [container] = (await served.client.call(M.listContainers, {})).containers
    const { status } = await served.client.call(M.containerStatus, { containerId: container!.id })
    assert.deepEqual([status!.exitCode, status!.reason], [255, 'Unknown'])
    await served.client.call(M.removePodSandbox, { podSandboxId: pod })
  })
  test('events tell of a container from its creation to its removal, with how the pod is', async (t) => {
    const served = await serveFake(t)
    const stop = new AbortController()
    const events = served.client.stream(M.getContainerEvents, {}, stop.signal)[Symbol.asyncIterator]()
    const first = events.next()
    await listening(served)
    const { id, pod } = await started(served)
    const seen = [(await first).value!]
    const next = async () => void seen.push((await events.next()).value!)
    await next()
    served.runtime.crash(id, 3)
    await next()
    await served.client.call(M.removeContainer, { containerId: id })
    await next()
    assert.deepEqual(
      seen.map(({ containerId, containerEventType }) => [containerId === id, ContainerEventType[containerEventType]]),
      ['CREATED', 'STARTED', 'STOPPED', 'DELETED'].map((name) => [true, `CONTAINER_${name}_EVENT`]),
    )
    assert.deepEqual([seen[2]!.podSandboxStatus?.id, seen[2]!.containersStatuses[0]?.exitCode], [pod, 3])
    stop.abort()
    await events.return?.()
  })
  test('images: absent is no error, and an id may be cut short', async (t) => {
    const { client } = await serveFake(t)
    const { method } = ImageService
    assert.equal((await client.call(method.imageStatus, { image: { image: 'localhost/missing' } })).image, undefined)
    const { image } = await client.call(method.imageStatus, { image: { image: IMAGE } })
    const short = image!.id.slice('sha256:'.length, 'sha256:'.length + 13)
    assert.equal((await client.call(method.imageStatus, { image: { image: short } })).image?.id, image!.id)
    const { imageRef } = await client.call(method.pullImage, { image: { image: 'registry.local/new:1' } })
    for (let times = 0; times < 2; times++) await client.call(method.removeImage, { image: { image: imageRef } })
    assert.equal((await client.call(method.imageFsInfo, {})).imageFilesystems[0]?.fsId?.mountpoint, '/')
    await refused(client.call(method.pullImage, { image: { image: 'localhost/missing' } }), 'unknown', /manifest unknown/)
  })
  test('a port is carried by a URL that is good once', async (t) => {
    const served = await serveFake(t)
    const { pod } = await started(served)
    const { url } = await served.client.call(M.portForward, { podSandboxId: pod, port: [80] })
    assert.match(url, /^http:\/\/127\.0\.0\.1:\d+\/portforward\/[\w-]{32}$/)
    const stop = new AbortController()
    const connection = await connectPort({ url: new URL(url) }, 80, systemClock, stop.signal)
    connection.write('ping')
    assert.equal(String((await connection.iterator({ destroyOnReturn: false }).next()).value), 'ping')
    await assert.rejects(connectPort({ url: new URL(url) }, 80, systemClock, NEVER), /good once/)
    connection.on('error', () => {})
    stop.abort()
  })
  test('a command that takes too long is DEADLINE_EXCEEDED', async (t) => {
    const served = await serveFake(t)
    const { id } = await started(served)
    await refused(
      served.client.call(M.execSync, { containerId: id, cmd: ['sh', '-c', 'sleep 60'], timeout: 1n }),
      'deadlineExceeded',
      /timeout 1s exceeded/,
    )
  })
})

describe('bad requests are answered with a code, and everybody else is served', () => {
  const bad: readonly {
    readonly name: string
    readonly code: keyof typeof CODE
    readonly ask: (served: ServedRuntime, id: string, pod: string) => Promise<unknown>
  }[] = [
    { name: 'a sandbox without config', code: 'invalidArgument', ask: ({ client }) => client.call(M.runPodSandbox, {}) },
    {
      name: 'a sandbox without name',
      code: 'invalidArgument',
      ask: ({ client }) => client.call(M.runPodSandbox, { config: { metadata: {} } }),
    },
    {
      name: 'a runtime handler that nobody has',
      code: 'invalidArgument',
      ask: ({ client }) => client.call(M.runPodSandbox, { config: sandboxOf('x'), runtimeHandler: 'gvisor' }),
    },
    {
      name: 'users of its own',
      code: 'invalidArgument',
      ask: ({ client }) =>
        client.call(M.runPodSandbox, {
          config: { ...sandboxOf('x'), linux: { securityContext: { namespaceOptions: { usernsOptions: { mode: 0 } } } } },
        }),
    },
    {
      name: 'a cgroup somewhere else',
      code: 'invalidArgument',
      ask: ({ client }) => client.call(M.runPodSandbox, { config: { ...sandboxOf('x'), linux: { cgroupParent: '/a/../../b' } } }),
    },
    { name: 'an unknown sandbox', code: 'notFound', ask: ({ client }) => client.call(M.podSandboxStatus, { podSandboxId: '../../etc' }) },
    { name: 'an empty id', code: 'invalidArgument', ask: ({ client }) => client.call(M.containerStatus, {}) },
    { name: 'an unknown container', code: 'notFound', ask: ({ client }) => client.call(M.startContainer, { containerId: 'ffff' }) },
    {
      name: 'a container in no sandbox',
      code: 'notFound',
      ask: ({ client }) => client.call(M.createContainer, { podSandboxId: 'ffff', config: containerOf('x') }),
    },
    {
      name: 'a container without config',
      code: 'invalidArgument',
      ask: ({ client }, _id, pod) => client.call(M.createContainer, { podSandboxId: pod }),
    },
    {
      name: 'an image that is not there',
      code: 'notFound',
      ask: ({ client }, _id, pod) =>
        client.call(M.createContainer, { podSandboxId: pod, config: { ...containerOf('x'), image: { image: 'localhost/none' } } }),
    },
    {
      name: 'a name with a slash',
      code: 'invalidArgument',
      ask: ({ client }, _id, pod) => client.call(M.createContainer, { podSandboxId: pod, config: { ...containerOf('../x') } }),
    },
    {
      name: 'processes that are not those of the pod',
      code: 'invalidArgument',
      ask: ({ client }, _id, pod) =>
        client.call(M.createContainer, {
          podSandboxId: pod,
          config: { ...containerOf('x'), linux: { securityContext: { namespaceOptions: { pid: 1 } } } },
        }),
    },
    {
      name: 'processors of its own',
      code: 'invalidArgument',
      ask: ({ client }, id) => client.call(M.updateContainerResources, { containerId: id, linux: { cpusetCpus: '0' } }),
    },
    {
      name: 'a terminal and errors apart',
      code: 'invalidArgument',
      ask: ({ client }, id) => client.call(M.exec, { containerId: id, cmd: ['x'], tty: true, stderr: true }),
    },
    { name: 'no streams at all', code: 'invalidArgument', ask: ({ client }, id) => client.call(M.attach, { containerId: id }) },
    { name: 'no command', code: 'invalidArgument', ask: ({ client }, id) => client.call(M.execSync, { containerId: id }) },
    { name: 'addresses that are none', code: 'notFound', ask: ({ client }) => client.call(M.podSandboxStats, { podSandboxId: 'ffff' }) },
    { name: 'metrics', code: 'unimplemented', ask: ({ client }) => client.call(M.listMetricDescriptors, {}) },
    { name: 'no image', code: 'invalidArgument', ask: ({ client }) => client.call(ImageService.method.pullImage, {}) },
    {
      name: 'a name that no image can have',
      code: 'invalidArgument',
      ask: ({ client }) => client.call(ImageService.method.imageStatus, { image: { image: 'Not An Image' } }),
    },
  ]
  test('each of them', async (t) => {
    const served = await serveFake(t)
    const { id, pod } = await started(served)
    for (const { name, code, ask } of bad)
      await refused(ask(served, id, pod), code).catch((error: Error) => assert.fail(`${name}: ${error.message}`))
    assert.equal((await served.client.call(M.listPodSandbox, {})).items.length, 1)
    assert.equal((await served.client.call(M.listContainers, {})).containers.length, 1)
  })
  test('a message that is too large, or none at all', async (t) => {
    const { client, socketPath } = await serveFake(t)
    const session = aSession(t, socketPath)
    const huge = { ...sandboxOf('x'), annotations: { huge: 'x'.repeat(17 << 20) } }
    await refused(client.call(M.runPodSandbox, { config: huge }), 'resourceExhausted')
    assert.equal(await statusOf(session, 'Version', Buffer.from([0x0a, 0xff, 0xff])), String(CODE.invalidArgument))
    assert.equal(await statusOf(session, 'Version', Buffer.from(toBinary(VersionRequestSchema, create(VersionRequestSchema, {})))), '0')
  })
  test('of 300 callers that listen for ever so many are served, and who asks is answered', async (t) => {
    const { client, socketPath } = await serveFake(t)
    const sessions = Array.from({ length: 4 }, () => aSession(t, socketPath))
    let refusals = 0
    const { promise, resolve } = Promise.withResolvers<void>()
    for (let index = 0; index < 300; index++)
      void statusOf(sessions[index % sessions.length]!, 'GetContainerEvents', Buffer.alloc(0)).then((code) => {
        if (code !== String(CODE.resourceExhausted)) return
        if (++refusals === 250) resolve()
      })
    await promise
    assert.equal((await client.call(M.version, {})).runtimeName, 'fake')
    assert.equal(refusals, 250)
  })
})

async function refused(call: Promise<unknown>, code: keyof typeof CODE, words = /./): Promise<void> {
  await assert.rejects(call, (error: unknown) => {
    assert.ok(error instanceof CriError, String(error))
    assert.equal(error.code, CODE[code], error.message)
    assert.match(error.message, words)
    return true
  })
}

/** Calls that went before were begun before these were answered: whoever asked to listen does. */
async function listening({ client }: ServedRuntime): Promise<void> {
  for (let times = 0; times < 20; times++) await client.call(M.listPodSandbox, {})
}

function aSession(t: TestContext, socketPath: string): ClientHttp2Session {
  const session = connectHttp2('http://localhost', { createConnection: () => connectUnix(socketPath) })
  session.on('error', () => {}) // the server is gone before it
  t.after(() => session.destroy())
  return session
}

/** A call with these bytes as its message. @returns gRPC's status. */
function statusOf(session: ClientHttp2Session, method: string, message: Buffer): Promise<string> {
  const head = Buffer.alloc(5)
  head.writeUInt32BE(message.length, 1)
  const path = `/runtime.v1.RuntimeService/${method}`
  const stream = session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' })
  const { promise, resolve } = Promise.withResolvers<string>()
  const look = (headers: IncomingHttpHeaders): void => {
    if (headers['grpc-status'] !== undefined) resolve(String(headers['grpc-status']))
  }
  stream.on('response', look)
  stream.on('trailers', look)
  stream.on('error', () => {}) // the test is over
  stream.resume().end(Buffer.concat([head, message]))
  return promise
}
