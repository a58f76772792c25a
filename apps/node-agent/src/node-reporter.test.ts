import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { StatusReport } from '@bramble/link/link'
import { simEnv } from '@bramble/reconcile/sim/sim-env'
import type { PowerReading } from './node/board/board.ts'
import { NodeReporter } from './node-reporter.ts'

type NodeStatusReport = Extract<StatusReport, { readonly type: 'node-status' }>

async function aNode(board: { power: PowerReading; celsius: number }) {
  const env = simEnv()
  const reports: NodeStatusReport[] = []
  const reporter = await NodeReporter.create({
    env,
    runtime: { name: 'fake', status: async () => ({ ready: true, version: '1' }) },
    settings: { nodeName: 'pi-1', version: '0.1.0', labels: {} },
    send: (report) => {
      if (report.type === 'node-status') reports.push(report)
    },
    facts: {
      inventory: async () => ({
        ...{
          hostname: 'pi-1',
          machineId: 'm',
          systemUuid: 's',
          bootId: 'b',
          kernelVersion: '6.12',
          osImage: 'Debian',
          architecture: 'arm64',
        },
        ...{ cpuCount: 4, memoryBytes: 2 ** 32, diskBytes: 2 ** 35, diskType: 'sd', pageSizeBytes: 4096 },
        ...{ model: 'Raspberry Pi 4 Model B Rev 1.4', boardRevision: 'c03114', boardSerial: '10000000abcdef01' },
      }),
      usage: async () => ({
        ...{ atMs: 0, cpuMillis: 100, windowMs: 1000, memoryBytes: 2 ** 28, memoryAvailableBytes: 2 ** 31, diskAvailableBytes: 2 ** 34 },
        ...{ inodesAvailable: 1e6, processes: 100, addresses: ['192.0.2.1'], temperatureCelsius: board.celsius },
      }),
      board: { power: () => board.power, storage: () => [], read: () => ({ temperatures: [], power: board.power, storage: [], wifi: [] }) },
    },
  })
  const stop = new AbortController()
  const ran = reporter.run(() => {}, stop.signal)
  const end = async (): Promise<void> => {
    stop.abort()
    await env.clock.advance(1000)
    await ran
  }
  const condition = (type: string) => reports.at(-1)?.status.conditions?.find((each) => each.type === type)
  return { env, reports, reporter, condition, end }
}

test('what troubles a board is a condition, told when it begins and when it is over', async (t) => {
  const board = { power: { underVoltage: false } as PowerReading, celsius: 50 }
  const { env, reports, reporter, condition, end } = await aNode(board)
  t.after(end)
  reporter.tell()
  assert.deepEqual(
    [condition('UnderVoltage')?.status, condition('HighTemperature')?.status, condition('Throttled')],
    ['False', 'False', undefined],
  )
  const sinceMs = Date.parse(condition('UnderVoltage')!.lastTransitionTime!)
  await env.clock.advance(60_000)
  board.power = { underVoltage: true }
  await env.clock.advance(20_000)
  board.power = { underVoltage: false }
  assert.deepEqual([reports.length, condition('UnderVoltage')?.status], [2, 'True'])
  assert.ok(Date.parse(condition('UnderVoltage')!.lastTransitionTime!) > sinceMs)
  await env.clock.advance(15 * 60_000)
  assert.deepEqual([reports.length, condition('UnderVoltage')?.status], [3, 'False'])
})

test('a temperature about the limit costs one message', async (t) => {
  const board = { power: {}, celsius: 82 }
  const { env, reports, end } = await aNode(board)
  t.after(end)
  for (let minute = 0; minute < 10; minute++) {
    board.celsius = minute % 2 === 0 ? 78 : 81
    await env.clock.advance(60_000)
  }
  assert.deepEqual(reports, [])
})

test('what a board is called is on its labels', async (t) => {
  const { reporter, reports, end } = await aNode({ power: {}, celsius: 50 })
  t.after(end)
  reporter.tell()
  const { 'bramble.dev/model': model, 'bramble.dev/board-revision': revision, 'bramble.dev/board-serial': serial } = reports[0]!.labels
  assert.deepEqual([model, revision, serial], ['Raspberry-Pi-4-Model-B-Rev-1.4', 'c03114', '10000000abcdef01'])
})
