import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import type { KubeObject } from '@bramble/api/object'
import { Signal } from '@bramble/reconcile/signal'
import type { Assignment, LinkHandler, LinkServer, NodeLink, NodeSession, ServerSession, StatusReport } from './link.ts'
import { WINDOW } from './protocol.ts'

export interface LinkUnderTest {
  readonly server: LinkServer
  connect(nodeName: string): NodeLink
  /** Breaks the node's connection without a goodbye. */
  cut(nodeName: string): void
  close(): Promise<void>
}

const LIMIT_MS = 20_000
const HELLO = { agentVersion: '1.2.3', have: 'v7' }

/** What both ends of every link promise. No test may depend on how long something takes. */
export function linkContract(name: string, make: () => Promise<LinkUnderTest>): void {
  const promise = (title: string, body: (fixture: Fixture, t: TestContext) => Promise<void>): void => {
    it(title, { timeout: LIMIT_MS }, async (t) => {
      const link = await make()
      const handler = new Recorder()
      const stop = new AbortController()
      const served = link.server.run(handler, stop.signal)
      try {
        await body(
          {
            link,
            handler,
            stop: async () => {
              stop.abort()
              await served
            },
          },
          t,
        )
      } finally {
        stop.abort()
        await served
        await link.close()
      }
    })
  }

  describe(`${name} is a link`, () => {
    promise('the server learns who says hello and with what', async ({ link, handler }) => {
      await open(link, 'pi-1')
      const session = handler.session('pi-1')
      assert.equal(session.nodeName, 'pi-1')
      assert.deepEqual(session.hello, HELLO)
    })

    promise('opening waits until the server has accepted', async ({ link, handler }) => {
      let accepted = false
      handler.onOpened = async () => {
        await tick()
        accepted = true
      }
      await open(link, 'pi-1')
      assert.ok(accepted)
    })

    promise('opening fails when the server refuses the node', async ({ link, handler }) => {
      handler.onOpened = async () => {
        throw new Error('unknown node')
      }
      await assert.rejects(open(link, 'pi-1'))
    })

    promise('opening fails when it is aborted', async ({ link }) => {
      await assert.rejects(link.connect('pi-1').open(HELLO, AbortSignal.abort()))
    })

    promise('assignments arrive unchanged and in order, also those sent while opening', async ({ link, handler }) => {
      handler.onOpened = (session) => session.assign(complete('v0', 'ü€😀'))
      const session = await open(link, 'pi-1')
      for (let i = 1; i <= 100; i++) await handler.session('pi-1').assign(increment(`v${i - 1}`, `v${i}`))
      const got = await take(session.assignments, 101)
      assert.deepEqual(got[0], complete('v0', 'ü€😀'))
      assert.deepEqual(
        got.map(({ version }) => version),
        Array.from({ length: 101 }, (_, i) => `v${i}`),
      )
    })

    promise('a large assignment arrives whole', async ({ link, handler }) => {
      const session = await open(link, 'pi-1')
      const large = complete('v1', 'x'.repeat(3_000_000))
      await handler.session('pi-1').assign(large)
      assert.deepEqual(await take(session.assignments, 1), [large])
    })

    promise('stream requests arrive beside assignments', async ({ link, handler }) => {
      const session = await open(link, 'pi-1')
      await handler.session('pi-1').assign(complete('v1', ''))
      await handler.session('pi-1').stream({ id: 'abc' })
      assert.deepEqual(await take(session.streams, 1), [{ id: 'abc' }])
      assert.deepEqual(await take(session.assignments, 1), [complete('v1', '')])
    })

    promise('each node gets its own assignments only', async ({ link, handler }) => {
      const one = await open(link, 'pi-1')
      const two = await open(link, 'pi-1.lan')
      await handler.session('pi-1').assign(complete('for-one', ''))
      await handler.session('pi-1.lan').assign(complete('for-two', ''))
      assert.equal((await take(one.assignments, 1))[0]!.version, 'for-one')
      assert.equal((await take(two.assignments, 1))[0]!.version, 'for-two')
    })

    promise('a report is done when the server has taken it', async ({ link, handler }) => {
      const session = await open(link, 'pi-1')
      const reports = [usage(1), usage(2)]
      await session.report(reports)
      assert.deepEqual(handler.reports, [reports])
    })

    promise('a report that the server does not take fails, and the session lives on', async ({ link, handler }) => {
      const session = await open(link, 'pi-1')
      handler.onReported = async () => {
        throw new Error('the disk is full')
      }
      await assert.rejects(session.report([usage(1)]))
      handler.onReported = async () => {}
      await session.report([usage(2)])
      assert.deepEqual(handler.reports.at(-1), [usage(2)])
    })

    promise('reports of one node are never handled at the same time, and in the order they were made', async ({ link, handler }) => {
      const session = await open(link, 'pi-1')
      let running = 0
      handler.onReported = async () => {
        assert.equal(++running, 1)
        await tick()
        running--
      }
      await Promise.all([1, 2, 3, 4, 5].map((atMs) => session.report([usage(atMs)])))
      assert.deepEqual(
        handler.reports,
        [1, 2, 3, 4, 5].map((atMs) => [usage(atMs)]),
      )
    })

    promise('a resync reaches the server', async ({ link, handler }) => {
      const session = await open(link, 'pi-1')
      await session.resync()
      assert.equal(handler.log.filter((entry) => entry === 'resync pi-1').length, 1)
    })

    promise("closing says goodbye and ends everything on the agent's end", async ({ link, handler }) => {
      const session = await open(link, 'pi-1')
      const server = handler.session('pi-1')
      await session.close()
      await session.closed
      assert.deepEqual(await rest(session.assignments), [])
      assert.deepEqual(await rest(session.streams), [])
      await assert.rejects(session.report([usage(1)]))
      await handler.until('closed pi-1 goodbye')
      await assert.rejects(server.assign(complete('v1', '')))
      assert.equal(handler.log.filter((entry) => entry.startsWith('closed')).length, 1)
    })

    promise('a broken connection is lost at once, on both ends', async ({ link, handler }) => {
      const session = await open(link, 'pi-1')
      link.cut('pi-1')
      await session.closed
      await handler.until('closed pi-1 lost')
      assert.deepEqual(await rest(session.assignments), [])
      assert.equal(handler.log.filter((entry) => entry.startsWith('closed')).length, 1)
    })

    promise('a report without an answer fails when the connection breaks', async ({ link, handler }) => {
      const session = await open(link, 'pi-1')
      handler.onReported = async () => {
        link.cut('pi-1')
        await handler.never
      }
      await assert.rejects(session.report([usage(1)]))
      handler.release()
    })

    promise('after a break the node opens again', async ({ link, handler }) => {
      await open(link, 'pi-1')
      link.cut('pi-1')
      await handler.until('closed pi-1 lost')
      const again = await open(link, 'pi-1')
      await again.report([usage(1)])
      assert.deepEqual(handler.log, ['opened pi-1', 'closed pi-1 lost', 'opened pi-1', 'reported pi-1'])
    })

    promise('a new session of the same node replaces the old, which is closed before', async ({ link, handler }) => {
      const first = await open(link, 'pi-1')
      const second = await open(link, 'pi-1')
      await first.closed
      await second.report([usage(1)])
      assert.deepEqual(handler.log, ['opened pi-1', 'closed pi-1 replaced', 'opened pi-1', 'reported pi-1'])
    })

    promise('the server ends a session', async ({ link, handler }) => {
      const session = await open(link, 'pi-1')
      handler.session('pi-1').end()
      await session.closed
      await handler.until('closed pi-1 lost')
    })

    promise('a node that does not read loses its session, and nobody else does', async ({ link, handler }) => {
      const idle = await open(link, 'pi-1')
      const other = await open(link, 'pi-2')
      const server = handler.session('pi-1')
      for (let i = 0; i < WINDOW; i++) await server.assign(complete(`v${i}`, ''))
      await assert.rejects(server.assign(complete('one too many', '')))
      await idle.closed
      await handler.until('closed pi-1 lost')
      await other.report([usage(1)])
    })

    promise('when the server stops, sessions end and nodes are not reported lost', async ({ link, handler, stop }) => {
      const session = await open(link, 'pi-1')
      await stop()
      await session.closed
      assert.deepEqual(handler.log, ['opened pi-1'])
      await assert.rejects(open(link, 'pi-1'))
    })

    promise('two nodes are served at the same time', async ({ link, handler }) => {
      const one = await open(link, 'pi-1')
      const two = await open(link, 'pi-2')
      handler.onReported = async (session) => {
        if (session.nodeName === 'pi-1') await handler.never
      }
      const waiting = one.report([usage(1)])
      await two.report([usage(2)])
      handler.release()
      await waiting
    })
  })
}

