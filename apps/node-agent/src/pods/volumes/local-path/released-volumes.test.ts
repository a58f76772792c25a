import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LOCAL_PATH_PROVISIONER, type PersistentVolume, PROVISIONED_BY } from '@bramble/api/types/volume'
import type { StatusReport } from '@bramble/link/link'
import { simEnv } from '@bramble/reconcile/sim/sim-env'
import { ReleasedVolumes } from './released-volumes.ts'

const aVolume = (name: string, phase = 'Released', change: Partial<PersistentVolume['spec']> = {}): PersistentVolume => ({
  metadata: {
    name,
    uid: `uid-${name}`,
    resourceVersion: '1',
    creationTimestamp: '',
    annotations: { [PROVISIONED_BY]: LOCAL_PATH_PROVISIONER },
  },
  spec: { local: { path: `/volumes/${name}` }, persistentVolumeReclaimPolicy: 'Delete', ...change },
  status: { phase },
})

function aNode(outcomes: (boolean | Error)[] = []) {
  const env = simEnv(1)
  const removed: string[] = []
  const reports: StatusReport[] = []
  const volumes = new ReleasedVolumes({
    env,
    files: {
      removeVolume: async ({ metadata }) => {
        removed.push(metadata.name)
        const outcome = outcomes.shift() ?? true
        if (outcome instanceof Error) throw outcome
        return outcome
      },
    },
    send: (report) => reports.push(report),
  })
  const stop = new AbortController()
  const running = volumes.run(stop.signal)
  return {
    volumes,
    removed,
    reports,
    pass: (ms: number) => env.clock.advance(ms),
    end: async () => {
      stop.abort()
      await env.clock.advance(0)
      await running
    },
  }
}

const kept: readonly (readonly [string, PersistentVolume])[] = [
  ['that is bound', aVolume('a', 'Bound')],
  ['that shall be kept', aVolume('a', 'Released', { persistentVolumeReclaimPolicy: 'Retain' })],
  ['that somebody else made', { ...aVolume('a'), metadata: { ...aVolume('a').metadata, annotations: {} } }],
  ['that is no folder', aVolume('a', 'Released', { local: undefined as never, nfs: { server: 's', path: '/' } })],
]
for (const [what, volume] of kept)
  test(`a volume ${what} stays`, async () => {
    const node = aNode()
    node.volumes.set([volume])
    await node.pass(60_000)
    await node.end()
    assert.deepEqual([node.removed, node.reports], [[], []])
  })

test('a released volume is removed and told once, however often it is seen again', async () => {
  const node = aNode()
  node.volumes.set([aVolume('a'), aVolume('b', 'Bound')])
  await node.pass(0)
  node.volumes.set([aVolume('a'), aVolume('b')])
  await node.pass(0)
  node.volumes.set([])
  await node.pass(60_000)
  await node.end()
  assert.deepEqual(node.reports, [
    { type: 'volume-gone', name: 'a', uid: 'uid-a' },
    { type: 'volume-gone', name: 'b', uid: 'uid-b' },
  ])
  assert.deepEqual(node.removed, ['a', 'b'])
})

test('a failure is told once for each reason, and it is tried again, also when the volume counts as failed by then', async () => {
  const busy = new Error('busy')
  const node = aNode([busy, busy, new Error('read-only'), true])
  node.volumes.set([aVolume('a')])
  await node.pass(0)
  node.volumes.set([aVolume('a', 'Failed')])
  await node.pass(120_000)
  await node.end()
  assert.deepEqual(node.reports, [
    { type: 'volume-failed', name: 'a', uid: 'uid-a', message: 'busy' },
    { type: 'volume-failed', name: 'a', uid: 'uid-a', message: 'read-only' },
    { type: 'volume-gone', name: 'a', uid: 'uid-a' },
  ])
})

test('a volume that a pod still has is waited for', async () => {
  const node = aNode([false, false])
  node.volumes.set([aVolume('a')])
  await node.pass(19_000)
  assert.deepEqual(node.reports, [])
  await node.pass(2_000)
  await node.end()
  assert.deepEqual(node.reports, [{ type: 'volume-gone', name: 'a', uid: 'uid-a' }])
})

test('a volume that is claimed again in time stays', async () => {
  const node = aNode([false])
  node.volumes.set([aVolume('a')])
  await node.pass(0)
  node.volumes.set([aVolume('a', 'Bound')])
  await node.pass(60_000)
  await node.end()
  assert.deepEqual(node.removed, ['a'])
})
