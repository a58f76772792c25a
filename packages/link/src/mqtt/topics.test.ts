import assert from 'node:assert/strict'
import { test } from 'node:test'
import { downFilter, downTopic, mayPublish, maySubscribe, parseDownTopic, parseUpTopic, upTopic } from './topics.ts'

test('topics name node and type, both ways', () => {
  assert.equal(upTopic('pi-1', 'hello'), 'bramble/v1/nodes/pi-1/up/hello')
  assert.deepEqual(parseUpTopic(upTopic('pi-1.lan', 'report')), { nodeName: 'pi-1.lan', type: 'report' })
  assert.equal(parseDownTopic('pi-1', downTopic('pi-1', 'assign')), 'assign')
  assert.equal(parseDownTopic('pi-1', downTopic('pi-2', 'assign')), undefined)
})

const topics = [
  { topic: 'bramble/v1/nodes/pi-1/up/hello', publish: true, subscribe: false },
  { topic: 'bramble/v1/nodes/pi-1/down/assign', publish: false, subscribe: true },
  { topic: downFilter('pi-1'), publish: false, subscribe: true },
  { topic: 'bramble/v1/nodes/pi-2/up/hello', publish: false, subscribe: false },
  { topic: 'bramble/v1/nodes/pi-10/up/hello', publish: false, subscribe: false },
  { topic: 'bramble/v1/nodes/pi-1/up/toString', publish: false, subscribe: false },
  { topic: 'bramble/v1/nodes/pi-1/up/hello/more', publish: false, subscribe: false },
  { topic: 'bramble/v1/nodes/pi-1/up', publish: false, subscribe: false },
  { topic: 'bramble/v1/nodes/+/down/+', publish: false, subscribe: false },
  { topic: 'bramble/v1/nodes/pi-1/#', publish: false, subscribe: false },
  { topic: '#', publish: false, subscribe: false },
  { topic: '$share/g/bramble/v1/nodes/pi-1/down/+', publish: false, subscribe: false },
  { topic: '', publish: false, subscribe: false },
]
for (const { topic, publish, subscribe } of topics)
  test(`pi-1 ${publish ? 'may' : 'may not'} write and ${subscribe ? 'may' : 'may not'} read "${topic}"`, () => {
    assert.equal(mayPublish('pi-1', topic), publish)
    assert.equal(maySubscribe('pi-1', topic), subscribe)
  })
