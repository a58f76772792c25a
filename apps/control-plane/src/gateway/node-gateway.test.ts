import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keyOf, mutableCopy } from '@bramble/api/object'
import type { KubeEvent } from '@bramble/api/types/core'
import type { PodStatus } from '@bramble/api/types/pod'
import type { Service } from '@bramble/api/types/service'
import type { StatusReport } from '@bramble/link/link'
import type { MemoryLink } from '@bramble/link/memory-link'
import { configMaps } from '../resources/config-map.ts'
import { events } from '../resources/event.ts'
import { leases } from '../resources/lease.ts'
import { nodeMetrics } from '../resources/node-metrics.ts'
import { nodes } from '../resources/node.ts'
import { pods } from '../resources/pod.ts'
import { services } from '../resources/service.ts'
import { harness, ids, nodeStatus, type PlayedNode, podGone, podStatus, readyOf } from './gateway.fixture.ts'

test('a node is told its pods and what they name, and hears of changes at once', async (t) => {
  const h = await harness(t)
  await h.addSecret('mine', 'one')
  await h.addSecret('other', 'two')
  await h.addPod('web', 'pi-1', { imagePullSecrets: [{ name: 'mine' }] })
  await h.addPod('db', 'pi-2', { imagePullSecrets: [{ name: 'other' }] })
  const node = await h.connect('pi-1')
  assert.deepEqual(ids(node), ['Pod default/web', 'Secret default/mine'])

  await h.client.create<Service>(services, {
    metadata: { name: 'web', namespace: 'default' },
    spec: { clusterIP: 'None', ports: [{ port: 80 }] },
  })
  await h.pass(10)
  assert.deepEqual(ids(node), ['Pod default/web', 'Secret default/mine', 'Service default/web'])

  await h.client.delete(pods, 'default/web', { gracePeriodSeconds: 0 })
  await h.pass(10)
  assert.deepEqual(ids(node), ['Service default/web'])
})

test('a ConfigMap made after the pod that names it arrives, and its changes too', async (t) => {
  const h = await harness(t)
  await h.addPod('web', 'pi-1', { volumes: [{ name: 'v', configMap: { name: 'late' } }] })
  const node = await h.connect('pi-1')
  assert.deepEqual(ids(node), ['Pod default/web'])
  const made = await h.client.create(configMaps, { metadata: { name: 'late', namespace: 'default' }, data: { a: '1' } })
  await h.pass(10)
  await h.client.update(configMaps, { ...mutableCopy(made), data: { a: '2' } })
  await h.pass(10)
  assert.deepEqual((node.assigned!.objects.get('ConfigMap default/late') as typeof made).data, { a: '2' })
})

test('a burst is one message, and nodes that it does not concern hear nothing', async (t) => {
  const h = await harness(t)
  const one = await h.connect('pi-1')
  const two = await h.connect('pi-2')
  for (let i = 0; i < 20; i++) await h.addPod(`p${i}`, 'pi-1')
  await h.pass(10)
  assert.equal(ids(one).length, 20)
  assert.deepEqual(
    one.messages.map(({ type }) => type),
    ['complete', 'incremental'],
  )
  assert.deepEqual(
    two.messages.map(({ type }) => type),
    ['complete'],
  )
})

test('what a node reports does not come back to it', async (t) => {
  const h = await harness(t)
  const pod = await h.addPod('web', 'pi-1')
  const node = await h.connect('pi-1')
  await h.report(node, podStatus(pod, { phase: 'Running', podIP: '10.42.0.2' }))
  await h.pass(100)
  assert.equal(h.client.get(pods, 'default/web')!.status!.podIP, '10.42.0.2')
  assert.equal(node.messages.length, 1)
})

test('after a restart of the control plane a node with the same content is told nothing', async (t) => {
  const h = await harness(t)
  await h.addSecret('mine', 'one')
  await h.addPod('web', 'pi-1', { imagePullSecrets: [{ name: 'mine' }] })
  const before = await h.connect('pi-1')
  await h.restart()
  await before.session.closed
  const after = await h.connect('pi-1', before.assigned)
  assert.deepEqual(after.messages, [])
  await h.addPod('more', 'pi-1')
  await h.pass(10)
  assert.deepEqual(
    after.messages.map(({ type }) => type),
    ['incremental'],
  )
  assert.deepEqual(ids(after), ['Pod default/more', 'Pod default/web', 'Secret default/mine'])
})

test('a node that holds something else is told all, and a resync too', async (t) => {
  const h = await harness(t)
  await h.addPod('web', 'pi-1')
  const node = await h.connect('pi-1', { version: 'old', objects: new Map() })
  assert.deepEqual(ids(node), ['Pod default/web'])
  const asked = node.session.resync()
  await h.pass(1)
  await asked
  assert.deepEqual(
    node.messages.map(({ type }) => type),
    ['complete', 'complete'],
  )
})

