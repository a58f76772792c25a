import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseAgentConfig } from './config.ts'

test('taints are read as kubectl has them', () => {
  assert.deepEqual(parseAgentConfig({ taint: ['dedicated=camera:NoSchedule', 'slow:PreferNoSchedule'] }).taints, [
    { key: 'dedicated', value: 'camera', effect: 'NoSchedule' },
    { key: 'slow', effect: 'PreferNoSchedule' },
  ])
  for (const taint of ['dedicated', 'dedicated=camera', 'dedicated=camera:Never', '=camera:NoSchedule', 'a b:NoSchedule'])
    assert.throws(() => parseAgentConfig({ taint: [taint] }), /taint: .*must be key=value:Effect/)
})

const metered: readonly (readonly [name: string, given: Record<string, unknown>, label: string | undefined, keepaliveSeconds: number])[] = [
  ['a node with a line that costs nothing', {}, undefined, 10],
  ['a node whose every byte costs', { metered: true }, 'true', 240],
  ['one whose operator wants to know the sooner', { metered: true, keepalive: 30 }, 'true', 30],
  ['one whose operator has another word for it', { metered: true, label: ['bramble.dev/metered=lte'] }, 'lte', 240],
]
for (const [name, given, label, keepaliveSeconds] of metered)
  test(`${name} is labelled and probed so`, () => {
    const config = parseAgentConfig(given)
    assert.deepEqual([config.labels['bramble.dev/metered'], config.keepaliveSeconds], [label, keepaliveSeconds])
  })
