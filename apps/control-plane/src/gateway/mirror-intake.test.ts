import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pod, PodSpec } from '@bramble/api/types/pod'
import type { StatusReport } from '@bramble/link/link'
import { nodes } from '../resources/node.ts'
import { pods } from '../resources/pod.ts'
import { harness, ids, nodeStatus, podStatus } from './gateway.fixture.ts'

const aMirror = (hash: string, spec: Partial<PodSpec> = {}, change: Partial<Pod['metadata']> = {}): StatusReport => ({
  type: 'mirror-pod',
  pod: {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'web-pi-1',
      namespace: 'default',
      uid: hash,
      resourceVersion: '',
      creationTimestamp: '',
      annotations: { 'kubernetes.io/config.hash': hash, 'kubernetes.io/config.mirror': hash, 'kubernetes.io/config.source': 'file' },
      ...change,
    },
    spec: { nodeName: 'pi-1', containers: [{ name: 'app', image: 'localhost/app:1' }], ...spec },
  },
})

test('a node shows what it runs of its own accord: the API gives it a uid, and the node owns it', async (t) => {
  const h = await harness(t)
  const node = await h.connect('pi-1')
  await h.report(node, nodeStatus(), aMirror('h1'))
  const mirror = h.client.get(pods, 'default/web-pi-1')!
  const owner = mirror.metadata.ownerReferences![0]!
  assert.deepEqual([owner.kind, owner.name, owner.uid, owner.controller], ['Node', 'pi-1', h.client.get(nodes, 'pi-1')!.metadata.uid, true])
  assert.notEqual(mirror.metadata.uid, 'h1')
  await h.pass(100)
  assert.deepEqual(ids(node), ['Node pi-1', 'Pod default/web-pi-1'])
  await h.report(node, podStatus(mirror, { phase: 'Running' }))
  assert.equal(h.client.get(pods, 'default/web-pi-1')!.status!.phase, 'Running')
})

test('saying it again changes nothing; another content replaces it; the node takes it away', async (t) => {
  const h = await harness(t)
  const node = await h.connect('pi-1')
  await h.report(node, nodeStatus(), aMirror('h1'))
  const { uid } = h.client.get(pods, 'default/web-pi-1')!.metadata
  await h.report(node, aMirror('h1'))
  assert.equal(h.client.get(pods, 'default/web-pi-1')!.metadata.uid, uid)
  await h.report(node, aMirror('h2'))
  const next = h.client.get(pods, 'default/web-pi-1')!
  assert.notEqual(next.metadata.uid, uid)
  assert.equal(next.metadata.annotations!['kubernetes.io/config.mirror'], 'h2')
  await h.report(node, { type: 'pod-gone', namespace: 'default', name: 'web-pi-1', uid: next.metadata.uid })
  assert.equal(h.client.get(pods, 'default/web-pi-1'), undefined)
})

test('a mirror that somebody deletes is gone when its node says so, and can come again', async (t) => {
  const h = await harness(t)
  const node = await h.connect('pi-1')
  await h.report(node, nodeStatus(), aMirror('h1'))
  const { uid } = h.client.get(pods, 'default/web-pi-1')!.metadata
  await h.client.delete(pods, 'default/web-pi-1')
  await h.report(node, { type: 'pod-gone', namespace: 'default', name: 'web-pi-1', uid }, aMirror('h1'))
  await h.report(node, aMirror('h1'))
  assert.notEqual(h.client.get(pods, 'default/web-pi-1')!.metadata.uid, uid)
})

const refusals: readonly { readonly name: string; readonly report: StatusReport }[] = [
  { name: 'of another node by its name', report: aMirror('h1', {}, { name: 'web-pi-2' }) },
  { name: 'on another node', report: aMirror('h1', { nodeName: 'pi-2' }) },
  { name: 'of nothing', report: aMirror('h1', {}, { annotations: {} }) },
  {
    name: 'of something else than it says',
    report: aMirror('h1', {}, { annotations: { 'kubernetes.io/config.hash': 'h1', 'kubernetes.io/config.mirror': 'h2' } }),
  },
  { name: 'that reads a secret', report: aMirror('h1', { volumes: [{ name: 'v', secret: { secretName: 's' } }] }) },
  { name: 'that reads a config map', report: aMirror('h1', { volumes: [{ name: 'v', configMap: { name: 's' } }] }) },
  { name: 'with an account', report: aMirror('h1', { serviceAccountName: 'admin' }) },
]
for (const { name, report } of refusals)
  test(`no node makes a mirror ${name}`, async (t) => {
    const h = await harness(t)
    const node = await h.connect('pi-1')
    await h.report(node, nodeStatus(), report)
    assert.deepEqual(h.client.list(pods), [])
  })

test('a pod that others made is not replaced, nor taken away', async (t) => {
  const h = await harness(t)
  const node = await h.connect('pi-1')
  const pod = await h.addPod('web-pi-1', 'pi-1')
  await h.report(node, nodeStatus(), aMirror('h1'))
  await h.report(node, { type: 'pod-gone', namespace: 'default', name: 'web-pi-1', uid: pod.metadata.uid })
  assert.equal(h.client.get(pods, 'default/web-pi-1')!.metadata.uid, pod.metadata.uid)
})

test("another node's mirror is not for a node to take away", async (t) => {
  const h = await harness(t)
  const [mine, other] = [await h.connect('pi-1'), await h.connect('pi-2')]
  await h.report(mine, nodeStatus(), aMirror('h1'))
  const { uid } = h.client.get(pods, 'default/web-pi-1')!.metadata
  await h.report(other, { type: 'pod-gone', namespace: 'default', name: 'web-pi-1', uid })
  assert.equal(h.client.get(pods, 'default/web-pi-1')!.metadata.uid, uid)
})