test('the first report registers the node; heartbeats alone are no writes', async (t) => {
  const h = await harness(t)
  const node = await h.connect('pi-1')
  assert.equal(h.client.get(nodes, 'pi-1'), undefined)
  await h.report(node, nodeStatus())
  const made = h.client.get(nodes, 'pi-1')!
  assert.equal(made.metadata.labels!['disktype'], 'ssd')
  assert.equal(made.status!.capacity!['cpu'], '4')
  assert.equal(readyOf(h, 'pi-1')!.status, 'True')
  await h.pass(60_000)
  await h.report(node, nodeStatus())
  assert.equal(h.client.get(nodes, 'pi-1')!.metadata.resourceVersion, made.metadata.resourceVersion)
})

test('while a node is connected its lease is renewed every 10 s, and costs the disk nothing', async (t) => {
  const h = await harness(t)
  const node = await h.connect('pi-1')
  await h.report(node, nodeStatus())
  const first = h.client.get(leases, 'kube-node-lease/pi-1')!
  const reserved = h.disk.reserved
  await h.pass(10_000)
  const second = h.client.get(leases, 'kube-node-lease/pi-1')!
  assert.ok(second.spec!.renewTime! > first.spec!.renewTime!)
  assert.equal(
    [...h.disk.entries.keys()].some((key) => key.includes('lease') && key.includes('pi-1')),
    false,
  )
  assert.ok(h.disk.reserved - reserved <= 10_000)
  h.link.cut('pi-1')
  await h.pass(60_000)
  assert.equal(h.client.get(leases, 'kube-node-lease/pi-1')!.spec!.renewTime, second.spec!.renewTime)
})

const endings = [
  { name: 'a lost link', end: async (h: { link: MemoryLink }) => h.link.cut('pi-1'), message: 'The link to the node was lost' },
  { name: 'a goodbye', end: async (_h: unknown, node: PlayedNode) => node.session.close(), message: 'The agent stopped' },
]
for (const { name, end, message } of endings)
  test(`after ${name} the node is Unknown at once, until it reports again`, async (t) => {
    const h = await harness(t)
    const node = await h.connect('pi-1')
    await h.report(node, nodeStatus(), { type: 'node-usage', atMs: 0, windowMs: 15_000, cpuMillis: 250.4, memoryBytes: 2 ** 20 })
    assert.deepEqual(h.client.get(nodeMetrics, 'pi-1')!.usage, { cpu: '250m', memory: '1Mi' })
    await end(h, node)
    await h.pass(1)
    assert.equal(readyOf(h, 'pi-1')!.status, 'Unknown')
    assert.equal(readyOf(h, 'pi-1')!.reason, 'NodeStatusUnknown')
    assert.equal(readyOf(h, 'pi-1')!.message, message)
    assert.equal(h.client.get(nodeMetrics, 'pi-1'), undefined)
    await h.report(await h.connect('pi-1', node.assigned), nodeStatus())
    assert.equal(readyOf(h, 'pi-1')!.status, 'True')
  })

test('a session that replaces another does not make the node Unknown', async (t) => {
  const h = await harness(t)
  await h.report(await h.connect('pi-1'), nodeStatus())
  const { resourceVersion } = h.client.get(nodes, 'pi-1')!.metadata
  await h.connect('pi-1')
  assert.equal(h.client.get(nodes, 'pi-1')!.metadata.resourceVersion, resourceVersion)
})

test('a pod that is being deleted goes when its node says that it is gone, not before', async (t) => {
  const h = await harness(t)
  const pod = await h.addPod('web', 'pi-1')
  const node = await h.connect('pi-1')
  await h.report(node, podGone(pod))
  assert.ok(h.client.get(pods, 'default/web'))
  await h.client.delete(pods, 'default/web')
  await h.pass(10)
  assert.ok(node.assigned!.objects.get('Pod default/web')!.metadata.deletionTimestamp)
  await h.report(node, podGone(pod))
  assert.equal(h.client.get(pods, 'default/web'), undefined)
  await h.report(node, podGone(pod), podStatus(pod, { phase: 'Failed' }))
  assert.equal(h.client.get(pods, 'default/web'), undefined)
})

test('a node cannot speak for the pods, the name or the events of others', async (t) => {
  const h = await harness(t)
  const other = await h.addPod('other', 'pi-2')
  await h.client.delete(pods, 'default/other')
  const own = await h.addPod('own', 'pi-1')
  const node = await h.connect('pi-1')
  const event = (name: string, involvedObject: object): StatusReport => ({
    type: 'event',
    event: {
      metadata: { name, namespace: 'default' },
      involvedObject,
      reason: 'R',
      message: 'm',
      type: 'Normal',
      count: 1,
      source: { component: 'x', host: 'pi-9' },
    } as KubeEvent,
  })
  await h.report(
    node,
    podStatus(other, { phase: 'Failed' }),
    podGone(other),
    podStatus({ ...own, metadata: { ...own.metadata, uid: 'another' } }, { phase: 'Failed' }),
    event('about-other', { kind: 'Pod', namespace: 'default', name: 'other' }),
    event('about-pi-2', { kind: 'Node', name: 'pi-2' }),
    event('about-own', { kind: 'Pod', namespace: 'default', name: 'own' }),
    event('about-itself', { kind: 'Node', name: 'pi-1' }),
  )
  assert.notEqual(h.client.get(pods, 'default/other')!.status?.phase, 'Failed')
  assert.notEqual(h.client.get(pods, 'default/own')!.status?.phase, 'Failed')
  assert.deepEqual(
    h.client
      .list(events)
      .map(({ metadata }) => metadata.name)
      .sort(),
    ['about-itself', 'about-own'],
  )
  assert.equal(h.client.get(events, 'default/about-own')!.source!.host, 'pi-1')
})

