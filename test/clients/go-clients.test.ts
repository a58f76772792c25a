import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type HollowFleet, hollowFleet } from '../sim/hollow-fleet.ts'
import { event, lease } from './messages.ts'
import { GO_ACCEPT, PROTOBUF, Wire } from './wire.ts'

// What programs on client-go send: protobuf bodies, informers that begin with a watch, leases, Events, metadata alone.

const NS = '/api/v1/namespaces/default'
const INITIAL = 'allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan&sendInitialEvents=true&watch=true&timeoutSeconds=60'
const STRATEGIC = 'application/strategic-merge-patch+json'
const NOW_SECONDS = 1_800_000_000
const go = { accept: GO_ACCEPT }

let fleet: HollowFleet
let wire: Wire
before(async () => {
  fleet = await hollowFleet(0)
  wire = await Wire.open(fleet.kubeconfig)
})
after(async () => {
  wire.close()
  await fleet.stop()
})

describe('negotiation', () => {
  it('answers JSON to who prefers protobuf', async () => {
    const { code, headers, json } = await wire.send({ path: NS, headers: go })
    assert.deepEqual([code, headers['content-type'], json.kind], [200, 'application/json', 'Namespace'])
  })

  it('refuses who takes nothing but protobuf', async () => {
    const { code, json } = await wire.send({ path: NS, headers: { accept: PROTOBUF } })
    assert.deepEqual([code, json.reason], [406, 'NotAcceptable'])
  })

  it('takes JSON where CBOR is preferred', async () => {
    const { code, headers } = await wire.send({ path: NS, headers: { accept: 'application/cbor;q=1,application/json;q=0.9' } })
    assert.deepEqual([code, headers['content-type']], [200, 'application/json'])
  })
})

describe('a reflector', () => {
  it('begins with a watch: what there is, a bookmark, then what happens', async () => {
    await wire.must({ method: 'POST', path: `${NS}/configmaps`, body: { metadata: { name: 'first' } } })
    const { response, events } = await wire.watch(`${NS}/configmaps?${INITIAL}`, go)
    assert.equal(response.headers['content-type'], 'application/json')
    const seen: string[] = []
    for await (const { type, object } of events) {
      if (object.metadata.name === 'kube-root-ca.crt') continue
      seen.push(`${type} ${object.metadata.name ?? ''}`.trim())
      if (type === 'BOOKMARK') {
        assert.deepEqual(object.metadata.annotations, { 'k8s.io/initial-events-end': 'true' })
        assert.deepEqual([object.kind, object.apiVersion], ['ConfigMap', 'v1'])
        await wire.must({ method: 'POST', path: `${NS}/configmaps`, body: { metadata: { name: 'second' } } })
        await wire.must({ method: 'DELETE', path: `${NS}/configmaps/first` })
      }
      if (type === 'DELETED') break
    }
    assert.deepEqual(seen, ['ADDED first', 'BOOKMARK', 'ADDED second', 'DELETED first'])
    await wire.must({ method: 'DELETE', path: `${NS}/configmaps/second` })
  })

  it('that may not begin so lists anything there is, then watches from there', async () => {
    const list = await wire.must({ path: '/api/v1/configmaps?limit=500&resourceVersion=0', headers: go })
    const { events } = await wire.watch(
      `/api/v1/configmaps?allowWatchBookmarks=true&resourceVersion=${list.metadata.resourceVersion}&timeoutSeconds=60&watch=true`,
      go,
    )
    const next = events.next()
    await wire.must({ method: 'POST', path: `${NS}/configmaps`, body: { metadata: { name: 'third' } } })
    const { value } = (await next) as { value: { type: string; object: { metadata: { name: string; resourceVersion: string } } } }
    assert.deepEqual([value.type, value.object.metadata.name], ['ADDED', 'third'])
    assert.ok(Number(value.object.metadata.resourceVersion) > Number(list.metadata.resourceVersion), 'positions are numbers that grow')
    await events.return(undefined)
    await wire.must({ method: 'DELETE', path: `${NS}/configmaps/third` })
  })

  it('that asks in a way that is not allowed is told why', async () => {
    const { code, json } = await wire.send({ path: `${NS}/configmaps?watch=true&sendInitialEvents=true` })
    assert.equal(code, 422)
    assert.match(json.message, /resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan/)
  })

  it('of the future is asked to come again', async () => {
    const { code, json, headers } = await wire.send({ path: `${NS}/configmaps?resourceVersion=999999999&timeoutSeconds=1` })
    assert.deepEqual(
      [code, json.reason, json.details.causes[0].reason, headers['retry-after']],
      [504, 'Timeout', 'ResourceVersionTooLarge', '1'],
    )
  })
})

