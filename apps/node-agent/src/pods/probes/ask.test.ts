import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Probe } from '@bramble/api/types/pod'
import { RuntimeError } from '../../runtime/runtime.ts'
import { aContainer } from '../pods-harness.ts'
import { ask, type ProbeAnswer } from './ask.ts'
import { FakeDialer } from './fake-dialer.ts'
import { ProbeSlots } from './probe-slots.ts'

const container = aContainer('main', { ports: [{ name: 'http', containerPort: 8080 }] })
const dialer = new FakeDialer()
dialer.closed.add('closed')
dialer.answers.set('/moved', 301).set('/broken', 503).set('/odd', 199)

const asked = (probe: Probe, exec: () => Promise<{ readonly exitCode: number; readonly output: string }> = async () => assert.fail()) =>
  ask({ runtime: { exec }, dialer, slots: { exec: new ProbeSlots(1), network: new ProbeSlots(1) } }, container, 'id', '10.42.0.2', probe)

const cases: readonly { readonly name: string; readonly probe: Probe; readonly is: ProbeAnswer }[] = [
  { name: 'an answer below 400', probe: { httpGet: { port: 'http' } }, is: { type: 'well' } },
  {
    name: 'a redirect that leads away',
    probe: { httpGet: { port: 80, path: '/moved' } },
    is: { type: 'well', warning: 'Probe terminated redirects, Response body: ' },
  },
  {
    name: 'an error',
    probe: { httpGet: { port: 80, path: 'broken' } },
    is: { type: 'ill', why: 'HTTP probe failed with statuscode: 503' },
  },
  {
    name: 'no final status',
    probe: { httpGet: { port: 80, path: '/odd' } },
    is: { type: 'ill', why: 'HTTP probe failed with statuscode: 199' },
  },
  {
    name: 'a host of its own',
    probe: { tcpSocket: { port: 80, host: 'closed' } },
    is: { type: 'ill', why: 'dial tcp closed:80: connect: connection refused' },
  },
  { name: 'an open port', probe: { tcpSocket: { port: 'http' } }, is: { type: 'well' } },
  {
    name: 'a port that has no such name',
    probe: { tcpSocket: { port: 'https' } },
    is: { type: 'unknown', why: "couldn't find port: https in container main" },
  },
  { name: 'a port that there is not', probe: { httpGet: { port: 70_000 } }, is: { type: 'unknown', why: 'invalid port number: 70000' } },
  { name: 'a service that serves', probe: { grpc: { port: 80 } }, is: { type: 'well' } },
]
for (const { name, probe, is } of cases) test(`probing ${name}: ${is.type}`, async () => assert.deepEqual(await asked(probe), is))

const exec: Probe = { exec: { command: ['check'] } }
test('a command that fails is ill with what it said, one that is late too; one that cannot be run says nothing', async () => {
  assert.deepEqual(await asked(exec, async () => ({ exitCode: 0, output: '' })), { type: 'well' })
  assert.deepEqual(await asked(exec, async () => ({ exitCode: 1, output: 'no' })), { type: 'ill', why: 'no' })
  const late = new RuntimeError('ExecTimeout', 'it did not end within 1000 ms')
  const why = 'command timed out: "check" timed out after 1s'
  assert.deepEqual(await asked(exec, () => Promise.reject(late)), { type: 'ill', why })
  const broken = new RuntimeError('RuntimeUnavailable', 'no socket')
  assert.deepEqual(await asked(exec, () => Promise.reject(broken)), { type: 'unknown', why: 'no socket' })
})

test('no more go on at once than there are slots, and all get their turn', async () => {
  const slots = new ProbeSlots(3)
  let [now, most, done] = [0, 0, 0]
  await Promise.allSettled(
    Array.from({ length: 20 }, (_, index) =>
      slots.run(async () => {
        most = Math.max(most, ++now)
        await new Promise<void>((resolve) => setImmediate(resolve))
        now--
        done++
        if (index % 5 === 0) throw new Error('failed')
      }),
    ),
  )
  assert.deepEqual([most, now, done], [3, 0, 20])
})