test('a repeated event raises the count', async (t) => {
  const h = await harness(t)
  const node = await h.connect('pi-1')
  const event = (count: number): StatusReport => ({
    type: 'event',
    event: {
      metadata: { name: 'e', namespace: 'default' },
      involvedObject: { kind: 'Node', name: 'pi-1' },
      reason: 'R',
      message: `m${count}`,
      count,
    } as KubeEvent,
  })
  await h.report(node, event(1))
  await h.report(node, event(2))
  assert.deepEqual([h.client.get(events, 'default/e')!.count, h.client.get(events, 'default/e')!.message], [2, 'm2'])
})

test('what cannot be stored ever is dropped; what cannot be stored now is not taken', async (t) => {
  const h = await harness(t)
  const pod = await h.addPod('web', 'pi-1')
  const node = await h.connect('pi-1')
  await h.report(node, podStatus(pod, { phase: 'Running', containerStatuses: 'nonsense' } as unknown as PodStatus), nodeStatus())
  assert.ok(h.client.get(nodes, 'pi-1'), 'the rest of the batch is stored')
  h.disk.full = true
  await assert.rejects(h.report(node, podStatus(pod, { phase: 'Running' })))
  h.disk.full = false
  await h.report(node, podStatus(pod, { phase: 'Running' }))
  assert.equal(h.client.get(pods, 'default/web')!.status!.phase, 'Running')
})

test('streams are asked for over the link, and a node that is away says so', async (t) => {
  const h = await harness(t)
  await assert.rejects(h.gateway.requestStream('pi-1', 'abc'), { reason: 'ServiceUnavailable' })
  const node = await h.connect('pi-1')
  await h.gateway.requestStream('pi-1', 'abc')
  for await (const { id } of node.session.streams) {
    assert.equal(id, 'abc')
    break
  }
})

test('under loss, repeats and reordering every node ends up with what it shall know', async (t) => {
  const h = await harness(t)
  const played = [await h.connect('pi-1'), await h.connect('pi-2')]
  Object.assign(h.link.faults, { loss: 0.2, repeat: 0.2, reorder: 0.3, delayMs: 50 })
  for (let i = 0; i < 60; i++) {
    const name = `p${Math.floor(h.env.random() * 10)}`
    if (h.env.random() < 0.3) {
      if (h.client.get(services, `default/${name}`)) await h.client.delete(services, `default/${name}`)
      else
        await h.client.create<Service>(services, {
          metadata: { name, namespace: 'default' },
          spec: { clusterIP: 'None', ports: [{ port: 80 }] },
        })
      continue
    }
    const there = h.client.get(pods, `default/${name}`)
    if (there) await h.client.delete(pods, keyOf(there), { gracePeriodSeconds: 0 })
    else await h.addPod(name, `pi-${1 + Math.floor(h.env.random() * 2)}`)
    await h.pass(h.env.random() * 100)
  }
  Object.assign(h.link.faults, { loss: 0, repeat: 0, reorder: 0, delayMs: 0 })
  await h.pass(60_000)
  for (const [index, node] of played.entries()) {
    const wanted = h.client.list(pods, { fields: [{ path: 'spec.nodeName', operator: '=', value: `pi-${index + 1}` }] })
    assert.deepEqual(
      ids(node),
      [...wanted.map((pod) => `Pod ${keyOf(pod)}`), ...h.client.list(services).map((service) => `Service ${keyOf(service)}`)].sort(),
    )
  }
})

test('a node of a version that is far away is served, and people hear of it', async (t) => {
  const h = await harness(t)
  await h.report(await h.connect('pi-1', undefined, '0.2.0'), nodeStatus())
  await h.addPod('web', 'pi-1')
  for (const version of ['0.2.0', '0.6.0']) await h.connect('pi-1', undefined, version)
  assert.deepEqual(h.told, [])
  const node = await h.connect('pi-1', undefined, '0.1.0')
  assert.deepEqual(ids(node), ['Node pi-1', 'Pod default/web'])
  assert.match(h.told.join(), /^Warning VersionSkew pi-1: the agent is 0\.1\.0 and the control plane 0\.4\.0: .*upgrade this node/)
})
