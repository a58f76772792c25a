import assert from 'node:assert/strict'
import { test } from 'node:test'
import { simEnv } from '@bramble/reconcile/sim/sim-env'
import { namespaces } from '../resources/namespace.ts'
import { events } from '../resources/event.ts'
import { nodes } from '../resources/node.ts'
import { ApiEventRecorder, expiredEvents } from './event-recorder.ts'
import type { EventRecorder } from './events.ts'
import { type TestBench, testBench } from './test-bench.ts'

async function recorderOn(bench: TestBench): Promise<{ recorder: EventRecorder; stop: () => Promise<void> }> {
  const source = new ApiEventRecorder(bench.client, simEnv(1, bench.clock))
  const ended = new AbortController()
  const running = source.run(ended.signal)
  return {
    recorder: source.as('tester'),
    stop: async () => {
      ended.abort()
      await bench.pass(1)
      await running
    },
  }
}

const aboutNode = async (bench: TestBench) => {
  await bench.addNode('a')
  return bench.client.get(nodes, 'a')!
}

test('the same event again raises its count, another one is another event', async (t) => {
  const bench = await testBench(t, [])
  const { recorder, stop } = await recorderOn(bench)
  const node = await aboutNode(bench)
  recorder.record(node, 'Normal', 'Hot', 'it is 80 °C')
  recorder.record(node, 'Normal', 'Hot', 'it is 80 °C')
  await bench.pass(5_000)
  recorder.record(node, 'Normal', 'Hot', 'it is 80 °C')
  recorder.record(node, 'Warning', 'Hot', 'it is 90 °C')
  await bench.pass(1)
  const found = bench.client
    .list(events)
    .map(({ message, count, type, firstTimestamp, lastTimestamp }) => [
      message,
      count,
      type,
      Date.parse(lastTimestamp!) - Date.parse(firstTimestamp!),
    ])
  assert.deepEqual(found.sort(), [
    ['it is 80 °C', 3, 'Normal', 5_000],
    ['it is 90 °C', 1, 'Warning', 0],
  ])
  await stop()
})

test('an event about a node is in default and says whom it is about and who says it', async (t) => {
  const bench = await testBench(t, [])
  const { recorder, stop } = await recorderOn(bench)
  const node = await aboutNode(bench)
  recorder.record(node, 'Normal', 'Hot', 'x'.repeat(5_000))
  await bench.pass(1)
  const [event] = bench.client.list(events)
  assert.match(event!.metadata.name, /^a\.[0-9a-f]{16}$/)
  assert.equal(event!.metadata.namespace, 'default')
  assert.deepEqual(
    [event!.involvedObject.kind, event!.involvedObject.name, event!.involvedObject.uid, event!.source?.component],
    ['Node', 'a', node.metadata.uid, 'tester'],
  )
  assert.equal(event!.message?.length, 1_024)
  await stop()
})

test('an object that talks too much is not listened to for a while', async (t) => {
  const bench = await testBench(t, [])
  const { recorder, stop } = await recorderOn(bench)
  const node = await aboutNode(bench)
  for (let number = 0; number < 100; number++) recorder.record(node, 'Normal', 'Chat', `message ${number}`)
  await bench.pass(1)
  assert.equal(bench.client.list(events).length, 25)
  await bench.pass(10 * 60_000)
  for (let number = 100; number < 200; number++) recorder.record(node, 'Normal', 'Chat', `message ${number}`)
  await bench.pass(1)
  assert.equal(bench.client.list(events).length, 27)
  await stop()
})

test('what cannot be written is dropped and holds up nobody', async (t) => {
  const bench = await testBench(t, [])
  const { recorder, stop } = await recorderOn(bench)
  const node = await aboutNode(bench)
  const nowhere = { ...bench.client.get(namespaces, 'default')!, metadata: { ...node.metadata, uid: 'other', namespace: 'gone' } }
  recorder.record(nowhere, 'Normal', 'Lost', 'in a namespace that is gone')
  recorder.record(node, 'Normal', 'Found', 'in one that is there')
  await bench.pass(1)
  assert.deepEqual(
    bench.client.list(events).map(({ reason }) => reason),
    ['Found'],
  )
  await stop()
})

test('an event goes an hour after it was last seen', async (t) => {
  const bench = await testBench(t, [])
  const { recorder, stop } = await recorderOn(bench)
  const node = await aboutNode(bench)
  recorder.record(node, 'Normal', 'Hot', 'once')
  recorder.record(node, 'Normal', 'Hot', 'twice')
  await bench.pass(30 * 60_000)
  recorder.record(node, 'Normal', 'Hot', 'twice')
  await bench.pass(40 * 60_000)
  assert.deepEqual(
    bench.client.list(events).map(({ message }) => message),
    ['twice'],
  )
  await bench.pass(30 * 60_000)
  assert.deepEqual(bench.client.list(events), [])
  await stop()
})

test('an event of a node with a wrong clock goes as well, and memory is bounded', () => {
  const anEvent = (name: string, creationTimestamp: string, lastTimestamp: string) => ({
    metadata: { name, uid: name, resourceVersion: '1', creationTimestamp },
    involvedObject: {},
    lastTimestamp,
  })
  const nowMs = Date.UTC(2026, 0, 1, 2)
  const names = (all: ReturnType<typeof anEvent>[]): string[] => expiredEvents(all, nowMs).map((event) => event.metadata.name)
  assert.deepEqual(
    names([
      anEvent('future', '2026-01-01T00:30:00Z', '2040-01-01T00:00:00Z'),
      anEvent('past', '2026-01-01T01:59:00Z', '1970-01-01T00:00:00Z'),
    ]),
    ['future'],
  )
  const many = Array.from({ length: 10_002 }, (_, index) =>
    anEvent(`e${index}`, '2026-01-01T01:30:00Z', `2026-01-01T01:${index < 2 ? '40' : '50'}:00Z`),
  )
  assert.deepEqual(names(many).sort(), ['e0', 'e1'])
})
