import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SimClock } from '@bramble/reconcile/sim/sim-clock'
import { parseCriConfig } from '../cri-config.ts'
import { StreamTokens } from './stream-tokens.ts'

test('a key is good once, and for a minute', async () => {
  const clock = new SimClock()
  const tokens = new StreamTokens<string>(clock)
  const [first, second] = [tokens.add('first'), tokens.add('second')]
  assert.match(first, /^[\w-]{32}$/)
  assert.deepEqual([tokens.take(first), tokens.take(first), tokens.take('guessed')], ['first', undefined, undefined])
  await clock.advance(60_000)
  assert.equal(tokens.take(second), undefined)
})

test('so many keys wait at most; old ones make room', async () => {
  const clock = new SimClock()
  const tokens = new StreamTokens<number>(clock)
  for (let index = 0; index < 1000; index++) tokens.add(index)
  assert.throws(() => tokens.add(1000), /maximum number of in-flight requests exceeded/)
  await clock.advance(60_000)
  assert.equal(tokens.take(tokens.add(1001)), 1001)
})

test('settings of bramble cri', () => {
  assert.deepEqual(parseCriConfig({ 'pod-cidr': '10.42.9.0/24', 'stream-address': '127.0.0.1:10010' }), {
    socketPath: '/run/bramble/cri.sock',
    podCidr: '10.42.9.0/24',
    streamHost: '127.0.0.1',
    streamPort: 10010,
    logLevel: 'info',
  })
  for (const bad of [{ listen: 'tcp://0.0.0.0:1' }, { 'pod-cidr': '10.42.0.0' }, { 'stream-address': '0.0.0.0:0' }])
    assert.throws(() => parseCriConfig(bad), { name: 'SettingsError' })
})