interface Fixture {
  readonly link: LinkUnderTest
  readonly handler: Recorder
  stop(): Promise<void>
}

/** A handler that notes what happens. */
export class Recorder implements LinkHandler {
  readonly log: string[] = []
  readonly reports: (readonly StatusReport[])[] = []
  onOpened: (session: ServerSession) => Promise<void> = async () => {}
  onReported: (session: ServerSession) => Promise<void> = async () => {}
  onResync: (session: ServerSession) => Promise<void> = async () => {}
  release: () => void = () => {}
  /** Waits until `release`. */
  readonly never = new Promise<void>((resolve) => {
    this.release = resolve
  })
  readonly #sessions = new Map<string, ServerSession>()
  readonly #change = new Signal()

  session(nodeName: string): ServerSession {
    return this.#sessions.get(nodeName) ?? assert.fail(`no session of ${nodeName}`)
  }
  async until(entry: string): Promise<void> {
    while (!this.log.includes(entry)) await this.#change.wait()
  }

  async opened(session: ServerSession): Promise<void> {
    this.#sessions.set(session.nodeName, session)
    this.#note(`opened ${session.nodeName}`)
    await this.onOpened(session)
  }
  async resync(session: ServerSession): Promise<void> {
    this.#note(`resync ${session.nodeName}`)
    await this.onResync(session)
  }
  async reported(session: ServerSession, reports: readonly StatusReport[]): Promise<void> {
    this.reports.push(reports)
    this.#note(`reported ${session.nodeName}`)
    await this.onReported(session)
  }
  async closed(session: ServerSession, why: 'goodbye' | 'lost' | 'replaced'): Promise<void> {
    this.#note(`closed ${session.nodeName} ${why}`)
  }

