import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { KubeObject } from '@bramble/api/object'
import type { Assigned } from '@bramble/link/assignment'
import type { Assignment, LinkHandler, ServerSession, StatusReport } from '@bramble/link/link'
import { MemoryLink } from '@bramble/link/memory-link'
import { silentLog } from '@bramble/reconcile/log'
import { SimClock } from '@bramble/reconcile/sim/sim-clock'
import { simEnv } from '@bramble/reconcile/sim/sim-env'
import { createAgent } from './agent.ts'
import { RecordingProxy } from './network/service-proxy/recording-proxy.ts'
import { aPod, deleted } from './pods/pods-harness.ts'
import { FakeDialer } from './pods/probes/fake-dialer.ts'
import { MemoryPodFiles } from './pods/volumes/memory-pod-files.ts'
import { FakeRuntime } from './runtime/fake/fake-runtime.ts'
import { MemoryAssigned } from './state/memory-assigned.ts'
import type { StreamSources } from './transport/carry-call.ts'
import { FACTS } from './node/facts.fixture.ts'

const aNode = (podCIDR: string): KubeObject =>
  ({ kind: 'Node', metadata: { name: 'pi-1', uid: 'n', resourceVersion: '1', creationTimestamp: '' }, spec: { podCIDR } }) as KubeObject
const aService = (): KubeObject =>
  ({
    kind: 'Service',
    metadata: { name: 'web', namespace: 'default', uid: 's', resourceVersion: '1', creationTimestamp: '' },
    spec: { clusterIP: '10.43.0.9', ports: [{ port: 80 }] },
  }) as KubeObject

/** One node with an agent, and a control plane that says what the test wants. */
class AgentWorld implements LinkHandler {
  readonly lines: (readonly [message: string, fields: unknown])[] = []
  readonly env: ReturnType<typeof simEnv>
  readonly link: MemoryLink
  readonly runtime: FakeRuntime
  readonly proxy = new RecordingProxy()
  readonly assigned = new MemoryAssigned()
  readonly reports: StatusReport[] = []
  readonly cidrs: string[] = []
  session: ServerSession | undefined
  resyncs = 0
  complete: Assignment | undefined
  run: Promise<void> = Promise.resolve()
  facts = FACTS
  /** Asked for by the control plane, with the signal that ends each. */
  readonly streams: { readonly id: string; readonly signal: AbortSignal }[] = []
  sources: StreamSources | undefined
  readonly #server = new AbortController()
  #agent = new AbortController()

  constructor(clock = new SimClock()) {
    const log = { ...silentLog, warn: (message: string, fields: unknown) => void this.lines.push([message, fields]) }
    this.env = { ...simEnv(1, clock), log }
    this.link = new MemoryLink(this.env)
    this.runtime = new FakeRuntime({ clock })
  }