describe('leader election', () => {
  const LEASES = '/apis/coordination.k8s.io/v1/namespaces/default/leases'
  const put = (holder: string, resourceVersion: string, seconds: number, transitions: number) =>
    wire.send({
      method: 'PUT',
      path: `${LEASES}/leader`,
      headers: go,
      body: lease({ name: 'leader', namespace: 'default', resourceVersion }, holder, seconds, transitions),
    })

  it('is won by who writes first; who read before loses', async () => {
    assert.equal((await wire.send({ path: `${LEASES}/leader`, headers: go })).code, 404)
    const created = await wire.must({
      method: 'POST',
      path: LEASES,
      headers: go,
      body: lease({ name: 'leader', namespace: 'default' }, 'anna', NOW_SECONDS, 0),
    })
    assert.deepEqual(created.spec, {
      holderIdentity: 'anna',
      leaseDurationSeconds: 15,
      acquireTime: '2027-01-15T08:00:00.000000Z',
      renewTime: '2027-01-15T08:00:00.000000Z',
      leaseTransitions: 0,
    })
    const second = await wire.send({
      method: 'POST',
      path: LEASES,
      headers: go,
      body: lease({ name: 'leader', namespace: 'default' }, 'ben', NOW_SECONDS, 0),
    })
    assert.deepEqual([second.code, second.json.reason], [409, 'AlreadyExists'])

    const renewed = await put('anna', created.metadata.resourceVersion, NOW_SECONDS + 2, 0)
    assert.equal(renewed.code, 200)
    const late = await put('ben', created.metadata.resourceVersion, NOW_SECONDS + 2, 1)
    assert.deepEqual([late.code, late.json.reason], [409, 'Conflict'])
    const taken = await put('ben', renewed.json.metadata.resourceVersion, NOW_SECONDS + 30, 1)
    assert.deepEqual([taken.code, taken.json.spec.holderIdentity, taken.json.spec.leaseTransitions], [200, 'ben', 1])
  })
})

describe('an event recorder', () => {
  it('writes an Event and counts what happens again', async () => {
    const meta = { name: 'web.17d0c2f9a1b2c3d4', namespace: 'default' }
    const created = await wire.must({ method: 'POST', path: `${NS}/events`, headers: go, body: event(meta, 'web', NOW_SECONDS) })
    assert.deepEqual(
      [created.count, created.involvedObject, created.source],
      [1, { kind: 'Pod', namespace: 'default', name: 'web', apiVersion: 'v1' }, { component: 'tester' }],
    )
    const again = await wire.must({
      method: 'PATCH',
      path: `${NS}/events/${meta.name}`,
      headers: { ...go, 'content-type': STRATEGIC },
      body: { count: 2, lastTimestamp: '2027-01-15T08:00:05Z' },
    })
    assert.deepEqual([again.count, again.firstTimestamp, again.lastTimestamp], [2, '2027-01-15T08:00:00Z', '2027-01-15T08:00:05Z'])
    const { items } = await wire.must({
      path: `${NS}/events?fieldSelector=${encodeURIComponent('involvedObject.name=web,involvedObject.namespace=default,type=Normal')}`,
      headers: go,
    })
    assert.equal(items.length, 1)
  })

  it('of the newer group writes a series; both groups show the same object', async () => {
    const EVENTS = '/apis/events.k8s.io/v1/namespaces/default/events'
    const body = {
      metadata: { name: 'web.17d0c2f9a1b2c3d5' },
      eventTime: '2027-01-15T08:00:00.000000Z',
      reportingController: 'example.com/tester',
      reportingInstance: 'tester-1',
      action: 'Testing',
      reason: 'Tested',
      type: 'Normal',
      note: 'it was tested',
      regarding: { apiVersion: 'v1', kind: 'Pod', namespace: 'default', name: 'web' },
    }
    await wire.must({ method: 'POST', path: EVENTS, body })
    const series = { count: 2, lastObservedTime: '2027-01-15T08:00:09.000000Z' }
    const patched = await wire.must({
      method: 'PATCH',
      path: `${EVENTS}/${body.metadata.name}`,
      headers: { 'content-type': STRATEGIC },
      body: { series },
    })
    assert.deepEqual(patched.series, series)
    const core = await wire.must({ path: `${NS}/events/${body.metadata.name}` })
    assert.deepEqual(
      [core.message, core.involvedObject.name, core.reportingComponent, core.series.count],
      ['it was tested', 'web', 'example.com/tester', 2],
    )
  })
})

describe('a metadata informer', () => {
  const as = (kind: string): Record<string, string> => ({
    accept: `application/vnd.kubernetes.protobuf;as=${kind};g=meta.k8s.io;v=v1,application/json;as=${kind};g=meta.k8s.io;v=v1,application/json`,
  })

  it('gets the metadata of a list and of each event, and nothing else', async () => {
    await wire.must({
      method: 'POST',
      path: `${NS}/configmaps`,
      body: { metadata: { name: 'heavy', labels: { a: 'b' } }, data: { a: 'x'.repeat(1_000) } },
    })
    const list = await wire.must({ path: `${NS}/configmaps?labelSelector=a`, headers: as('PartialObjectMetadataList') })
    assert.deepEqual([list.kind, list.apiVersion], ['PartialObjectMetadataList', 'meta.k8s.io/v1'])
    assert.deepEqual(
      list.items.map((item: object) => Object.keys(item).filter((key) => key !== 'kind' && key !== 'apiVersion')),
      [['metadata']],
    )
    const { events } = await wire.watch(`${NS}/configmaps?watch=true&labelSelector=a`, as('PartialObjectMetadata'))
    const { value } = (await events.next()) as { value: { type: string; object: Record<string, unknown> } }
    assert.deepEqual(
      [value.type, value.object['kind'], value.object['apiVersion'], 'data' in value.object],
      ['ADDED', 'PartialObjectMetadata', 'meta.k8s.io/v1', false],
    )
    await events.return(undefined)
  })
})
