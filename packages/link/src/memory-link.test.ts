import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seeded } from '@bramble/reconcile/sim/seeded'
import { settle } from '@bramble/reconcile/sim/sim-clock'
import { simEnv } from '@bramble/reconcile/sim/sim-env'
import { complete, increment, linkContract, Recorder, usage } from './link.contract.ts'
import { MemoryLink } from './memory-link.ts'
import type { MessageFaults } from './memory-link.ts'

/** Lets virtual time run on by itself until `close`. */
function running(faults: Partial<MessageFaults> = {}, seed = 1) {
  const env = simEnv(seed)
  const link = new MemoryLink(env)
  Object.assign(link.faults, faults)
  let on = true
  const clockStopped = (async () => {
    while (on) await env.clock.advance(50)
  })()
  return {
    env,
    link,
    server: link.server,
    connect: (nodeName: string) => link.connect(nodeName),
    cut: (nodeName: string) => link.cut(nodeName),
    close: async () => {
      on = false
      await clockStopped
    },
  }
}

linkContract('the memory link', async () => running())
linkContract('the memory link with delays', async () => running({ delayMs: 300 }))
linkContract('the memory link that repeats and reorders', async () => running({ delayMs: 20, repeat: 0.3, reorder: 0.3, reorderMs: 500 }))

test('under loss, repeats and reordering everything still arrives once, in order', async () => {
  for (let seed = 1; seed <= 30; seed++) {
    const { link, close } = running({ loss: 0.2, repeat: 0.2, reorder: 0.3, delayMs: 50 }, seed)
    const handler = new Recorder()
    const stop = new AbortController()
    const served = link.server.run(handler, stop.signal)
    const session = await link.connect('pi-1').open({ agentVersion: '1' }, new AbortController().signal)
    const server = handler.session('pi-1')
    await server.assign(complete('v0', ''))
    for (let i = 1; i < 40; i++) await server.assign(increment(`v${i - 1}`, `v${i}`))
    const versions: string[] = []
    for await (const { version } of session.assignments) if (versions.push(version) === 40) break
    assert.deepEqual(
      versions,
      Array.from({ length: 40 }, (_, i) => `v${i}`),
      `seed ${seed}`,
    )
    for (let i = 0; i < 10; i++) await session.report([usage(i)])
    assert.deepEqual(
      handler.reports,
      Array.from({ length: 10 }, (_, i) => [usage(i)]),
      `seed ${seed}`,
    )
    stop.abort()
    await served
    await close()
  }
})

test('the same seed gives the same run', async () => {
  const run = async (seed: number): Promise<string> => {
    const env = simEnv(seed)
    const link = new MemoryLink(env)
    Object.assign(link.faults, { loss: 0.3, repeat: 0.2, reorder: 0.3, delayMs: 400 })
    const handler = new Recorder()
    const stop = new AbortController()
    void link.server.run(handler, stop.signal)
    const trace: string[] = []
    const random = seeded(seed)
    const agent = async (name: string): Promise<void> => {
      const session = await link.connect(name).open({ agentVersion: '1' }, stop.signal)
      for (let i = 0; i < 5; i++) {
        await env.clock.sleep(random() * 1000)
        await session.report([usage(i)])
        trace.push(`${env.clock.monotonicMs()} ${name} ${i}`)
      }
    }
    const agents = Promise.all(['a', 'b', 'c'].map((name) => agent(name).catch((error: Error) => trace.push(error.message))))
    await env.clock.advance(120_000)
    await agents
    stop.abort()
    return trace.join('\n')
  }
  assert.equal(await run(7), await run(7))
  assert.notEqual(await run(7), await run(8))
})

test('silence is noticed by both ends after 15 s, and healing lets the node in again', async () => {
  const env = simEnv()
  const link = new MemoryLink(env)
  const handler = new Recorder()
  const stop = new AbortController()
  const served = link.server.run(handler, stop.signal)
  const session = await link.connect('pi-1').open({ agentVersion: '1' }, stop.signal)
  let closedMs = 0
  void session.closed.then(() => {
    closedMs = env.clock.monotonicMs()
  })
  link.silence('pi-1')
  await env.clock.advance(14_000)
  assert.deepEqual(handler.log, ['opened pi-1'])
  await env.clock.advance(2_000)
  assert.deepEqual(handler.log, ['opened pi-1', 'closed pi-1 lost'])
  assert.equal(closedMs, 15_000)

  const refused = assert.rejects(link.connect('pi-1').open({ agentVersion: '1' }, stop.signal))
  await env.clock.advance(60_000)
  await refused
  link.heal('pi-1')
  await link.connect('pi-1').open({ agentVersion: '1' }, stop.signal)
  stop.abort()
  await served
})

test('an idle session says nothing and holds no timer', async () => {
  const env = simEnv()
  let sleeps = 0
  const clock = {
    nowMs: () => env.clock.nowMs(),
    monotonicMs: () => env.clock.monotonicMs(),
    sleep: (ms: number, signal?: AbortSignal) => {
      sleeps++
      return env.clock.sleep(ms, signal)
    },
  }
  const link = new MemoryLink({ ...env, clock })
  const handler = new Recorder()
  const stop = new AbortController()
  const served = link.server.run(handler, stop.signal)
  const session = await link.connect('pi-1').open({ agentVersion: '1' }, stop.signal)
  await handler.session('pi-1').assign(complete('v1', ''))
  for await (const assignment of session.assignments) {
    assert.equal(assignment.version, 'v1')
    break
  }
  await env.clock.advance(60_000)
  const before = sleeps
  await env.clock.advance(3_600_000)
  await settle()
  assert.equal(sleeps, before)
  stop.abort()
  await served
})