  startServer(): void {
    void this.link.server.run(this, this.#server.signal)
  }

  startAgent(): void {
    this.#agent = new AbortController()
    this.run = createAgent({
      env: this.env,
      link: this.link.connect('pi-1'),
      runtime: this.runtime,
      proxy: this.proxy,
      facts: this.facts,
      assigned: this.assigned,
      files: new MemoryPodFiles(),
      dialer: new FakeDialer(),
      streams: (sources) => {
        this.sources = sources
        return { carry: async ({ id }, signal) => void this.streams.push({ id, signal }) }
      },
      podNetwork: {
        setCidr: async (cidr) => {
          this.cidrs.push(cidr)
        },
      },
      settings: {
        node: { nodeName: 'pi-1', version: '0.1.0', labels: { rack: 'a' }, annotations: { 'bramble.dev/volume-folder': '/volumes' } },
        podNetwork: '10.42.0.0/16',
        serviceNetwork: '10.43.0.0/16',
        logFolder: '/var/log/pods',
      },
    }).run(this.#agent.signal)
  }

  async stopAgent(): Promise<void> {
    this.#agent.abort()
    await this.pass(2_000)
    await this.run
  }

  async stop(): Promise<void> {
    await this.stopAgent()
    this.#server.abort()
    await this.pass(2_000)
  }

  async pass(ms: number): Promise<void> {
    await this.env.clock.advance(ms)
  }

  async opened(session: ServerSession): Promise<void> {
    this.session = session
    if (this.complete) await session.assign(this.complete)
  }
  async resync(session: ServerSession): Promise<void> {
    this.resyncs++
    if (this.complete) await session.assign(this.complete)
  }
  async reported(_session: ServerSession, reports: readonly StatusReport[]): Promise<void> {
    this.reports.push(...reports)
  }
  async closed(): Promise<void> {}

  phase(name: string): string | undefined {
    return this.reports.flatMap((report) => (report.type === 'pod-status' && report.name === name ? [report.status.phase] : [])).at(-1)
  }
}

function aWorld(t: TestContext, clock?: SimClock): AgentWorld {
  const world = new AgentWorld(clock)
  t.after(() => world.stop())
  return world
}

const complete = (version: string, ...objects: KubeObject[]): Assignment => ({ type: 'complete', version, objects })

test('what is assigned runs, is told, saved, and reaches network and service rules', async (t) => {
  const world = aWorld(t)
  const other = aPod('elsewhere', { nodeName: 'pi-2' })
  world.complete = complete('1', aPod('web'), other, aNode('10.42.3.0/24'), aService())
  world.startServer()
  world.startAgent()
  await world.pass(5_000)
  assert.equal(world.phase('web'), 'Running')
  assert.deepEqual(
    world.runtime.running().map(({ name }) => name),
    ['main'],
    'a pod of another node does not run here',
  )
  assert.deepEqual(world.cidrs, ['10.42.3.0/24'])
  assert.deepEqual(
    world.proxy.table?.forwards.map(({ id }) => id),
    ['default/web:80'],
  )
  assert.equal((await world.assigned.load())?.version, '1')
  const node = world.reports.find((report) => report.type === 'node-status')
  assert.equal(node?.type === 'node-status' && node.labels.rack, 'a')
  assert.ok(world.reports.some((report) => report.type === 'node-usage'))
})

test('a released volume is removed and told, and the node says where it keeps volumes', async (t) => {
  const world = aWorld(t)
  const released = {
    kind: 'PersistentVolume',
    metadata: {
      name: 'pv-1',
      uid: 'pv',
      resourceVersion: '1',
      creationTimestamp: '',
      annotations: { 'pv.kubernetes.io/provisioned-by': 'bramble.dev/local-path' },
    },
    spec: { local: { path: '/volumes/pv-1' }, persistentVolumeReclaimPolicy: 'Delete' },
    status: { phase: 'Released' },
  } as KubeObject
  world.complete = complete('1', released)
  world.startServer()
  world.startAgent()
  await world.pass(5_000)
  assert.deepEqual(
    world.reports.filter(({ type }) => type === 'volume-gone'),
    [{ type: 'volume-gone', name: 'pv-1', uid: 'pv' }],
  )
  const node = world.reports.find((report) => report.type === 'node-status')
  assert.deepEqual(node?.type === 'node-status' && node.annotations, { 'bramble.dev/volume-folder': '/volumes' })
})

test('the saved assignment starts with no control plane at all', async (t) => {
  const world = aWorld(t)
  const saved: Assigned = {
    version: '7',
    objects: new Map<string, KubeObject>([
      ['Pod default/web', aPod('web')],
      ['Node pi-1', aNode('10.42.3.0/24')],
      ['Service default/web', aService()],
    ]),
  }
  await world.assigned.save(saved)
  world.startAgent()
  await world.pass(1_000)
  assert.equal(world.runtime.running().length, 1)
  assert.deepEqual(world.cidrs, ['10.42.3.0/24'])
  assert.equal(world.proxy.table?.forwards.length, 1)
  world.startServer()
  await world.pass(120_000)
  assert.equal(world.session?.hello.have, '7')
  assert.equal(world.phase('web'), 'Running', 'what happened meanwhile is told')
})

test('in 1970 and without network what was saved starts; what happened meanwhile is told when the link is there', async (t) => {
  const world = aWorld(t, new SimClock(0))
  await world.assigned.save({ version: '1', objects: new Map<string, KubeObject>([['Pod default/web', aPod('web')]]) })
  world.startAgent()
  await world.pass(60_000)
  assert.equal(world.runtime.running('uid-web').length, 1)
  world.runtime.crash(world.runtime.running('uid-web')[0]!.id, 3)
  await world.pass(600_000)
  assert.equal(world.reports.length, 0)
  const said = world.lines.filter(([message]) => message.startsWith('the control plane cannot be reached'))
  assert.ok(said.length > 10)
  for (const [, fields] of said) assert.doesNotMatch(JSON.stringify(fields), /\\n|"error"/)
  world.startServer()
  await world.pass(30_000)
  assert.equal(world.phase('web'), 'Running')
  const reasons = world.reports.flatMap((report) => (report.type === 'event' ? [report.event.reason] : []))
  assert.deepEqual([reasons.includes('Created'), reasons.includes('Started')], [true, true])
  const restarts = world.reports.flatMap((report) =>
    report.type === 'pod-status' ? [report.status.containerStatuses?.[0]?.restartCount] : [],
  )
  assert.equal(restarts.at(-1), 1)
})

test('increments are applied; one that does not chain asks for everything once', async (t) => {
  const world = aWorld(t)
  world.complete = complete('1', aPod('web'))
  world.startServer()
  world.startAgent()
  await world.pass(5_000)
  await world.session!.assign({ type: 'incremental', after: '1', version: '2', upserts: [aPod('more')], removals: [] })
  await world.pass(1_000)
  assert.equal(world.phase('more'), 'Running')
  world.complete = complete('9', aPod('other'))
  await world.session!.assign({ type: 'incremental', after: '7', version: '8', upserts: [], removals: [] })
  await world.pass(5_000)
  assert.equal(world.resyncs, 1)
  assert.equal(world.phase('other'), 'Running')
  assert.deepEqual(
    (await world.runtime.observe()).map(({ name }) => name),
    ['other'],
  )
})

test('a lost link is opened again, and all statuses are told again', async (t) => {
  const world = aWorld(t)
  world.complete = complete('1', aPod('web'))
  world.startServer()
  world.startAgent()
  await world.pass(5_000)
  world.link.cut('pi-1')
  world.reports.length = 0
  await world.pass(5_000)
  assert.equal(world.phase('web'), 'Running')
  assert.equal(world.runtime.running().length, 1)
})

test('a node that booted without its cable is Ready as soon as it is reached', async (t) => {
  const world = aWorld(t)
  let addresses: readonly string[] = []
  world.facts = { ...FACTS, usage: async () => ({ ...(await FACTS.usage()), addresses }) }
  world.startAgent()
  await world.pass(1_000)
  addresses = ['192.0.2.1']
  world.startServer()
  await world.pass(3_000)
  const told = world.reports.flatMap((report) =>
    report.type === 'node-status' ? [report.status.conditions?.find(({ type }) => type === 'Ready')?.status] : [],
  )
  assert.deepEqual(told, ['True'])
})

test('a deleted pod is gone in the end, and an agent restart changes nothing for the others', async (t) => {
  const world = aWorld(t)
  const [web, other] = [aPod('web'), aPod('other')]
  world.complete = complete('1', web, other)
  world.startServer()
  world.startAgent()
  await world.pass(5_000)
  const id = world.runtime.running(other.metadata.uid)[0]!.id
  await world.stopAgent()
  world.complete = complete('2', deleted(web), other)
  world.startAgent()
  await world.pass(10_000)
  assert.ok(world.reports.some((report) => report.type === 'pod-gone' && report.name === 'web'))
  assert.equal(world.runtime.running(other.metadata.uid)[0]?.id, id)
})

test('that a pod leaves is saved before it is taken down, however short ago the last save was', async (t) => {
  const world = aWorld(t)
  const web = aPod('web')
  world.complete = complete('1', web)
  world.startServer()
  world.startAgent()
  await world.pass(5_000)
  const stop = world.runtime.stopContainer.bind(world.runtime)
  const savedAtStop: (string | undefined)[] = []
  world.runtime.stopContainer = async (...args) => {
    savedAtStop.push((await world.assigned.load())?.version)
    await stop(...args)
  }
  const more = aPod('more')
  await world.session!.assign({ type: 'incremental', after: '1', version: '2', upserts: [more], removals: [] })
  await world.pass(100) // saved: the next save would wait
  await world.session!.assign({ type: 'incremental', after: '2', version: '3', upserts: [deleted(web)], removals: [] })
  await world.pass(100)
  assert.deepEqual(savedAtStop, ['3'])
})

test('an assignment that cannot be saved is followed all the same', async (t) => {
  const world = aWorld(t)
  const save = world.assigned.save.bind(world.assigned)
  world.assigned.save = async () => {
    throw new Error('no space left on device')
  }
  world.complete = complete('1', aPod('web'))
  world.startServer()
  world.startAgent()
  await world.pass(5_000)
  assert.equal(world.phase('web'), 'Running')
  world.assigned.save = save
  await world.pass(60_000)
  assert.equal((await world.assigned.load())?.version, '1')
})

test('an idle node says next to nothing', async (t) => {
  const world = aWorld(t)
  world.complete = complete('1', aPod('web'), aNode('10.42.3.0/24'))
  world.startServer()
  world.startAgent()
  await world.pass(120_000)
  world.reports.length = 0
  await world.pass(600_000)
  assert.ok(world.reports.length <= 11, `${world.reports.length} reports in ten minutes`)
  assert.ok(world.reports.every(({ type }) => type === 'node-usage'))
})

test('streams outlive the session that asked for them, not the agent', async (t) => {
  const world = aWorld(t)
  world.complete = complete('1')
  world.startServer()
  world.startAgent()
  await world.pass(5_000)
  await world.session!.stream({ id: 'one' })
  await world.pass(100)
  const first = world.session
  world.link.cut('pi-1')
  await world.pass(30_000)
  assert.notEqual(world.session, first)
  await world.session!.stream({ id: 'two' })
  await world.pass(100)
  assert.deepEqual(
    world.streams.map(({ id, signal }) => `${id} ${signal.aborted}`),
    ['one false', 'two false'],
  )
  await world.stopAgent()
  assert.ok(world.streams.every(({ signal }) => signal.aborted))
})

test("a stream finds the pods of this node, and without a pod the agent's own pages", async (t) => {
  const world = aWorld(t)
  world.complete = complete('1', aPod('web'))
  world.startServer()
  world.startAgent()
  await world.pass(5_000)
  const never = new AbortController().signal
  const { sources } = world
  const nobody = { namespace: 'default', pod: 'db', podUid: 'uid-db', container: 'main' }
  await assert.rejects(sources!.exec({ container: nobody, command: ['true'], stdio: undefined }, never), { code: 404 })
  const pod = await sources!.forward({ namespace: 'default', pod: 'web', podUid: 'uid-web', port: 80 }, never)
  pod.destroy()
  const connection = await sources!.forward({ namespace: '', pod: '', podUid: '', port: 0 }, never)
  connection.write('GET /pods HTTP/1.0\r\n\r\n')
  let answer = ''
  for await (const part of connection) answer += String(part)
  assert.match(answer, /^HTTP\/1.1 200 OK\r\n.*"kind":"PodList".*"name":"web".*"phase":"Running"/s)
})
