import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SimClock } from '@bramble/reconcile/sim/sim-clock'
import { silentLog } from '@bramble/reconcile/log'
import { AgentSession } from './agent-session.ts'
import type { DownMessage, UpMessage } from './protocol.ts'
import { SessionTable } from './session-table.ts'

const NOW = Date.UTC(2026, 0, 1)
const [MINUTE_MS, HOUR_MS] = [60_000, 3_600_000]
const TIMING = { resendMs: 20_000, giveUpMs: 60_000 }

test('a node knows the time of its server, and hears it again hourly, for as long as it reports', async () => {
  const clock = new SimClock(NOW)
  let serverFastMs = 0
  const server = {
    ...{ monotonicMs: () => clock.monotonicMs(), sleep: clock.sleep.bind(clock) },
    nowMs: () => clock.nowMs() + serverFastMs,
  }
  const down: DownMessage[] = []
  let receive: (message: UpMessage) => void = () => {}
  const session = new AgentSession('s1', { send: (message) => receive(message), close: async () => {} }, clock, TIMING)
  const handler = { opened: async () => {}, resync: async () => {}, reported: async () => {}, closed: async () => {} }
  const table = new SessionTable(handler, { clock: server, random: () => 0, log: silentLog }, TIMING, (_node, message) => {
    down.push(message)
    session.received(message)
  })
  receive = (message) => table.received('pi-1', message)
  assert.equal(session.serverTimeMs, undefined)
  await session.hello({ agentVersion: '1' })
  assert.equal(session.serverTimeMs, NOW)
  serverFastMs = 9_000
  for (let minutes = 0; minutes < 61; minutes++) {
    await session.report([])
    assert.equal(session.serverTimeMs! - clock.nowMs(), minutes < 60 ? 0 : 9_000, `after ${minutes} minutes`)
    await clock.advance(MINUTE_MS)
  }
  assert.equal(down.filter((message) => 'timeMs' in message).length, 2)
  assert.ok(clock.monotonicMs() > HOUR_MS)
})
