import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { systemClock } from '@bramble/reconcile/env'
import { silentLog } from '@bramble/reconcile/log'
import { CriClient } from '../runtime/cri/cri-client.ts'
import { FakeRuntime } from '../runtime/fake/fake-runtime.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { serveCri } from './cri-server.ts'
import { criHandlers } from './handlers.ts'
import { ServerNetwork } from './server-network.ts'
import { StreamingServer } from './streaming-server.ts'

export const IMAGE = 'localhost/test:1'

/** A network of which nothing is plugged in. */
const UNPLUGGED = { setCidr: async () => {}, remove: async () => {}, list: async () => [] }

export interface ServedRuntime<R extends Runtime = FakeRuntime> {
  readonly runtime: R
  readonly client: CriClient
  readonly socketPath: string
  readonly folder: string
  /** As its death would: the runtime lives on. */
  readonly restart: () => Promise<void>
  readonly close: () => Promise<void>
}

/** A server on a socket of its own, with a runtime that runs nothing behind it, until the test ends. */
export async function serveFake(t: TestContext): Promise<ServedRuntime> {
  const served = await startFake()
  t.after(served.close)
  return served
}

/** Until it is closed. */
export async function startFake(): Promise<ServedRuntime> {
  const runtime = new FakeRuntime({ clock: systemClock, pullable: (reference) => !reference.includes('missing') })
  runtime.addImage(IMAGE)
  return serveRuntime(runtime)
}

async function serveRuntime<R extends Runtime>(runtime: R): Promise<ServedRuntime<R>> {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-cri-'))
  const socketPath = join(folder, 'cri.sock')
  const client = new CriClient(socketPath)
  let running = await start(runtime, folder, socketPath)
  return {
    runtime,
    client,
    socketPath,
    folder,
    restart: async () => {
      await running.stop()
      running = await start(runtime, folder, socketPath)
    },
    close: async () => {
      client.close()
      await running.stop()
      for (const { id } of await runtime.observe()) await runtime.removeSandbox(id)
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function start(runtime: Runtime, folder: string, socketPath: string): Promise<{ readonly stop: () => Promise<void> }> {
  const stop = new AbortController()
  const common = { runtime, clock: systemClock, log: silentLog }
  const streaming = new StreamingServer({ ...common, host: '127.0.0.1', port: 0 })
  await streaming.start()
  const network = new ServerNetwork({ plugged: UNPLUGGED, podCidr: '10.42.0.0/24', stateDirectory: folder })
  const handlers = criHandlers({
    ...common,
    network,
    streaming,
    cgroupManager: async () => 'cgroupfs',
    recordDirectory: join(folder, 'pods'),
  })
  const listening = Promise.withResolvers<void>()
  const served = serveCri(socketPath, handlers, silentLog, stop.signal, listening.resolve)
  await Promise.race([listening.promise, served])
  return {
    stop: async () => {
      stop.abort()
      await streaming.stop()
      await served
    },
  }
}
