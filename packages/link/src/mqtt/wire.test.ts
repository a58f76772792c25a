import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deflateRawSync } from 'node:zlib'
import { seeded } from '@bramble/reconcile/sim/seeded'
import type { DownMessage, UpMessage } from '../protocol.ts'
import type { DownType, UpType } from './topics.ts'
import { decodeDown, decodeUp, encodeDown, encodeUp, UP_BYTES_MAX } from './wire.ts'

const pod = { namespace: 'default', name: 'web', uid: 'u1' }
const up: readonly UpMessage[] = [
  { type: 'hello', session: 's', hello: { agentVersion: '1.0.0' } },
  { type: 'hello', session: 's', hello: { agentVersion: '1.0.0', have: 'v1' } },
  {
    type: 'report',
    session: 's',
    batch: 1,
    reports: [
      { type: 'pod-status', ...pod, status: { phase: 'Running' } },
      { type: 'pod-gone', ...pod },
    ],
  },
  {
    type: 'report',
    session: 's',
    batch: 2,
    reports: [
      { type: 'node-status', labels: { a: 'b' }, annotations: {}, status: {} },
      { type: 'node-usage', atMs: 1, windowMs: 2, cpuMillis: 3.5, memoryBytes: 4 },
    ],
  },
  { type: 'resync', session: 's', batch: 3 },
  { type: 'got', session: 's', channel: 'assign', through: 7 },
  { type: 'bye', session: 's', why: 'lost' },
]
const down: readonly DownMessage[] = [
  { type: 'welcome', session: 's' },
  { type: 'welcome', session: 's', timeMs: 1_767_225_600_000 },
  { type: 'assign', session: 's', number: 1, item: { type: 'complete', version: 'v', objects: [] } },
  {
    type: 'assign',
    session: 's',
    number: 2,
    item: { type: 'incremental', after: 'v', version: 'w', upserts: [], removals: [{ kind: 'Pod', name: 'x' }] },
  },
  { type: 'stream', session: 's', number: 1, item: { id: 'abc' } },
  { type: 'taken', session: 's', batch: 1, taken: true },
  { type: 'taken', session: 's', batch: 1, taken: false },
  { type: 'end', session: 's', reason: 'ended' },
]

test('every message survives the wire', () => {
  for (const message of up) assert.deepEqual(decodeUp(message.type, encodeUp(message)), message)
  for (const message of down) assert.deepEqual(decodeDown(message.type, encodeDown(message)), message)
})

test('long messages are deflated, short ones are readable', () => {
  const long: UpMessage = { type: 'hello', session: 's', hello: { agentVersion: 'x'.repeat(10_000) } }
  assert.ok(encodeUp(long).length < 200)
  assert.deepEqual(decodeUp('hello', encodeUp(long)), long)
  assert.equal(encodeUp(up[6]!).toString(), '{"session":"s","why":"lost"}')
})

test('what is too large is refused when written', () => {
  const random = seeded(1)
  const noise = Array.from({ length: UP_BYTES_MAX }, () => String.fromCharCode(32 + Math.floor(random() * 0x5000))).join('')
  assert.throws(() => encodeUp({ type: 'hello', session: 's', hello: { agentVersion: noise } }), /larger than the link carries/)
})

const bad: readonly { name: string; type: UpType; payload: string | Buffer }[] = [
  { name: 'nothing', type: 'hello', payload: '' },
  { name: 'no JSON', type: 'hello', payload: '{' },
  { name: 'a list', type: 'hello', payload: '[]' },
  { name: 'null', type: 'hello', payload: 'null' },
  { name: 'no session', type: 'resync', payload: '{"batch":1}' },
  { name: 'a hello without a version', type: 'hello', payload: '{"session":"s","hello":{}}' },
  { name: 'a batch that is no integer', type: 'resync', payload: '{"session":"s","batch":1.5}' },
  { name: 'a negative batch', type: 'resync', payload: '{"session":"s","batch":-1}' },
  { name: 'an unknown channel', type: 'got', payload: '{"session":"s","channel":"__proto__","through":1}' },
  { name: 'reports that are no list', type: 'report', payload: '{"session":"s","batch":1,"reports":{}}' },
  { name: 'a report without a type', type: 'report', payload: '{"session":"s","batch":1,"reports":[{"uid":"u"}]}' },
  {
    name: 'a pod status without a uid',
    type: 'report',
    payload: '{"session":"s","batch":1,"reports":[{"type":"pod-gone","namespace":"a","name":"b"}]}',
  },
  {
    name: 'a deflated message that is cut off',
    type: 'hello',
    payload: Buffer.concat([Buffer.of(1), deflateRawSync('{"session":"s"}').subarray(0, 5)]),
  },
  {
    name: 'a message that inflates beyond all bounds',
    type: 'hello',
    payload: Buffer.concat([Buffer.of(1), deflateRawSync(Buffer.alloc(33 * 2 ** 20))]),
  },
]
for (const { name, type, payload } of bad)
  test(`${name} is refused when read`, () => assert.throws(() => decodeUp(type, Buffer.from(payload))))

test('no mutation of a message does worse than be refused', () => {
  for (let seed = 1; seed <= 300; seed++) {
    const random = seeded(seed)
    const message = [...up, ...down][Math.floor(random() * (up.length + down.length))]!
    const isUp = up.includes(message as UpMessage)
    const payload = isUp ? encodeUp(message as UpMessage) : encodeDown(message as DownMessage)
    for (let i = 0; i < 3; i++) payload[Math.floor(random() * payload.length)] = Math.floor(random() * 256)
    try {
      const decoded = isUp ? decodeUp(message.type as UpType, payload) : decodeDown(message.type as DownType, payload)
      assert.equal(typeof decoded.session, 'string')
    } catch (error) {
      assert.ok(error instanceof Error, `seed ${seed}`)
    }
  }
})