  #note(entry: string): void {
    this.log.push(entry)
    this.#change.notify()
  }
}

const open = (link: LinkUnderTest, nodeName: string): Promise<NodeSession> =>
  link.connect(nodeName).open(HELLO, AbortSignal.timeout(LIMIT_MS))

/** Every promise chain has moved on. */
const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

async function take<T>(source: AsyncIterable<T>, count: number): Promise<T[]> {
  const items: T[] = []
  for await (const item of source) if (items.push(item) === count) break
  return items
}
async function rest<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = []
  for await (const item of source) items.push(item)
  return items
}

export const usage = (atMs: number): StatusReport => ({ type: 'node-usage', atMs, windowMs: 10_000, cpuMillis: 5, memoryBytes: 7 })
export const complete = (version: string, text: string): Assignment => ({ type: 'complete', version, objects: [aConfigMap('one', text)] })
export const increment = (after: string, version: string): Assignment => ({
  type: 'incremental',
  after,
  version,
  upserts: [aConfigMap('two', version)],
  removals: [{ kind: 'ConfigMap', namespace: 'default', name: 'one' }],
})
const aConfigMap = (name: string, text: string): KubeObject & { data: object } => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  data: { text },
  metadata: { name, namespace: 'default', uid: `uid-${name}`, resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' },
})
